"""What refuses a training before it costs anything: each rule is one function. Pure.

A rule raises ``ValueError`` with what was found, what was expected and what to do. What depends on
bytes is refused where they are read: changed or merged bases in ``integrations.bases``, unsound
adapters in ``integrations.adapter_files``, rows that never end a turn in
``integrations.training.rows``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from cra_pipeline.contracts.adapters import AdapterRecipe
from cra_pipeline.contracts.bases import BaseRecord
from cra_pipeline.contracts.datasets import DatasetManifest, DpoExample, SftExample
from cra_pipeline.contracts.gates import GateReport, RoundGateReport
from cra_pipeline.contracts.rounds import RoundRecord, round_number
from cra_pipeline.kinds import ADAPTER_KINDS, CALL_KINDS, AdapterKind, read_verdict

BASE_HALF, GATE_1, SHORTFALL = "gate_1_base_half", "gate_1", "planning_shortfall"
"""What a round's record may waive, each with a reason."""
_TIERS: Mapping[str, int] = {
    "scope": 1, "execute_code": 1, "precision": 2, "task_analysis": 2, "planning_dpo": 3,
}  # fmt: skip
_ZERO_3 = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardPolicy:
    """Numbers of the guards, from the strategy's guardrails.

    Attributes:
        least_replay: Rows of earlier rounds as a share of a dataset after the first round.
        most_own: Rows that students wrote, as a share of a dataset: one fed on its own echoes
            collapses.
        teachers: Models that are no students, by the names in the calls' logs.
        valid_plans: Share of valid plans from which on planning has no shortfall.
        planning_failures: Share of the failures that planning is blamed for, up to which it has
            none.
    """

    least_replay: float = 0.1
    most_own: float = 0.5
    teachers: tuple[str, ...] = ()
    valid_plans: float = 0.9
    planning_failures: float = 0.3


def tier_of(adapter_kind: str) -> int:
    """Order of risk, from 1; a kind that nobody has placed comes after Gate 1.

    Raises:
        KeyError: No such kind.
    """
    return _TIERS.get(ADAPTER_KINDS[adapter_kind].name, 2)


def chosen_base(kind: AdapterKind, standing: Sequence[BaseRecord], base_id: str) -> BaseRecord:
    """The base that a kind is trained on.

    Args:
        kind: What is trained.
        standing: Bases that none made obsolete, older versions first.
        base_id: The one that is asked for; empty for the newest that the kind names, by its
            upstream name, else by its role.

    Raises:
        ValueError: There is none, or the one that is asked for is obsolete.
    """
    known = ", ".join(f"{record.base_id} ({record.name})" for record in standing) or "none"
    if base_id:
        found = [record for record in standing if record.base_id == base_id]
    else:
        found = [record for record in standing if record.name == kind.base]
        found = found or [record for record in standing if record.role == role_of(kind)]
    if found:
        return found[-1]
    wanted = base_id or f"{kind.base}, or one of role {role_of(kind)}"
    raise ValueError(
        f"{kind.name}: no base {wanted} stands; imported and not made obsolete are: {known}; "
        "import one, or name one with the setting `base`"
    )


def role_of(kind: AdapterKind) -> str:
    """``coding`` where all its calls are the coder's, else ``reasoning``."""
    roles = {call.role for call in CALL_KINDS.values() if call.stage in kind.stages}
    return "coding" if roles == {"coding"} else "reasoning"


def require_recipe_base(recipe: AdapterRecipe, base: BaseRecord) -> None:
    """The recipe names the frozen base by its content, and its end of turn.

    Raises:
        ValueError: It does not: adapters never cross bases.
    """
    if (recipe.base_id, recipe.base_digest) != (base.base_id, base.content_id):
        raise ValueError(
            f"the recipe names base {recipe.base_id} with content {recipe.base_digest[:12]}, found "
            f"{base.base_id} with {base.content_id[:12]}: resolve the recipe again for this base"
        )
    if not recipe.end_of_turn or recipe.end_of_turn != base.end_of_turn:
        raise ValueError(
            f"the recipe's end of turn is {recipe.end_of_turn!r}, that of {base.base_id} "
            f"{base.end_of_turn!r}: it would never be trained; resolve the recipe again"
        )


def require_gate_1(
    adapter_kind: str,
    base: BaseRecord,
    record: RoundRecord,
    reports: Iterable[RoundGateReport],
) -> tuple[str, ...]:
    """Gate 1 comes before adapters: its base half before tier 1, all of it before tiers 2 and 3.

    Args:
        adapter_kind: What is trained.
        base: What it is trained on.
        record: Of the round.
        reports: Of all rounds.

    Returns:
        A sentence for each waiver that was made use of.

    Raises:
        ValueError: Gate 1 did not pass, and the round's record waives nothing.
    """
    waivers = dict(record.waivers)
    used = []
    if not base.gate_1:
        if BASE_HALF not in waivers:
            raise ValueError(
                f"{adapter_kind}: no report of Gate 1's base half is recorded for {base.base_id}: "
                f"gate the base when it is imported, or open the round with waiver {BASE_HALF}"
            )
        used.append(f"{BASE_HALF} waived: {waivers[BASE_HALF]}")
    if tier_of(adapter_kind) == 1 or _passed_before(record, reports):
        return tuple(used)
    if GATE_1 not in waivers:
        raise ValueError(
            f"{adapter_kind}: tier {tier_of(adapter_kind)} waits until Gate 1 has passed, and no "
            f"round up to {record.round} says so: train and gate scope and execute_code first, or "
            f"open the round with waiver {GATE_1}"
        )
    return (*used, f"{GATE_1} waived: {waivers[GATE_1]}")


def _passed_before(record: RoundRecord, reports: Iterable[RoundGateReport]) -> bool:
    """A round whose candidates were of scope alone passes Gate 1, and opens nothing."""
    now = round_number(record.round)
    return any(
        (report.gate_1, report.gate_1_adapters) == ("passed", "passed")
        and round_number(report.round) <= now
        for report in reports
    )


def require_shortfall(
    adapter_kind: str,
    report: GateReport | None,
    record: RoundRecord,
    policy: GuardPolicy,
) -> tuple[str, ...]:
    """Preferences of plans are only trained where Gate 1 left planning short.

    Args:
        adapter_kind: What is trained; kinds below tier 3 need no shortfall.
        report: Of Gate 1's base half, of the base in use: its figures ``valid_plans`` (one for each
            planning type, the least counts) and ``planning_failures`` of the arm ``candidate``.
        record: Of the round.
        policy: The numbers.

    Returns:
        A sentence: the shortfall, or the waiver that stands for it.

    Raises:
        ValueError: There is none, or nothing was measured.
    """
    if tier_of(adapter_kind) < _ZERO_3:
        return ()
    valid = _figures(report, "valid_plans")
    blamed = _figures(report, "planning_failures")
    found = (
        f"valid plans {_percent(min(valid, default=None))}, "
        f"failures by planning {_percent(max(blamed, default=None))}"
    )
    if any(share < policy.valid_plans for share in valid):
        return (f"planning falls short: {found}",)
    if any(share > policy.planning_failures for share in blamed):
        return (f"planning falls short: {found}",)
    if why := dict(record.waivers).get(SHORTFALL):
        return (f"{SHORTFALL} waived: {why}",)
    raise ValueError(
        f"{adapter_kind}: Gate 1 shows no shortfall of planning ({found}); expected fewer than "
        f"{policy.valid_plans:.0%} valid plans, or more than {policy.planning_failures:.0%} of the "
        f"failures by planning: leave it out, or open the round with waiver {SHORTFALL}"
    )


def _figures(report: GateReport | None, metric: str) -> list[float]:
    figures = report.figures if report else ()
    return [
        figure.estimate.value
        for figure in figures
        if figure.arm == "candidate"
        and figure.metric.partition(":")[0] == metric
        and figure.estimate is not None
    ]


def _percent(share: float | None) -> str:
    return "not measured" if share is None else f"{share:.0%}"


def require_parallelism(zero_stage: int, architecture: str) -> None:
    """ZeRO-3 shards what LoRA adds, and breaks its gradients on Qwen3; no library says so.

    Args:
        zero_stage: Of DeepSpeed; 0 without it.
        architecture: First of ``architectures`` in the base's ``config.json``.

    Raises:
        ValueError: As said.
    """
    if zero_stage >= _ZERO_3 and architecture.startswith("Qwen3"):
        raise ValueError(
            f"ZeRO-{zero_stage} with LoRA on {architecture}: gradients of the adapter are broken "
            "there; use ZeRO-2 (zero_stage: 2), or one device"
        )


def require_replay(manifest: DatasetManifest, first_round: str, policy: GuardPolicy) -> None:
    """After the first round a dataset repeats earlier ones, so that they are not unlearnt.

    Raises:
        ValueError: It repeats too little.
    """
    if manifest.round == first_round:
        return
    share = Fraction(manifest.replayed, manifest.rows) if manifest.rows else Fraction(0)
    if share < Fraction(str(policy.least_replay)):
        raise ValueError(
            f"{manifest.form}_dataset {manifest.adapter_kind} {manifest.round}: {manifest.replayed}"
            f" of {manifest.rows} rows are replayed, expected {policy.least_replay:.0%} or more: "
            "curate it again"
        )


def require_others_words(rows: Sequence[SftExample | DpoExample], policy: GuardPolicy) -> None:
    """Most of a dataset was not written by students of ours.

    Raises:
        ValueError: It was.
    """
    own = [row for row in rows if row.origin.author not in ("", *policy.teachers)]
    if len(own) > Fraction(str(policy.most_own)) * len(rows):
        raise ValueError(
            f"{len(own)} of {len(rows)} rows were written by models that are no teachers "
            f"({', '.join(sorted({row.origin.author for row in own})[:3])}), at most "
            f"{policy.most_own:.0%} may: curate it again, or name the teachers "
            "(the adapter's setting `teachers`)"
        )


def require_both_answers(rows: Iterable[SftExample]) -> None:
    """A yes/no kind is only learnt from both answers.

    Raises:
        ValueError: One call kind's rows all say the same.
    """
    said: dict[str, list[bool | None]] = defaultdict(list)
    for row in rows:
        if CALL_KINDS[row.call_kind].form == "binary":
            said[row.call_kind].append(read_verdict(row.completion[0].content))
    for call_kind, verdicts in sorted(said.items()):
        if len(set(verdicts)) == 1:
            raise ValueError(
                f"{call_kind}: all {len(verdicts)} rows answer {_word(verdicts[0])}: a model "
                "trained so says nothing else; curate rows of both answers"
            )


def _word(verdict: bool | None) -> str:  # noqa: FBT001  # it is what was read
    return {True: "yes", False: "no", None: "neither yes nor no"}[verdict]
