"""What campaigns have used is on record, and decides what a run of one may still take."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from cra_pipeline.contracts.campaigns import ResponderSpec
from cra_pipeline.contracts.tasks import AttemptRow
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.harness.campaigning import CampaignLimits, use_of
from cra_pipeline.harness.stage.campaigns import neediest_first
from cra_pipeline.harness.stage.use import attempts_at_once, metered, note_use, within
from cra_pipeline.integrations.files import append_journal, write_table
from cra_pipeline.integrations.journals import Line
from cra_pipeline_tests.harness.test_campaigning import DEAR, SPEC, used

PAIR = SPEC.model_copy(update={"repos": ("demo", "other"), "responder": DEAR})


def row(name: str, calls: int = 1, tokens: int = 0) -> AttemptRow:
    campaign = PAIR.campaign_id
    return used(calls, tokens).model_copy(update={"attempt_id": name, "campaign": campaign})


def calls_of(layout: Layout) -> int:
    return metered(layout, PAIR, CampaignLimits()).calls


def test_attempts_of_all_repositories_count_once_and_repeated_ones_each_time(
    layout: Layout,
) -> None:
    sealed = [row("noted", 10), row("older", 100), row("foreign", 1000)]
    sealed[2] = sealed[2].model_copy(update={"campaign": "another"})
    write_table(layout.table("attempts", "other|r01"), sealed, AttemptRow)
    for attempt in (row("noted", 10), row("spoiled", 1), row("spoiled", 1)):
        note_use(layout, PAIR, attempt)

    assert calls_of(layout) == 112


def test_many_threads_note_whole_lines_and_a_torn_one_is_forgotten(layout: Layout) -> None:
    with ThreadPoolExecutor(8) as pool:
        for name in map(str, range(200)):
            pool.submit(note_use, layout, PAIR, row(name))
    with (layout.root / "campaigns" / f"{PAIR.campaign_id}.use.jsonl").open("ab") as file:
        file.write(b'{"attempt": "torn')

    assert calls_of(layout) == 200
    note_use(layout, PAIR, row("next"))
    assert calls_of(layout) == 201


def test_the_responder_may_spend_what_earlier_runs_have_left(layout: Layout) -> None:
    limited = PAIR.model_copy(update={"responder": DEAR.model_copy(update={"spend_limit": 5.0})})
    note_use(layout, PAIR, row("first", tokens=2_000_000))
    meter = metered(layout, limited, CampaignLimits())

    assert within(limited, meter).responder.spend_limit == 3.0
    assert within(limited, meter).campaign_id == limited.campaign_id


def test_a_lower_price_does_not_make_cheaper_what_was_spent_before(layout: Layout) -> None:
    note_use(layout, PAIR, row("first", tokens=2_000_000))
    cheap = DEAR.model_copy(update={"prompt_price": 0.5})
    cheaper = PAIR.model_copy(update={"responder": cheap})
    note_use(layout, cheaper, row("second", tokens=2_000_000))

    assert metered(layout, cheaper, CampaignLimits()).money == 3.0


def test_use_on_record_without_its_money_counts_at_the_present_price(layout: Layout) -> None:
    use = use_of(row("older", tokens=2_000_000), 1.0)
    append_journal(layout.root / "campaigns" / f"{PAIR.campaign_id}.use.jsonl", use)

    assert metered(layout, PAIR, CampaignLimits()).money == 2.0


SERVER = ResponderSpec(name="openai", base_url="http://127.0.0.1:1/v1", model="m")


@pytest.mark.parametrize(
    ("change", "memory_mb", "cores", "expected"),
    [
        ({}, 100_000, 8, 8),
        ({}, 7_600, 8, 3),
        ({}, 0, 8, 1),
        ({"concurrency": 2}, 100_000, 8, 4),
        ({"requests_per_minute": 1.5}, 100_000, 8, 3),
        ({"requests_per_minute": 0.1}, 100_000, 8, 1),
    ],
)
def test_attempts_at_once_follow_memory_cores_and_what_the_server_may_be_asked(
    change: dict[str, object], memory_mb: int, cores: int, expected: int
) -> None:
    spec = SPEC.model_copy(update={"responder": SERVER.model_copy(update=change)})

    assert attempts_at_once(spec, memory_mb, cores) == expected


def test_attempts_that_call_no_model_have_all_processors() -> None:
    assert attempts_at_once(None, 0, 8) == 8
    assert attempts_at_once(SPEC) >= 1


def test_attempts_of_a_killed_run_count_where_the_neediest_repository_is_looked_for(
    layout: Layout,
) -> None:
    journal = layout.journal("attempts", f"demo|{PAIR.round}")
    append_journal(journal, Line[AttemptRow](key="a", row=row("a")))
    with journal.open("ab") as file:
        file.write(b'{"key": "b", "row"')
    before = journal.read_bytes()

    assert neediest_first(layout, PAIR) == ("other", "demo")
    assert journal.read_bytes() == before
