"""The pytest plug-in that runs inside the sandbox and passes results to the channel.

It is copied beside ``inside.py`` and runs in foreign environments: standard library only, syntax
of Python 3.8, and hooks that pytest 7.2 to 9 know. Objects of pytest are untyped here, because
no single version's types hold. A result is green only where what was raised, the report that
was made and the report that the plug-ins saw agree.
"""

# ruff: noqa: ANN401  # objects of pytest, whose types differ from version to version
from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Generator

    Wrapper = Generator[None, Any, None]

LONGEST_ID = 500
"""Test ids beyond this many characters keep their head and end in a hash."""

_LONGEST_DETAIL = 400
_STEADY: dict[str, Any] = {
    # Plug-ins' options that would run tests elsewhere, again, in another order, or not at all.
    "numprocesses": None,
    "dist": "no",
    "distload": False,
    "tx": [],
    "looponfail": False,
    "reruns": 0,
    "randomly_reorganize": False,
    "maxfail": 0,
    "stepwise": False,
    "stepwise_skip": False,
    "lf": False,
    "failedfirst": False,
    "newfirst": False,
    "usepdb": False,
}


class Progress:
    """What is known of the test that runs now."""

    def __init__(self) -> None:
        self._made: dict[str, str] = {}
        self._logged: set[str] = set()
        self._failed_in = ""
        self._detail = ""
        self.missing: set[str] = set()

    def make(self, when: str, raised: BaseException | None, report: Any) -> None:
        """Take one phase: what was raised, and what the report made of it."""
        status = _status(report)
        if status == "passed" and raised is not None:
            status = "failed"  # Somebody's hook painted it green.
        if status in ("skipped", "xfailed", "failed") and not self._detail:
            self._detail = describe(raised) if raised is not None else _last_line(report.longrepr)
        if status == "failed":
            self.fail(when, raised)
        self._made[when] = status

    def fail(self, when: str, raised: BaseException | None) -> None:
        """Nothing that comes later makes this test green."""
        self._failed_in = self._failed_in or when
        if raised is not None:
            self.missing.update(missing_modules(raised))

    def log(self, report: Any) -> None:
        """Take a report as the plug-ins see it; subtests arrive only here."""
        if report.outcome == "failed":
            self._detail = self._detail or _last_line(report.longrepr)
            self.fail(report.when or "call", None)
        elif report.outcome == "passed":
            self._logged.add(report.when)

    def result(self) -> tuple[str, str]:
        """The test's result, green only where all three phases were seen green twice."""
        if self._failed_in:
            return ("failed" if self._failed_in == "call" else "error"), self._detail
        states = [self._made.get(when, "") for when in ("setup", "call", "teardown")]
        for status in ("skipped", "xfailed", "xpassed"):
            if status in states:
                return status, self._detail
        if states == ["passed"] * 3 and {"setup", "call", "teardown"} <= self._logged:
            return "passed", ""
        return "error", "a phase of the test left no report"


def _status(report: Any) -> str:
    if hasattr(report, "wasxfail"):
        return {"skipped": "xfailed", "passed": "xpassed"}.get(report.outcome, "failed")
    return str(report.outcome) if report.outcome in ("passed", "skipped") else "failed"


def _last_line(text: object) -> str:
    lines = str(text or "").strip().splitlines() or [""]
    # Tracebacks of pytest mark the lines of the error itself.
    return (lines[-1][1:] if lines[-1].startswith("E ") else lines[-1]).strip()[:_LONGEST_DETAIL]


def describe(raised: BaseException) -> str:
    """Type and first line of an exception; its text is foreign code and may fail itself."""
    name = type(raised).__name__
    try:
        lines = str(raised).strip().splitlines()
    except Exception as broken:  # noqa: BLE001  # a foreign __str__ raises what it likes
        lines = [f"(no text: {type(broken).__name__})"]
    return f"{name}: {lines[0]}"[:_LONGEST_DETAIL] if lines else name


def missing_modules(raised: BaseException) -> set[str]:
    """Top-level names that an exception, or one behind it, could not import."""
    found: set[str] = set()
    seen: set[int] = set()
    waiting: list[BaseException | None] = [raised]
    while waiting:
        error = waiting.pop()
        if error is None or id(error) in seen:
            continue
        seen.add(id(error))
        if isinstance(error, ModuleNotFoundError) and error.name:
            found.add(error.name.partition(".")[0])
        waiting += [error.__cause__, error.__context__]
    return found


def storable(text: str) -> str:
    """Text without lone surrogates, which stand for bytes that are no UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode()


def short_id(test_id: str) -> str:
    """The id itself, or its head and a hash where parameters made it huge."""
    test_id = storable(test_id)
    if len(test_id) <= LONGEST_ID:
        return test_id
    digest = hashlib.sha256(test_id.encode()).hexdigest()
    return f"{test_id[: LONGEST_ID - 17]}#{digest[:16]}"


class Sender(Protocol):
    """Where results go; ``inside.Channel`` in the sandbox."""

    def send(self, **payload: object) -> None:
        """Pass one line on."""


class Reporter:
    """The plug-in object; its hooks are marked by ``mark_hooks`` once pytest is there."""

    def __init__(self, channel: Sender, order_seed: int, *, collect_only: bool) -> None:
        self._channel = channel
        self._seed = order_seed
        self._collect_only = collect_only
        self._running: dict[str, Progress] = {}
        self.tests = 0

    def problem(self, place: str, raised: BaseException | None, text: str = "") -> None:
        """Report something that kept a file, or all of them, from being collected."""
        detail = describe(raised) if raised is not None else text
        missing = sorted(missing_modules(raised)) if raised is not None else []
        self._channel.send(
            kind="collect", id=short_id(place), detail=storable(detail), missing=missing
        )

    def pytest_load_initial_conftests(self, early_config: Any) -> Wrapper:
        """Switch coverage off before it starts; see conftest files that cannot be imported."""
        early_config.known_args_namespace.no_cov = True
        outcome = yield
        if outcome.excinfo is not None:
            self.problem("", outcome.excinfo[1])

    def pytest_cmdline_main(self, config: Any) -> Wrapper:
        """Set plug-ins' options to repeatable values, where those plug-ins are there."""
        steady = dict(_STEADY, randomly_seed=self._seed, hypothesis_seed=str(self._seed))
        for name, value in steady.items():
            if hasattr(config.option, name):
                setattr(config.option, name, value)
        yield

    def pytest_make_collect_report(self, collector: Any) -> Wrapper:
        """Report files that cannot be imported, with the modules they miss."""
        outcome = yield
        if outcome.excinfo is not None:
            self.problem(collector.nodeid, outcome.excinfo[1])
            return
        report = outcome.get_result()
        if report.outcome != "failed":
            return
        call = report.__dict__.get("call")
        raised = call.excinfo.value if call is not None and call.excinfo is not None else None
        behind = raised.__cause__ if raised is not None else None
        self.problem(collector.nodeid, behind or raised, _last_line(report.longrepr))

    def pytest_collection_modifyitems(self, items: list[Any]) -> Wrapper:
        """After the repository's own ordering and deselection, shuffle inside the files."""
        yield
        if self._seed:
            items[:] = shuffled(items, self._seed)
        if self._collect_only:
            for item in items:
                self._channel.send(kind="item", id=short_id(item.nodeid))

    def pytest_runtest_makereport(self, item: Any, call: Any) -> Wrapper:
        """Keep what was raised before anybody's hook can turn it into a report."""
        # What a unittest method raised is kept on the item until a later hook fetches it.
        kept = getattr(item, "_excinfo", None) or [call.excinfo]
        raised = None if kept[0] is None else kept[0].value
        outcome = yield
        if call.when == "setup":
            self._running[item.nodeid] = Progress()
        progress = self._running.setdefault(item.nodeid, Progress())
        progress.make(call.when, raised, outcome.get_result())

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Compare with what the other plug-ins are shown."""
        if report.nodeid in self._running:
            self._running[report.nodeid].log(report)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """Send the finished test's result."""
        progress = self._running.pop(nodeid, None)
        if progress is None:
            return
        result, detail = progress.result()
        self.tests += 1
        self._channel.send(
            kind="test",
            id=short_id(nodeid),
            result=result,
            detail=storable(detail),
            missing=sorted(progress.missing),
        )


def shuffled(items: list[Any], seed: int) -> list[Any]:
    """Items in an order drawn by the seed; files stay in place, classes stay together."""

    def drawn(text: str) -> str:
        return hashlib.sha256(f"{seed}:{text}".encode("utf-8", "surrogatepass")).hexdigest()

    files: dict[str, int] = {}
    keys = []
    for item in items:
        file, _, inner = item.nodeid.partition("::")
        group = inner.partition("::")[0] if "::" in inner else inner
        place = files.setdefault(file, len(files))
        keys.append((place, drawn(group), group, drawn(inner)))
    return [items[index] for index in sorted(range(len(items)), key=keys.__getitem__)]


def mark_hooks(pytest: Any) -> None:
    """Make the reporter's generators the outermost wrappers of their hooks."""
    wrapper = pytest.hookimpl(hookwrapper=True, tryfirst=True)
    wrapper(Reporter.pytest_load_initial_conftests)
    wrapper(Reporter.pytest_cmdline_main)
    wrapper(Reporter.pytest_make_collect_report)
    wrapper(Reporter.pytest_collection_modifyitems)
    wrapper(Reporter.pytest_runtest_makereport)
