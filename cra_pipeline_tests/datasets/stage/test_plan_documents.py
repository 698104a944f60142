"""Plans are found in real histories, judged by what lies before the line, and proven again."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from cra_pipeline.contracts.datasets import PlanDocumentRow
from cra_pipeline.contracts.manifests import AssetManifest
from cra_pipeline.contracts.sources import RepoSnapshot
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.datasets.stage.plan_documents import check_plans, find_plans
from cra_pipeline.integrations.evidence import seal_table
from cra_pipeline.integrations.files import read_record, read_table
from cra_pipeline.integrations.git.fast_import import build_repository
from cra_pipeline.integrations.git.run import git
from cra_pipeline_tests.datasets.worlds import HELD_OUT, World, hour, table

DAY = 24
PLAN = "# Prices of goods\n\n- [ ] read `cart.py`\n- [ ] change till.py\n- [ ] write extra.py\n"
Commit = tuple[int, str, dict[str, str]]
STORY: tuple[Commit, ...] = (
    (0, "Add goods", {"cart.py": "x = 1\n", "till.py": "y = 1\n"}),
    (1, "Plan the prices", {"docs/plan.md": PLAN}),
    (2, "Add prices", {"cart.py": "x = 1\nz = 2\nv = 4\n", "till.py": "y = 1\nw = 2\n"}),
    (3 * DAY, "Fix the till", {"till.py": "y = 1\nw = 3\n"}),
    (40 * DAY, "Plan the rest", {"docs/rest-plan.md": PLAN}),
    (41 * DAY, "Fix the till again", {"till.py": "y = 1\nw = 4\n", "extra.py": "v = 1\n"}),
)


def stream(story: Sequence[Commit], author: str) -> bytes:
    parts = []
    for at, message, files in story:
        said = f"commit refs/heads/main\ncommitter {author} <a@x.example> {hour(at)} +0000\n"
        parts.append(f"{said}data {len(message)}\n{message}\n")
        parts += [
            f"M 100644 inline {path}\ndata {len(text)}\n{text}\n" for path, text in files.items()
        ]
    return "".join([*parts, "done\n"]).encode()


def told(world: World, *, hours: int, upto: int = -1) -> Layout:
    """A round over two repositories with one story; one of them is held out."""
    for repo in ("elm", HELD_OUT):
        target = world.layout.snapshot(repo)
        build_repository(target, stream(STORY, repo))
        world.shas[repo] = git(target, "rev-list", "--reverse", "main").decode().split()
        snapshot = RepoSnapshot(
            repo=repo, url=f"https://example.org/{repo}/{repo}.git", revision=world.shas[repo][-1],
            commits=len(STORY), tags=(), domain="database", licence="MIT",
        )  # fmt: skip
        table(world.layout, "repo_snapshots", repo, [snapshot])
    world.open("r01", upto=upto, hours=hours)
    return world.layout


@pytest.fixture
def empty(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(Layout(tmp_path_factory.mktemp("plans") / "home"))


def found_in(layout: Layout) -> tuple[PlanDocumentRow, ...]:
    find_plans(layout, "r01")
    return read_table(layout.table("plan_documents", "r01"), PlanDocumentRow)


def test_a_plan_is_judged_by_what_followed_before_the_cut_off(empty: World) -> None:
    layout = told(empty, hours=40 * DAY)
    (plan,) = found_in(layout)
    shas = empty.shas["elm"]

    assert (plan.repo, plan.sha, plan.path) == ("elm", shas[1], "docs/plan.md")
    assert (plan.label, plan.imitate, plan.prefer, plan.reject) == ("fine", True, False, False)
    assert plan.followed_by == (shas[2], shas[3])
    assert (plan.task, plan.names) == ("Prices of goods", ("cart.py", "till.py"))
    assert (plan.domain, plan.licence, plan.text) == ("database", "MIT", PLAN)
    assert check_plans(layout, "r01").findings == ()


def test_a_plan_that_is_still_fresh_at_the_cut_off_is_not_judged(empty: World) -> None:
    assert found_in(told(empty, hours=20 * DAY)) == ()


def test_what_came_later_does_not_change_an_older_rounds_plans(empty: World) -> None:
    early = found_in(told(empty, hours=39 * DAY, upto=3))
    late = found_in(told(empty, hours=39 * DAY))

    assert early == late
    assert len(early) == 1


def test_a_plan_from_the_wrong_side_of_the_line_is_found(empty: World) -> None:
    layout = told(empty, hours=39 * DAY)
    (plan,) = found_in(layout)
    shas = empty.shas["elm"]
    slipped = (
        plan.model_copy(update={"sha": shas[4]}),
        plan.model_copy(update={"repo": HELD_OUT}),
        plan.model_copy(update={"followed_by": (*plan.followed_by, shas[5])}),
    )
    for row in slipped:
        seal(layout, row)

        (found,) = check_plans(layout, "r01").findings
        assert found.partition(":")[0] in {"after_cut_off", "held_out_repository"}


def test_a_changed_verdict_or_text_is_found(empty: World) -> None:
    layout = told(empty, hours=39 * DAY)
    (plan,) = found_in(layout)
    for change in ({"label": "good", "prefer": True}, {"text": f"{PLAN}- more\n"}):
        seal(layout, plan.model_copy(update=change))

        (found,) = check_plans(layout, "r01").findings
        assert found.endswith("docs/plan.md: git gives another verdict or text")


def seal(layout: Layout, row: PlanDocumentRow) -> None:
    manifest = read_record(layout.manifest("plan_documents", "r01"), AssetManifest)
    seal_table(
        layout, "plan_documents", "r01", [row], PlanDocumentRow,
        reasons=[row.label], inputs=manifest.inputs, policy=manifest.policy,
    )  # fmt: skip
