"""A workspace of two rounds whose files define functions, with a base that may be tuned."""

from __future__ import annotations

from pathlib import Path

from cra_pipeline.contracts.bases import BaseRecord
from cra_pipeline.contracts.bundles import BundleRow
from cra_pipeline.contracts.datasets import Origin
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.datasets.stage.plan_documents import check_plans, find_plans
from cra_pipeline.datasets.stage.turn import prepare_round
from cra_pipeline.integrations.bases import import_base
from cra_pipeline_tests.adapters.worlds import origin
from cra_pipeline_tests.datasets import worlds
from cra_pipeline_tests.datasets.worlds import DOMAINS, World, grow, work

REPOS = tuple(DOMAINS)[:2]
NAMES = ("r01", "r02")


def code(repo: str, number: int) -> str:
    """The repository's only file after a commit: one function for each commit so far."""
    return "".join(
        f"def {repo}_{n}(price, percent):\n    return price * percent / {n + 2}\n\n\n"
        for n in range(number + 1)
    )


def bundle_world(root: Path) -> World:
    """Histories, tables, logs, increments, pools and plans of both rounds.

    The caller has put ``code`` in the place of the tables' own.
    """
    world = World(Layout(root))
    for repo in (*REPOS, worlds.HELD_OUT):
        grow(world, repo)
    world.open("r01", upto=5, hours=2)
    world.open("r02", upto=5, hours=4)
    for repo in REPOS:
        work(world, repo, "r01", range(3))
        work(world, repo, "r02", range(3, 5))
    for name in NAMES:
        prepare_round(world.layout, name)
        find_plans(world.layout, name)
        assert check_plans(world.layout, name).passed
    return world


def with_base(layout: Layout, folder: Path) -> BaseRecord:
    """A folder as the workspace's only base."""
    return import_base(layout, folder, role="tiny", name="tiny")


def row(
    number: int, part: str = "planning", call_kind: str = "meta_plan", **fields: object
) -> BundleRow:
    """A row of a bundle; commits come one an hour."""
    told: dict[str, object] = {
        "row_id": f"{number:064d}", "part": part, "call_kind": call_kind, "round": "r01",
        "system": "You plan.", "prompt": f"Task {number}", "thinking": "", "answer": "{}",
        "window": 4096, "origin": own(number),
    }  # fmt: skip
    return BundleRow.model_validate(told | fields)


def own(number: int) -> Origin:
    """A commit of its own."""
    return origin(4 * number).model_copy(update={"sha": f"{number:040x}"})
