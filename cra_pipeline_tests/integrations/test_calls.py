"""Request logs become a table; an attempt that was made again counts as it was made last."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from cra_pipeline.contracts.calls import CallRecord
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import StoreError
from cra_pipeline.integrations.calls import (
    attempt_calls,
    compact,
    has_calls,
    log_path,
    restore,
    settle_try,
    stored_attempts,
    try_path,
)
from cra_pipeline.integrations.gateway.log import CallLog, read_calls
from cra_pipeline.integrations.responders.recorded import RecordedResponder
from cra_pipeline_tests.wheels import small_disk

KEY, CAMPAIGN = "lib|r01", "c1"


def call(number: int, response: str) -> CallRecord:
    return CallRecord(
        attempt="cell",
        number=number,
        call_kind="scope",
        system="system",
        prompt=f"prompt {number}",
        response=response,
        thinking="",
        prompt_tokens=None,
        completion_tokens=1,
        latency_ms=2,
        responder="gold",
        model="gold",
        temperature=0.0,
        seed=0,
        finish="stop",
        error="",
    )


def log(layout: Layout, attempt: str, *responses: str) -> None:
    path = log_path(layout, KEY, CAMPAIGN, attempt)
    path.unlink(missing_ok=True)
    written = CallLog(path)
    for number, response in enumerate(responses):
        written.append(call(number, response))
    written.close()


def part(layout: Layout, attempt: str, *responses: str) -> Path:
    """The log of a try that lasts, or was killed."""
    path = try_path(log_path(layout, KEY, CAMPAIGN, attempt))
    written = CallLog(path)
    for number, response in enumerate(responses):
        written.append(call(number, response))
    written.close()
    return path


def said(layout: Layout, attempt: str) -> list[str]:
    return [record.response for record in attempt_calls(layout, KEY, CAMPAIGN, attempt)]


def test_logs_are_compacted_and_can_be_had_again(layout: Layout, tmp_path: Path) -> None:
    log(layout, "a", "yes", "no")
    log(layout, "b", "no")
    before = said(layout, "a"), said(layout, "b")
    compact(layout, KEY, CAMPAIGN, ["a", "b"])

    assert list(stored_attempts(layout, KEY, CAMPAIGN)) == ["a", "b"]
    assert not log_path(layout, KEY, CAMPAIGN, "a").exists()
    assert (said(layout, "a"), said(layout, "b")) == before == (["yes", "no"], ["no"])
    restored = restore(layout, KEY, CAMPAIGN, tmp_path / "again", ["a", "b"])
    assert len((restored / "a" / "calls.jsonl").read_text().splitlines()) == 2


def test_an_attempt_that_was_made_again_replaces_its_earlier_calls(layout: Layout) -> None:
    log(layout, "a", "silence")
    compact(layout, KEY, CAMPAIGN, ["a"])
    log(layout, "a", "yes", "no")
    compact(layout, KEY, CAMPAIGN, ["a"])

    assert said(layout, "a") == ["yes", "no"]


def test_what_is_in_the_table_stays_when_others_join(layout: Layout) -> None:
    log(layout, "a", "yes")
    compact(layout, KEY, CAMPAIGN, ["a"])
    log(layout, "b", "no")
    compact(layout, KEY, CAMPAIGN, ["a", "b"])

    assert (said(layout, "a"), said(layout, "b")) == (["yes"], ["no"])


def test_a_kill_between_table_and_removal_changes_nothing(layout: Layout) -> None:
    log(layout, "a", "yes")
    kept = log_path(layout, KEY, CAMPAIGN, "a").read_bytes()
    compact(layout, KEY, CAMPAIGN, ["a"])
    path = log_path(layout, KEY, CAMPAIGN, "a")
    path.parent.mkdir(parents=True)
    path.write_bytes(kept)
    compact(layout, KEY, CAMPAIGN, ["a"])

    assert said(layout, "a") == ["yes"]
    assert not path.exists()


def test_calls_that_are_nowhere_are_an_error_that_says_what_to_do(layout: Layout) -> None:
    assert not has_calls(layout, KEY, CAMPAIGN, "a")
    with pytest.raises(StoreError, match="run campaign c1 again"):
        attempt_calls(layout, KEY, CAMPAIGN, "a")
    with pytest.raises(StoreError, match=r"of campaign c1 in lib\|r01: run that campaign first"):
        restore(layout, KEY, CAMPAIGN, layout.root / "again", ["a"])


def test_a_try_that_lasts_is_logged_apart_and_its_name_says_whose_it_is(layout: Layout) -> None:
    log(layout, "a", "yes", "no")
    first, second = part(layout, "a", "hm"), part(layout, "a", "hm")

    assert re.fullmatch(rf"calls\.{os.getpid()}-[0-9a-f]{{8}}\.part\.jsonl", first.name)
    assert first != second
    assert said(layout, "a") == ["yes", "no"]


def test_a_try_alone_is_no_attempt_s_calls(layout: Layout) -> None:
    part(layout, "a", "hm")

    assert not has_calls(layout, KEY, CAMPAIGN, "a")


def test_a_try_that_is_done_replaces_the_earlier_one_and_keeps_its_time(layout: Layout) -> None:
    log(layout, "a", "yes", "no")
    killed, done = part(layout, "a", "killed"), part(layout, "a", "done")
    written = done.stat().st_mtime_ns
    settle_try(done, log_path(layout, KEY, CAMPAIGN, "a"))

    assert said(layout, "a") == ["done"]
    assert log_path(layout, KEY, CAMPAIGN, "a").stat().st_mtime_ns == written
    assert [record.response for record in read_calls(killed).records] == ["killed"]


def test_what_is_left_of_killed_tries_goes_with_the_log_of_the_attempt(layout: Layout) -> None:
    killed = part(layout, "a", "killed")
    log(layout, "a", "yes")
    compact(layout, KEY, CAMPAIGN, ["a"])

    assert said(layout, "a") == ["yes"]
    assert not killed.exists()


def test_a_try_whose_log_is_gone_is_told(layout: Layout) -> None:
    path = log_path(layout, KEY, CAMPAIGN, "a")
    with pytest.raises(StoreError, match="run the campaign again"):
        settle_try(try_path(path), path)


def test_attempts_that_are_on_record_no_more_are_not_given_again(
    layout: Layout, tmp_path: Path
) -> None:
    """Their task was worded otherwise: both tell of the same cell, so one of them is too many."""
    log(layout, "old", "yes")
    log(layout, "new", "no")
    compact(layout, KEY, CAMPAIGN, ["old", "new"])
    with pytest.raises(StoreError, match="is also told"):
        RecordedResponder(restore(layout, KEY, CAMPAIGN, tmp_path / "all", ["old", "new"]))
    restored = restore(layout, KEY, CAMPAIGN, tmp_path / "one", ["new", "of another campaign"])

    assert [path.parent.name for path in restored.rglob("calls.jsonl")] == ["new"]
    assert RecordedResponder(restored)


def test_a_full_disk_while_calls_are_given_again_is_told(layout: Layout, tmp_path: Path) -> None:
    log(layout, "a", "yes" * 1000)
    compact(layout, KEY, CAMPAIGN, ["a"])

    with small_disk(1000), pytest.raises(StoreError, match="campaign c1 could not be written"):
        restore(layout, KEY, CAMPAIGN, tmp_path / "again", ["a"])
