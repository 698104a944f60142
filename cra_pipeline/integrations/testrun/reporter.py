"""The pytest plug-in that runs inside the sandbox and passes results to the channel.

It is copied beside ``inside.py`` and runs in foreign environments: standard library only, syntax
of Python 3.8, and hooks that pytest 7.2 to 9 know. Objects of pytest are untyped here, because
no single version's types hold. A result is green only where what was raised, the report that
was made and the report that the plug-ins saw agree.
"""

# ruff: noqa: ANN401  # objects of pytest, whose types differ from version to version
from __future__ import annotations

import hashlib
import inspect
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    Wrapper = Generator[None, Any, None]
    Send = Callable[..., None]

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


def problem_teller(send: Send) -> Callable[..., None]:
    """A function that reports what kept a file, or all of them, from being collected."""

    def problem(place: str, raised: BaseException | None, text: str = "") -> None:
        detail = describe(raised) if raised is not None else text
        missing = sorted(missing_modules(raised)) if raised is not None else []
        send(kind="collect", id=short_id(place), detail=storable(detail), missing=missing)

    return problem


def starting_hooks(seed: int, problem: Callable[..., None]) -> dict[str, Any]:
    """Hooks before anything is collected."""

    def pytest_load_initial_conftests(early_config: Any) -> Wrapper:
        # Coverage is switched off before it starts.
        early_config.known_args_namespace.no_cov = True
        outcome = yield
        if outcome.excinfo is not None:
            problem("", outcome.excinfo[1])

    def pytest_cmdline_main(config: Any) -> Wrapper:
        steady = dict(_STEADY, randomly_seed=seed, hypothesis_seed=str(seed))
        for name, value in steady.items():
            if hasattr(config.option, name):
                setattr(config.option, name, value)
        yield

    return {each.__name__: each for each in (pytest_load_initial_conftests, pytest_cmdline_main)}


def collecting_hooks(
    send: Send, seed: int, problem: Callable[..., None], *, collect_only: bool
) -> dict[str, Any]:
    """Hooks that tell what could not be imported, and order what could."""

    def pytest_make_collect_report(collector: Any) -> Wrapper:
        outcome = yield
        if outcome.excinfo is not None:
            problem(collector.nodeid, outcome.excinfo[1])
            return
        report = outcome.get_result()
        if report.outcome != "failed":
            return
        call = report.__dict__.get("call")
        raised = call.excinfo.value if call is not None and call.excinfo is not None else None
        behind = raised.__cause__ if raised is not None else None
        problem(collector.nodeid, behind or raised, _last_line(report.longrepr))

    def pytest_collection_modifyitems(items: list[Any]) -> Wrapper:
        # After the repository's own ordering and deselection.
        yield
        if seed:
            items[:] = shuffled(items, seed)
        if collect_only:
            for item in items:
                send(kind="item", id=short_id(item.nodeid))

    return {
        each.__name__: each for each in (pytest_make_collect_report, pytest_collection_modifyitems)
    }


def running_hooks(send: Send) -> dict[str, Any]:
    """Hooks that follow each test and send its result; the makereport one is a wrapper."""
    running: dict[str, Progress] = {}

    def pytest_runtest_makereport(item: Any, call: Any) -> Wrapper:
        # What was raised is kept before anybody's hook can turn it into a report; what a
        # unittest method raised is kept on the item until a later hook fetches it.
        kept = getattr(item, "_excinfo", None) or [call.excinfo]
        raised = None if kept[0] is None else kept[0].value
        outcome = yield
        if call.when == "setup":
            running[item.nodeid] = Progress()
        progress = running.setdefault(item.nodeid, Progress())
        progress.make(call.when, raised, outcome.get_result())

    def pytest_runtest_logreport(report: Any) -> None:
        # What the other plug-ins are shown.
        if report.nodeid in running:
            running[report.nodeid].log(report)

    def pytest_runtest_logfinish(nodeid: str) -> None:
        progress = running.pop(nodeid, None)
        if progress is None:
            return
        result, detail = progress.result()
        missing = sorted(progress.missing)
        line = {"id": short_id(nodeid), "result": result, "detail": storable(detail)}
        send(kind="test", missing=missing, **line)

    hooks = (pytest_runtest_makereport, pytest_runtest_logreport, pytest_runtest_logfinish)
    return {each.__name__: each for each in hooks}


def plug_in(pytest: Any, send: Send, order_seed: int, *, collect_only: bool) -> Any:
    """The plug-in object, whose generators are the outermost wrappers of their hooks.

    It has no state: what foreign code finds in pytest's plug-in manager are hooks that pytest has
    taken already, so that replacing them on the object changes nothing.
    """
    problem = problem_teller(send)
    hooks = {
        **starting_hooks(order_seed, problem),
        **collecting_hooks(send, order_seed, problem, collect_only=collect_only),
        **running_hooks(send),
    }
    wrapper = pytest.hookimpl(hookwrapper=True, tryfirst=True)
    for hook in hooks.values():
        if inspect.isgeneratorfunction(hook):
            wrapper(hook)
    return type("Reporter", (), {name: staticmethod(hook) for name, hook in hooks.items()})()


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
