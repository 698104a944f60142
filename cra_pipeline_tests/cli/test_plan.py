"""What has to be made is decided from manifests and checks alone."""

from __future__ import annotations

import pytest

from cra_pipeline.cli.plan import ASSETS, Cell, chain, is_current, missing, of_kind, unfinished
from cra_pipeline.contracts.manifests import Count, Input
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.integrations.evidence import seal_table, write_check


def make(
    layout: Layout, cell: Cell, *inputs: Input, content: str = "a", passed: bool = True
) -> Input:
    """A finished partition with its check; what it would be as an input."""
    row = Count(label=content, count=1)
    manifest = seal_table(
        layout,
        cell.asset,
        cell.partition,
        [row],
        Count,
        reasons=[""],
        inputs=inputs,
        policy="{}",
    )
    write_check(layout, manifest, [] if passed else ["broken"])
    return Input(name=f"{cell.asset}/{cell.partition}", content_id=manifest.content_id)


def test_a_chain_ends_at_its_target_and_changes_keys_with_the_rounds() -> None:
    cells = chain("triples", "till", "r01")

    assert [cell.asset for cell in cells] == list(ASSETS[:6])
    assert [cell.partition for cell in cells] == ["till"] * 4 + ["till|r01"] * 2


@pytest.mark.parametrize("finished", range(4))
def test_work_begins_at_the_first_missing_asset(layout: Layout, finished: int) -> None:
    cells = chain("tasks", "till", "")
    for cell in cells[:finished]:
        make(layout, cell)

    assert unfinished(layout, cells, limited=False) == cells[min(finished, 3) :]


def test_the_target_is_made_even_if_it_stands(layout: Layout) -> None:
    cells = chain("commits", "till", "")
    for cell in cells:
        make(layout, cell)

    assert unfinished(layout, cells, limited=False) == cells[-1:]


def test_nothing_is_missing_once_the_target_stands(layout: Layout) -> None:
    cells = chain("commits", "till", "")
    make(layout, cells[0])

    assert missing(layout, cells) == cells[1:]

    make(layout, cells[1])

    assert missing(layout, cells) == ()


def test_a_limit_opens_again_what_it_bounds(layout: Layout) -> None:
    cells = chain("tasks", "till", "")
    for cell in cells:
        make(layout, cell)

    assert [cell.asset for cell in unfinished(layout, cells, limited=True)] == [
        "repo_packages",
        "tasks",
    ]


def test_what_was_made_of_an_older_upstream_is_made_again(layout: Layout) -> None:
    snapshots, commits = Cell("repo_snapshots", "till"), Cell("commits", "till")
    make(layout, commits, make(layout, snapshots))

    assert is_current(layout, commits)

    make(layout, snapshots, content="b")

    assert not is_current(layout, commits)


def test_a_failed_check_makes_a_partition_unfinished(layout: Layout) -> None:
    make(layout, Cell("commits", "till"), passed=False)

    assert not is_current(layout, Cell("commits", "till"))


@pytest.mark.parametrize(
    ("asset", "kind", "expected"),
    [
        ("sft_dataset", "scope", ["sft_dataset"]),
        ("adapter", "scope", ["sft_dataset", "adapter"]),
        ("adapter", "execute_code", ["sft_dataset", "dpo_dataset", "adapter"]),
        ("adapter", "planning_dpo", ["dpo_dataset", "adapter"]),
    ],
)
def test_an_adapter_comes_behind_the_datasets_of_its_kind(
    asset: str, kind: str, expected: list[str]
) -> None:
    assert [cell.asset for cell in of_kind(asset, kind, "r01")] == expected
