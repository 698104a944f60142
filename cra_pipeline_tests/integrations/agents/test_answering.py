"""Of a campaign that is to be answered again, the attempts on record answer, and no others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cra_pipeline.contracts.campaigns import ResponderSpec
from cra_pipeline.contracts.tasks import AttemptRow, Outcome
from cra_pipeline.errors import StoreError
from cra_pipeline.integrations.agents.answering import opened_responder
from cra_pipeline.integrations.calls import compact, log_path
from cra_pipeline.integrations.files import write_table
from cra_pipeline.integrations.gateway.log import CallLog
from cra_pipeline.integrations.ranking.shelves import Shelves
from cra_pipeline.integrations.responders.oracles import Oracles
from cra_pipeline_tests.integrations.clean_room.beds import Bed, make_bed
from cra_pipeline_tests.integrations.test_calls import call
from cra_pipeline_tests.verdicts.test_losing import attempt

CAMPAIGN = "c1"
RECORDED = ResponderSpec(name="recorded", recordings=CAMPAIGN)


@pytest.fixture
def bed(tmp_path: Path) -> Bed:
    """Of two attempts the calls are kept: one on the task as it was, one as it is."""
    bed = make_bed(tmp_path, tmp_path / "no environment")
    partition = bed.supplies().partition
    for name in ("old", "new"):
        log = CallLog(log_path(bed.layout, partition, CAMPAIGN, name))
        log.append(call(0, name))
        log.close()
    compact(bed.layout, partition, CAMPAIGN, ["old", "new"])
    return bed


def on_record(bed: Bed, *rows: AttemptRow) -> None:
    write_table(bed.layout.table("attempts", bed.supplies().partition), rows, AttemptRow)


def made(name: str, campaign: str = CAMPAIGN) -> AttemptRow:
    told = {"attempt_id": name, "campaign": campaign}
    return attempt(name, Outcome.PASSED, "").model_copy(update=told)


def answers(bed: Bed) -> None:
    spec = bed.campaign().model_copy(update={"responder": RECORDED})
    supplies = replace(bed.supplies(), campaign=spec)
    with opened_responder(spec, supplies, Oracles(), Shelves()) as responder:
        assert responder.name == "recorded"


def test_attempts_on_record_answer_and_earlier_ones_of_their_cell_do_not(bed: Bed) -> None:
    on_record(bed, made("new"), made("old", campaign="another"))
    answers(bed)

    on_record(bed, made("new"), made("old"))
    with pytest.raises(StoreError, match="is also told"):
        answers(bed)


def test_without_an_attempt_on_record_the_campaign_is_named(bed: Bed) -> None:
    with pytest.raises(StoreError, match=r"of campaign c1 .*: run that campaign first"):
        answers(bed)
    on_record(bed, made("another"))
    with pytest.raises(StoreError, match=r"of campaign c1 .*: run that campaign first"):
        answers(bed)
