"""Which partitions a round's log analysis reads."""

from __future__ import annotations

from cra_pipeline.contracts.rounds import RoundRecord, round_number
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import RoundError, StoreError
from cra_pipeline.integrations.files import read_record


def rounds_until(layout: Layout, round_name: str) -> tuple[RoundRecord, ...]:
    """Records of a round and all before it, in order.

    Raises:
        RoundError: The round is not open, or a record is damaged.
    """
    records = []
    for path in layout.rounds.glob("*.json") if layout.rounds.is_dir() else ():
        try:
            records.append(read_record(path, RoundRecord))
        except StoreError as error:
            raise RoundError(f"{error}; a round is never edited: restore the file") from error
    if round_name not in {record.round for record in records}:
        known = ", ".join(sorted((record.round for record in records), key=round_number))
        raise RoundError(
            f"{round_name}: no such round; open are {known or 'none'}: cra-pipeline round open"
        )
    earlier = [
        record for record in records if round_number(record.round) <= round_number(round_name)
    ]
    return tuple(sorted(earlier, key=lambda record: round_number(record.round)))


def made_partitions(layout: Layout, asset: str, record: RoundRecord) -> tuple[str, ...]:
    """``repo|round`` keys of a round that were made, sorted."""
    keys = (f"{repo}|{record.round}" for repo, _ in record.pins)
    return tuple(key for key in keys if layout.manifest(asset, key).exists())
