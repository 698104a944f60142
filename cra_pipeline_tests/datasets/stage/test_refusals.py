"""What cannot become a dataset is refused with numbers, and leaves what was there as it was."""

from __future__ import annotations

import pytest

from cra_pipeline.datasets.caps import CapPolicy
from cra_pipeline.datasets.policy import CurationPolicy
from cra_pipeline.datasets.replay import ReplayPolicy
from cra_pipeline.datasets.size import SizePolicy
from cra_pipeline.datasets.stage.curate import curate
from cra_pipeline.datasets.stage.dataset_files import Cell
from cra_pipeline.datasets.stage.holdout import check_holdout, keep_out
from cra_pipeline.datasets.stage.increments import add_round, check_increment
from cra_pipeline.datasets.stage.judge import check_dataset
from cra_pipeline.datasets.stage.turn import prepare_round
from cra_pipeline.errors import BusyError, CheckError, DatasetError
from cra_pipeline.integrations.evidence import require_checked
from cra_pipeline.integrations.files import partition_lock
from cra_pipeline_tests.datasets.conftest import SCOPE
from cra_pipeline_tests.datasets.stage.test_curate import bytes_of
from cra_pipeline_tests.datasets.worlds import DOMAINS, World, register, work

pytestmark = pytest.mark.slow


def test_a_refused_dataset_leaves_nothing_behind(world: World) -> None:
    cell = Cell("sft", "precision", "r01")
    with pytest.raises(DatasetError, match="precision r01: no new rows"):
        curate(world.layout, cell)

    assert not cell.folder(world.layout).exists()
    assert not [path for path in world.layout.scratch.iterdir() if path.name.startswith(".part")]


def test_a_refusal_leaves_the_older_dataset_as_it_was(made: World, world: World) -> None:
    policy = CurationPolicy(caps=CapPolicy(domains=7))
    with pytest.raises(DatasetError, match=r"6 domains .*expected 7 or more"):
        curate(world.layout, SCOPE, policy=policy)

    assert bytes_of(SCOPE.folder(world.layout)) == bytes_of(SCOPE.folder(made.layout))


def test_a_replay_share_that_cannot_be_met_leaves_the_older_dataset(
    made: World, world: World
) -> None:
    greedy = ReplayPolicy(ratio=0.8, least=0.75, most=0.9, given_up=0.1)
    with pytest.raises(DatasetError, match=r"replayed rows beside \d+ new ones are [\d.]+% of the"):
        curate(world.layout, SCOPE, policy=CurationPolicy(replay=greedy))

    assert bytes_of(SCOPE.folder(world.layout)) == bytes_of(SCOPE.folder(made.layout))
    assert not [path for path in world.layout.scratch.iterdir() if path.name.startswith(".part")]


def test_rows_of_one_domain_alone_leave_no_dataset(world: World) -> None:
    for repo in DOMAINS:
        register(world, repo, "parsing")
    prepare_round(world.layout, "r01")
    cell = Cell("sft", "scope", "r01")
    with pytest.raises(DatasetError, match=r"scope r01: 1 domains \(parsing \d+\), expected 6"):
        curate(world.layout, cell)

    assert not cell.folder(world.layout).exists()


def test_a_dataset_that_its_check_refuses_is_whole_and_nobody_builds_on_it(world: World) -> None:
    before = set(bytes_of(SCOPE.folder(world.layout)))
    curate(world.layout, SCOPE, policy=CurationPolicy(replay=ReplayPolicy(ratio=0.3, most=0.35)))
    report = check_dataset(world.layout, SCOPE)

    assert not report.passed
    assert set(bytes_of(SCOPE.folder(world.layout))) == before
    with pytest.raises(CheckError, match=r"failed its check.*--kind scope --round r02"):
        require_checked(world.layout, SCOPE.asset, SCOPE.partition)


def test_a_kind_that_is_not_trained_so_has_no_dataset(made: World) -> None:
    with pytest.raises(DatasetError, match="scope: no DPO dataset; expected one of execute_code"):
        curate(made.layout, Cell("dpo", "scope", "r01"))


def test_unchecked_tables_are_refused(world: World) -> None:
    world.layout.check("triples", "elm|r01").unlink()

    with pytest.raises(CheckError, match=r"triples of elm\|r01 is not ready"):
        add_round(world.layout, "r01")


def test_a_pool_whose_increment_has_changed_is_refused(world: World) -> None:
    work(world, "elm", "r01", range(2))
    add_round(world.layout, "r01")
    check_increment(world.layout, "r01")

    with pytest.raises(CheckError, match="gather the pool again"):
        curate(world.layout, SCOPE)


def test_a_dataset_at_work_is_refused(made: World) -> None:
    with (
        partition_lock(made.layout, SCOPE.asset, SCOPE.partition),
        pytest.raises(BusyError),
    ):
        curate(made.layout, SCOPE)


def test_too_few_rows_are_refused_with_their_number(made: World, world: World) -> None:
    with pytest.raises(DatasetError, match="scope r02: too few rows: 56, expected 57 or more"):
        curate(world.layout, SCOPE, policy=CurationPolicy(size=SizePolicy(least=57)))

    assert bytes_of(SCOPE.folder(world.layout)) == bytes_of(SCOPE.folder(made.layout))


@pytest.mark.parametrize(("hours", "told"), [(5, 1), (4, 0)])
def test_a_cut_off_after_all_commits_is_noted_with_the_holdout(
    hours: int, told: int, world: World
) -> None:
    world.open("r03", upto=5, hours=hours)
    keep_out(world.layout, "r03")
    report = check_holdout(world.layout, "r03")

    assert report.passed
    assert len(report.notes) == told
