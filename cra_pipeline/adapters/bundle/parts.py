"""Which rows a base bundle holds, in which part, and which of them only judge. Pure.

Rows come from what rounds offer (``round_increment``) and from plans of histories
(``plan_documents``): both lie on the near side of their round's line already, and the caller asks
the line of the bundle's own round again.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from cra_pipeline.contracts.bundles import BundlePart, BundleRow
from cra_pipeline.contracts.datasets import CandidateRow, Origin, PlanDocumentRow
from cra_pipeline.kinds import ADAPTER_KINDS, CALL_KINDS, PLANNING_STAGES

STYLE = "fail_fast"
"""Label of rows whose file lets errors show."""
PLANNER = "You plan a change to a repository before it is made. Name files, steps and their order."
_FULL = 32768


@dataclass(frozen=True, slots=True, kw_only=True)
class BundlePolicy:
    """Sizes and shares; the strategy's section 4 has the sizes, the shares are this project's.

    Attributes:
        window: Most tokens of a conversation.
        style: Most style rows: 5 to 10 thousand are asked for.
        planning: Most rows of each planning type, by the stage of its calls.
        role_share: Rows of the other calls as a share of all that are trained, evenly by role.
        evaluation: Share of the rows that only judge: those of the newest commits.
        most_evaluated: Of these.
        positional: Most rows with an answer in one short segment.
        segment: Tokens of such a segment, about.
        spare: Tokens that a row stays below its window, as templates differ in a few.
        seed: Of every draw.
    """

    window: int = _FULL
    style: int = 10_000
    planning: tuple[tuple[str, int], ...] = (
        ("meta_plan", 5000), ("step_plan", 8000), ("test_plan", 5000),
    )  # fmt: skip
    role_share: float = 0.2
    evaluation: float = 0.05
    most_evaluated: int = 500
    positional: int = 400
    segment: int = 128
    spare: int = 16
    seed: int = 0


def windows(policy: BundlePolicy, base_window: int) -> tuple[tuple[str, int], ...]:
    """(call kind, most tokens) of those below the full window, sorted by call kind."""
    full = min(policy.window, base_window)
    own = {
        call.name: kind.window
        for kind in ADAPTER_KINDS.values()
        for call in CALL_KINDS.values()
        if call.stage in kind.stages and kind.window < full
    }
    return tuple(sorted(own.items()))


def row_of(  # noqa: PLR0913  # one keyword per field
    part: BundlePart,
    texts: tuple[str, str, str, str],
    origin: Origin,
    *,
    call_kind: str,
    round_name: str,
    window: int,
) -> BundleRow:
    """A row under its id; texts are system, prompt, thinking and answer."""
    system, prompt, thinking, answer = texts
    key = json.dumps([part, *texts], ensure_ascii=False)
    return BundleRow(
        row_id=hashlib.sha256(key.encode()).hexdigest(), part=part, call_kind=call_kind,
        round=round_name, system=system, prompt=prompt, thinking=thinking, answer=answer,
        window=window, origin=origin,
    )  # fmt: skip


def of_candidate(row: CandidateRow, window: int) -> BundleRow | None:
    """A supervised candidate as a bundle's row; None for preference pairs."""
    if row.form != "sft":
        return None
    plans = CALL_KINDS[row.call_kind].stage in PLANNING_STAGES
    part: BundlePart = "planning" if plans else "style" if row.label == STYLE else "role"
    thinking = row.thinking if plans else ""
    return row_of(
        part, (row.system, row.prompt, thinking, row.answers[0]), row.origin,
        call_kind=row.call_kind, round_name=row.round, window=window,
    )  # fmt: skip


def of_plan(row: PlanDocumentRow, window: int) -> BundleRow | None:
    """A plan that a history holds; None where it is not to be imitated."""
    if not row.imitate:
        return None
    origin = Origin(
        source="synthetic", repo=row.repo, domain=row.domain, licence=row.licence, sha=row.sha,
        patch_id="", committed_at=row.committed_at, task_id="", attempt_ids=(), call_number=-1,
        row=row.path,
    )  # fmt: skip
    return row_of(
        "plan_document", (PLANNER, row.task, "", row.text), origin,
        call_kind="", round_name=row.round, window=window,
    )  # fmt: skip


def fitting(
    rows: Iterable[BundleRow], count: Callable[[str, str, str], int], policy: BundlePolicy
) -> tuple[tuple[BundleRow, ...], Counter[str]]:
    """Rows that fit into their window, and how many did not, by part.

    Args:
        rows: In any order; their order is kept.
        count: Tokens of system, prompt and answer together, the template included.
        policy: What has to be spared.
    """
    kept, left_out = [], Counter[str]()
    for row in rows:
        if count(row.system, row.prompt, row.thinking + row.answer) + policy.spare > row.window:
            left_out[f"{row.part}: longer than its window"] += 1
        else:
            kept.append(row)
    return tuple(kept), left_out


def drawn(rows: Iterable[BundleRow], policy: BundlePolicy) -> tuple[BundleRow, ...]:
    """Rows of all parts within their numbers, sorted by part and id; equal rows are one.

    Without planning, style and plans there is nothing to mix roles with: then none are drawn.
    """
    known = {row.row_id: row for row in rows}
    ranked = sorted(known.values(), key=lambda row: _rank(row, policy.seed))
    most = dict(policy.planning)
    taken: list[BundleRow] = []
    room = Counter({"style": policy.style, "plan_document": len(ranked), **most})
    for row in ranked:
        place = CALL_KINDS[row.call_kind].stage if row.part == "planning" else row.part
        if row.part not in {"role", "positional"} and room[place] > 0:
            room[place] -= 1
            taken.append(row)
    share = policy.role_share
    taken += _mixed([row for row in ranked if row.part == "role"],
                    int(len(taken) * share / (1 - share)))  # fmt: skip
    return tuple(sorted(taken, key=lambda row: (row.part, row.row_id)))


def _mixed(ranked: Sequence[BundleRow], most: int) -> list[BundleRow]:
    """One row of each role in turn, until there are enough."""
    by_role: dict[str, list[BundleRow]] = defaultdict(list)
    for row in ranked:
        by_role[CALL_KINDS[row.call_kind].role].append(row)
    lists = [by_role[role] for role in sorted(by_role)]
    longest = max(map(len, lists), default=0)
    turns = [rows[at] for at in range(longest) for rows in lists if at < len(rows)]
    return turns[:most]


def _rank(row: BundleRow, seed: int) -> str:
    return hashlib.sha256(f"{seed} {row.row_id}".encode()).hexdigest()


def newest_apart(
    rows: Sequence[BundleRow], policy: BundlePolicy
) -> tuple[tuple[BundleRow, ...], tuple[BundleRow, ...]]:
    """Rows to train on, and rows that only judge: whole commits, the newest ones first.

    The newest commit judges even where it is more than the share, unless it is the only one.
    """
    commits: dict[tuple[int, str, str], int] = Counter(map(_commit, rows))
    room = min(policy.most_evaluated, int(policy.evaluation * len(rows)))
    held: set[tuple[int, str, str]] = set()
    for commit in sorted(commits, reverse=True):
        first = not held and len(commits) > 1
        if not first and commits[commit] > room:
            break
        held.add(commit)
        room -= commits[commit]
    return (
        tuple(row for row in rows if _commit(row) not in held),
        tuple(row for row in rows if _commit(row) in held),
    )


def _commit(row: BundleRow) -> tuple[int, str, str]:
    return row.origin.committed_at, row.origin.repo, row.origin.sha
