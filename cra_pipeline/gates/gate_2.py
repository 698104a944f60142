"""Gate 2: everything new together keeps end-to-end success, and the loop's own tools work. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from cra_pipeline.contracts.gates import Arm, HoldoutAttempt, PairedChange, Requirement
from cra_pipeline.gates.metrics import column
from cra_pipeline.gates.paired import measured
from cra_pipeline.gates.policy import TOGETHER, RoundPolicy, rules_of
from cra_pipeline.gates.tallies import faults, tally
from cra_pipeline.gates.wording import points

GATE_2 = "gate_2:"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopFacts:
    """Whether the loop's own tools work; each text is a finding, empty where all is well.

    Attributes:
        train_plan: The round's training plan passed its check.
        curate_data: The datasets that the candidates were trained from passed theirs.
        versioning: The ledger of versions is whole.
        rollback: A promotion was rolled back, and the earlier version was active again; None where
            nobody tried.
    """

    train_plan: str
    curate_data: str
    versioning: str
    rollback: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Set:
    """Everything new at once.

    Attributes:
        candidates: Digests of the new adapters by kind.
        attempts: Of the arms ``base``, ``incumbent`` where anything was in service, and
            ``candidate``: the whole new set, every adapter answering its own calls.
    """

    candidates: Mapping[str, str]
    attempts: Sequence[HoldoutAttempt]


def end_to_end(
    new: Set, policy: RoundPolicy
) -> tuple[tuple[Requirement, ...], tuple[PairedChange, ...], int]:
    """Whether the new set solves what was solved before it.

    Returns:
        Requirements, the change behind them, and how many tasks all arms were judged on.

    Raises:
        ValueError: Rows occur twice or belong to nothing.
    """
    if broken := faults(new.attempts, ()):
        raise ValueError(f"{TOGETHER}: {'; '.join(broken[:3])}")
    rules = rules_of(TOGETHER)
    tallies = tally(new.attempts, (), rules, ())
    against: Arm = "incumbent" if "incumbent" in tallies.arms else "base"
    tasks = len(tallies.tasks)
    found = [*_whole(new), _enough(tasks, policy)]
    if not tasks or not {against, "candidate"} <= tallies.arms.keys():
        return tuple(found), (), tasks
    passes = float(column(tallies.arms["candidate"], "passed").sum())
    found.append(
        Requirement(
            name=f"{GATE_2}passes",
            holds=passes >= policy.least_passes,
            found=f"{passes:g} of {tasks} tasks solved",
            expected=f"at least {policy.least_passes}",
        )
    )
    held = measured(tallies, draws=policy.measured.draws, seed=policy.measured.seed)
    change = held.change(rules.primary, against)
    found.append(kept_end_to_end(f"{GATE_2}end_to_end", change, policy.margin))
    return tuple(found), (change,) if change else (), tasks


def _enough(tasks: int, policy: RoundPolicy) -> Requirement:
    return Requirement(
        name=f"{GATE_2}tasks",
        holds=True if tasks >= policy.least_tasks else None,
        found=f"{tasks} tasks judged in every arm",
        expected=f"at least {policy.least_tasks}",
    )


def _whole(new: Set) -> Iterator[Requirement]:
    """Every candidate answers in the arm, and all arms are served alike."""
    models = sorted({row.model for row in new.attempts if row.arm == "candidate"})
    missing = sorted(
        kind for kind, digest in new.candidates.items()
        if not models or any(digest not in model.split("+")[1:] for model in models)
    )  # fmt: skip
    yield Requirement(
        name=f"{GATE_2}whole_set",
        holds=None if missing else True,
        found=f"without {', '.join(missing)}" if missing else f"{len(new.candidates)} adapters",
        expected=f"attempts in which {', '.join(sorted(new.candidates))} answer their own calls",
    )
    forms = sorted({row.served_as for row in new.attempts})
    yield Requirement(
        name=f"{GATE_2}served_alike",
        holds=len(forms) == 1 if forms else None,
        found=", ".join(forms) or "nothing",
        expected="one served form for all arms",
    )


def kept_end_to_end(name: str, change: PairedChange | None, margin: float) -> Requirement:
    """The lower bound of a paired change stays above minus the margin."""
    return Requirement(
        name=name,
        holds=None if change is None else change.estimate.low > -margin,
        found=points(change),
        expected=f"lower bound above {-100 * margin:.0f} points",
    )


def tools_work(facts: LoopFacts) -> Iterator[Requirement]:
    """The agent's two new modes gave valid results; versions are kept and can be gone back to."""
    for name, finding in (
        ("train_plan", facts.train_plan),
        ("curate_data", facts.curate_data),
        ("versioning", facts.versioning),
        ("rollback", facts.rollback),
    ):
        yield Requirement(
            name=f"{GATE_2}{name}",
            holds=None if finding is None else not finding,
            found="nobody tried" if finding is None else finding or "valid",
            expected="valid",
        )
