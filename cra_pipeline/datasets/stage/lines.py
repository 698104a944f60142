"""A round's line as the round records and the clones draw it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

from cra_pipeline.contracts.rounds import RoundRecord, round_number
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.datasets.line import History, Line, Reach, beyond, rounds_up_to
from cra_pipeline.errors import GitError, RoundError
from cra_pipeline.integrations.files import read_record
from cra_pipeline.integrations.git.dates import dated_commits, patch_ids


def opened_rounds(layout: Layout) -> tuple[RoundRecord, ...]:
    """Records of all opened rounds, in order.

    Raises:
        StoreError: A record is damaged.
    """
    records = [read_record(path, RoundRecord) for path in layout.rounds.glob("r*.json")]
    return tuple(sorted(records, key=lambda item: round_number(item.round)))


def record_of(rounds: Sequence[RoundRecord], name: str) -> RoundRecord:
    """The record of an opened round.

    Raises:
        RoundError: There is none.
    """
    found = next((item for item in rounds if item.round == name), None)
    if found is None:
        opened = ", ".join(item.round for item in rounds) or "none"
        raise RoundError(f"round {name} is not opened (opened: {opened}): cra-pipeline round open")
    return found


def line_of(layout: Layout, round_name: str, *, repos: Iterable[str] | None = None) -> Line:
    """The line of a round, without the ids of kept-out changes, which ``with_changes`` adds.

    Args:
        layout: The workspace.
        round_name: An opened round.
        repos: Training repositories that will be asked about; None for all of the round.

    Raises:
        RoundError: The round is not opened, or pins what a clone lacks.
    """
    rounds = opened_rounds(layout)
    record = record_of(rounds, round_name)
    known = rounds_up_to(record, rounds)
    names = sorted(name for item in known for name, _ in item.pins)
    asked = {*names} if repos is None else {*repos}
    return Line(
        record=record,
        rounds=known,
        reaches={
            name: {
                item.round: Reach(found := history(layout, name, pin), beyond(found, item.cut_off))
                for item in known
                if (pin := item.pin(name)) is not None
            }
            for name in asked - {*record.held_out}
        },
        kept_out=frozenset(
            sha
            for item in known
            for name, pin in item.pins
            if name in record.held_out
            for sha in history(layout, name, pin)
        ),
    )


def kept_out_changes(layout: Layout, line: Line) -> frozenset[str]:
    """Patch ids of everything beyond a line, from git alone.

    Raises:
        GitError: An object is missing.
    """
    found: set[str] = set()
    for name, commits in kept_out_commits(layout, line):
        found.update(changes_of(layout, name, commits).values())
    return frozenset(found - {""})


def kept_out_commits(layout: Layout, line: Line) -> Iterable[tuple[str, frozenset[str]]]:
    """Repositories of a round with the ids of their commits that are kept out, sorted by name.

    Of a held-out repository all that its pin reaches; of another one those after the cut-off, and
    what was built on them.
    """
    record = line.record
    for name, pin in record.pins:
        if name in record.held_out:
            yield name, frozenset(history(layout, name, pin))
        else:
            yield name, line.reaches[name][record.round].beyond


def history(layout: Layout, repo: str, pin: str) -> History:
    """What a pin reaches.

    Raises:
        RoundError: The clone lacks the pin.
    """
    try:
        return _history(layout.snapshot(repo), pin)
    except GitError as error:
        raise RoundError(
            f"a round pins {repo} at {pin[:12]}, which its clone lacks ({error}): restore the "
            "source's revision, then: cra-pipeline run repo_snapshots"
        ) from error


@lru_cache(maxsize=512)
def _history(snapshot: Path, pin: str) -> History:
    # What a commit id reaches never changes.
    return dated_commits(snapshot, pin)


def changes_of(layout: Layout, repo: str, commits: Iterable[str]) -> dict[str, str]:
    """Patch id of each commit; empty where it has none.

    Raises:
        GitError: An object is missing.
    """
    wanted = sorted(set(commits))
    found = _changes(layout.snapshot(repo), tuple(wanted))
    return {sha: found.get(sha, "") for sha in wanted}


@lru_cache(maxsize=256)
def _changes(snapshot: Path, commits: tuple[str, ...]) -> dict[str, str]:
    return patch_ids(snapshot, commits)
