"""Partitions: repositories are added while Dagster runs, rounds are read when it loads."""

import warnings
from collections.abc import Sequence

import dagster as dg

from cra_pipeline.contracts.rounds import round_number
from cra_pipeline.contracts.workspace import MULTI
from cra_pipeline.corpus.stage import read_rounds
from cra_pipeline.datasets.stage.dataset_files import Cell, kinds_of
from cra_pipeline.integrations.home import REPO_PARTITIONS, current_layout
from cra_pipeline.kinds import ADAPTER_KINDS

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
SFT_KIND_BY_ROUND = dg.MultiPartitionsDefinition(
    {"kind": dg.StaticPartitionsDefinition(kinds_of("sft")), "round": ROUND}
)
DPO_KIND_BY_ROUND = dg.MultiPartitionsDefinition(
    {"kind": dg.StaticPartitionsDefinition(kinds_of("dpo")), "round": ROUND}
)

KIND_BY_ROUND = dg.MultiPartitionsDefinition(
    {"kind": dg.StaticPartitionsDefinition(tuple(ADAPTER_KINDS)), "round": ROUND}
)


def same_kind_and_round(upstream: dg.MultiPartitionsDefinition) -> dg.MultiPartitionMapping:
    """An adapter is made of its own kind's dataset, where the kind has one of that form."""
    kinds = upstream.get_partitions_def_for_dimension("kind").get_partition_keys()
    own = dg.StaticPartitionMapping({kind: kind for kind in kinds})
    with warnings.catch_warnings():
        # Beta in this pinned version; the tests cover its use.
        warnings.simplefilter("ignore", dg.BetaWarning)
        return dg.MultiPartitionMapping(
            {
                "kind": dg.DimensionPartitionMapping("kind", own),
                "round": dg.DimensionPartitionMapping("round", dg.IdentityPartitionMapping()),
            }
        )


def rounds_from_on(rounds: Sequence[str]) -> dg.StaticPartitionMapping:
    """A round's part is in its own pool and in those of all later rounds.

    Args:
        rounds: Names in order.
    """
    return dg.StaticPartitionMapping(
        {name: list(rounds[number:]) for number, name in enumerate(rounds)}
    )


def repo_and_round(key: str) -> tuple[str, str]:
    """Parts of a ``repo|round`` key.

    Raises:
        ValueError: The key has another shape.
    """
    repo, separator, name = key.partition(MULTI)
    if not (repo and separator and name):
        raise ValueError(f"{key!r} is no partition: expected repo{MULTI}round, such as attrs|r01")
    return repo, name


def sft_cell(key: str) -> Cell:
    """The dataset of a ``kind|round`` key.

    Raises:
        ValueError: The key has another shape.
    """
    return Cell("sft", *repo_and_round(key))


def dpo_cell(key: str) -> Cell:
    """The dataset of pairs of a ``kind|round`` key.

    Raises:
        ValueError: The key has another shape.
    """
    return Cell("dpo", *repo_and_round(key))
