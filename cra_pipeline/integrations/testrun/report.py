"""From what a run left behind to a report: pure, so that every ending can be tested."""

from __future__ import annotations

import re
from collections.abc import Iterable

from cra_pipeline.contracts.sandbox import Ending, SandboxResult
from cra_pipeline.contracts.testrun import TestOutcome, TestResult, TestRunReport
from cra_pipeline.integrations.testrun.protocol import Line, Session, read_channel
from cra_pipeline.integrations.testrun.sentinels import Planted, broken_rule
from cra_pipeline.integrations.testrun.wording import steady, worse

WHOLE_SESSION = "(session)"
"""Id of a collection error that concerns no single file, such as a broken root conftest."""

OUT_OF_TIME = "timed_out: a limit of time was reached"
"""The whole detail of a run that hung, whichever limit ended it."""

_LAST_WORDS = 3
_USAGE = 4
_NOT_FOUND = re.compile(r"No module named '(\w+)")
_PYTEST_CODES = {
    0: "all green",
    1: "some tests failed",
    2: "interrupted",
    3: "internal error",
    4: "wrong usage or a conftest that cannot be imported",
    5: "nothing collected",
}


def build_report(
    result: SandboxResult, nonce: bytes, planted: Planted, *, collect_only: bool
) -> TestRunReport:
    """Believe what is signed, complete and agrees with the sentinels; say what does not.

    Args:
        result: What the sandbox returned.
        nonce: The run's secret.
        planted: The run's sentinels.
        collect_only: Collected ids become ``skipped`` outcomes with the detail ``collected``.
    """
    session = read_channel(result.channel, nonce)
    outcomes = _outcomes(session.lines, collect_only=collect_only)
    results = {test_id: outcome.result for test_id, outcome in outcomes.items()}
    complete = session.closing is not None
    forged = session.forged
    if complete and not collect_only:
        forged = forged or broken_rule(planted, results)
    return TestRunReport(
        ending=result.ending,
        outcomes=tuple(outcomes[key] for key in sorted(outcomes) if not planted.owns(key)),
        collect_errors=_collect_errors(session.lines) or _usage_error(result, session),
        missing_modules=_missing_modules(result, session),
        complete=complete,
        forged=forged,
        detail=_ending_words(result, session),
    )


def _outcomes(lines: Iterable[Line], *, collect_only: bool) -> dict[str, TestOutcome]:
    """One outcome per id; where an id was reported twice, the worse result counts."""
    found: dict[str, TestOutcome] = {}
    for line in lines:
        if line.kind == "test":
            new = TestOutcome(test_id=line.id, result=line.result, detail=steady(line.detail))
        elif line.kind == "item" and collect_only:
            new = TestOutcome(test_id=line.id, result=TestResult.SKIPPED, detail="collected")
        else:
            continue
        old = found.get(line.id)
        if old is None or worse(new.result, old.result) is not old.result:
            found[line.id] = new
    return found


def _collect_errors(lines: Iterable[Line]) -> tuple[TestOutcome, ...]:
    """The first error of each file, sorted by file."""
    found: dict[str, TestOutcome] = {}
    for line in lines:
        if line.kind == "collect":
            file = line.id.partition("::")[0] or WHOLE_SESSION
            error = TestOutcome(test_id=file, result=TestResult.ERROR, detail=steady(line.detail))
            found.setdefault(file, error)
    return tuple(found[file] for file in sorted(found))


def _usage_error(result: SandboxResult, session: Session) -> tuple[TestOutcome, ...]:
    """What pytest said on stderr where it refused to start without telling any plug-in."""
    words = result.stderr.strip().splitlines()
    if session.closing is None or session.closing.code != _USAGE or not words:
        return ()
    detail = steady(words[-1])
    return (TestOutcome(test_id=WHOLE_SESSION, result=TestResult.ERROR, detail=detail),)


def _missing_modules(result: SandboxResult, session: Session) -> tuple[str, ...]:
    found = {name for line in session.lines for name in line.missing}
    if session.closing is not None and session.closing.code == _USAGE:
        # A plug-in named in the settings: a hint for the environment, nothing is judged by it.
        found.update(_NOT_FOUND.findall(result.stderr))
    return tuple(sorted(found))


def _ending_words(result: SandboxResult, session: Session) -> str:
    """How it ended, for a person; the tail of stderr only where the session is incomplete."""
    if result.ending is Ending.TIMED_OUT:
        # Which limit came first, and what was said until then, hangs on the machine's load.
        return OUT_OF_TIME
    words = [f"{result.ending} {result.exit_code}"]
    if session.closing is not None:
        code = session.closing.code
        words.append(f"pytest {code} ({_PYTEST_CODES.get(code, 'unknown')})")
    if result.detail:
        words.append(result.detail)
    if session.closing is None or session.closing.code > 1:
        words += result.stderr.strip().splitlines()[-_LAST_WORDS:]
    return steady("; ".join(words))
