"""Reports as pages for a person; the JSON beside them is what others act on. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from cra_pipeline.contracts.gates import (
    GateReport,
    HoldoutAnswer,
    PairedChange,
    RoundGateReport,
)
from cra_pipeline.gates.wording import percent, points

PLOT = "gate.png"
"""Beside the page."""
_TEMPLATES = Path(__file__).parent / "templates"
_SHOWN = 5
"""Examples of each sort (the strategy asks for 5 to 10 read per task and round)."""
_TEXT = 400
"""Characters of an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One question that candidate and base answered differently.

    Attributes:
        verdict: ``won`` or ``lost``.
        task_id: Of the task.
        call_kind: What was asked.
        against: Arm of ``before``.
        right: The right answer, as far as it is known.
        before: Answer of that arm.
        after: Answer of the candidate.
    """

    verdict: str
    task_id: str
    call_kind: str
    against: str
    right: str
    before: str
    after: str


def examples(report: GateReport, answers: Iterable[HoldoutAnswer]) -> tuple[Example, ...]:
    """Some questions that both arms were asked alike, on tasks won and lost in the primary metric.

    The same rows give the same examples, in whatever order they come.
    """
    change = _primary(report.changes, report.primary)
    if change is None:
        return ()
    asked: dict[tuple[str, str, str], dict[str, HoldoutAnswer]] = defaultdict(dict)
    for row in sorted(answers, key=lambda row: (row.attempt_id, row.call_number)):
        asked[row.task_id, row.call_kind, row.prompt_sha256].setdefault(row.arm, row)
    found = []
    for verdict, tasks in (("won", change.won), ("lost", change.lost)):
        moved = [
            (key, arms) for key, arms in sorted(asked.items())
            if key[0] in tasks and {"base", "candidate"} <= arms.keys()
            and arms["base"].response != arms["candidate"].response
        ]  # fmt: skip
        found += [
            Example(
                verdict=verdict,
                task_id=task,
                call_kind=kind,
                against="base",
                right=_right(arms["candidate"]),
                before=_cut(arms["base"].response),
                after=_cut(arms["candidate"].response),
            )
            for (task, kind, _), arms in moved[:_SHOWN]
        ]
    return tuple(found)


def _right(row: HoldoutAnswer) -> str:
    if row.expected is not None:
        return "yes" if row.expected else "no"
    return _cut(row.right) or "not known"


def _cut(text: str) -> str:
    return text if len(text) <= _TEXT else f"{text[:_TEXT]}…"


def _primary(changes: Sequence[PairedChange], metric: str) -> PairedChange | None:
    return next((item for item in changes if (item.metric, item.against) == (metric, "base")), None)


def gate_page(report: GateReport, answers: Iterable[HoldoutAnswer]) -> str:
    """HTML of one kind's report; equal arguments give equal text."""
    return _page(
        title=f"Gate of {report.adapter_kind}, round {report.round}",
        decisions=(("Decision", report.decision),),
        facts=(
            ("base", report.base_digest),
            ("candidate", report.adapter_digest),
            ("incumbent", f"{report.incumbent} {report.incumbent_digest}".strip() or "none"),
            ("primary metric", report.primary),
            ("tasks judged in every arm", str(report.tasks)),
        ),
        report=report,
        figures=report.figures,
        moved=[item for item in report.changes if item.metric == report.primary],
        examples=examples(report, answers),
        plot=PLOT if report.figures else "",
    )


def round_page(report: RoundGateReport) -> str:
    """HTML of Gates 1 and 2; equal reports give equal text."""
    return _page(
        title=f"Gates 1 and 2, round {report.round}",
        decisions=(("Gate 1", report.gate_1), ("Gate 2", report.gate_2)),
        facts=(
            *((f"candidate {item.name}", item.content_id) for item in report.candidates),
            ("tasks judged in every arm", str(report.tasks)),
        ),
        report=report,
        figures=(),
        moved=report.changes,
        examples=(),
        plot="",
    )


def _page(*, report: GateReport | RoundGateReport, **parts: object) -> str:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=True,
    )
    environment.filters["percent"] = percent
    environment.filters["points"] = points
    return environment.get_template("gate.html.j2").render(
        requirements=report.requirements,
        changes=report.changes,
        waivers=report.waivers,
        inputs=report.inputs,
        policy=report.policy,
        digest=report.digest(),
        **parts,
    )
