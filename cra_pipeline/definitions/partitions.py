"""Partitions: repositories are added while Dagster runs, rounds are read when it loads."""

import dagster as dg

from cra_pipeline.contracts.rounds import round_number
from cra_pipeline.contracts.workspace import MULTI
from cra_pipeline.corpus.stage import read_rounds
from cra_pipeline.integrations.home import REPO_PARTITIONS, current_layout

FIRST_ROUND = "r01"
"""Stands in the list before any round is opened: the first attempts open it."""


def opened_rounds() -> list[str]:
    """Names of the opened rounds, in order; opening one shows after a reload."""
    names = sorted((record.round for record in read_rounds(current_layout())), key=round_number)
    return names or [FIRST_ROUND]


REPO = dg.DynamicPartitionsDefinition(name=REPO_PARTITIONS)
ROUND = dg.StaticPartitionsDefinition(opened_rounds())
# Dagster orders the dimensions of a key by name: `repo|round`.
REPO_BY_ROUND = dg.MultiPartitionsDefinition({"repo": REPO, "round": ROUND})


def repo_and_round(key: str) -> tuple[str, str]:
    """Parts of a ``repo|round`` key.

    Raises:
        ValueError: The key has another shape.
    """
    repo, separator, name = key.partition(MULTI)
    if not (repo and separator and name):
        raise ValueError(f"{key!r} is no partition: expected repo{MULTI}round, such as attrs|r01")
    return repo, name
