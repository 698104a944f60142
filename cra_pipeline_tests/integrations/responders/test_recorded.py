"""A campaign is answered again from its logs, or a difference is named."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cra_pipeline.contracts.calls import CallRecord, ModelAnswer, ModelRequest
from cra_pipeline.contracts.triples import prompt_hash
from cra_pipeline.errors import ModelError, StoreError
from cra_pipeline.integrations.gateway.log import CallLog, read_calls
from cra_pipeline.integrations.gateway.thread import running_gateway
from cra_pipeline.integrations.responders.recorded import RecordedResponder
from cra_pipeline_tests.contracts.regenerate import example
from cra_pipeline_tests.integrations.gateway.clients import KINDS, Scripted, ask_blocking, encoded
from cra_pipeline_tests.integrations.responders.servers import request
from cra_pipeline_tests.strategies import call_records


def write(path: Path, *records: CallRecord) -> None:
    log = CallLog(path)
    for record in records:
        log.append(record)
    log.close()


def asks(record: CallRecord) -> ModelRequest:
    return request(
        attempt=record.attempt, number=record.number, system=record.system, prompt=record.prompt
    )


def one(**changed: object) -> CallRecord:
    record = example(CallRecord)
    assert isinstance(record, CallRecord)
    return record.model_copy(update={"error": "", "finish": "stop"} | changed)


@settings(max_examples=40)
@given(st.lists(call_records, min_size=1, max_size=5, unique_by=lambda r: (r.attempt, r.number)))
def test_every_answer_comes_again_byte_for_byte(records: list[CallRecord]) -> None:
    with tempfile.TemporaryDirectory() as name:
        write(Path(name) / "a" / "calls.jsonl", *records[::2])
        write(Path(name) / "b" / "c" / "calls.jsonl", *records[1::2])
        responder = RecordedResponder(Path(name))
        for record in records:
            if record.finish == "error":
                with pytest.raises(ModelError) as error:
                    asyncio.run(responder.answer(asks(record)))
                assert str(error.value) == record.error
                continue
            answer = asyncio.run(responder.answer(asks(record)))

            assert answer == ModelAnswer(
                text=record.response, thinking=record.thinking, model=record.model,
                prompt_tokens=record.prompt_tokens, completion_tokens=record.completion_tokens,
                finish=record.finish, responder=record.responder,
            )  # fmt: skip


def test_a_prompt_that_differs_is_named_by_both_hashes(tmp_path: Path) -> None:
    record = one()
    write(tmp_path / "calls.jsonl", record)
    other = asks(record).model_copy(update={"prompt": "another"})

    with pytest.raises(ModelError) as error:
        asyncio.run(RecordedResponder(tmp_path).answer(other))
    assert prompt_hash(record.system, record.prompt) in str(error.value)
    assert prompt_hash(record.system, "another") in str(error.value)


def test_a_call_that_was_not_recorded_is_a_model_error(tmp_path: Path) -> None:
    write(tmp_path / "calls.jsonl", one(attempt="a1", number=0))

    with pytest.raises(ModelError, match="no record of a1, call 1"):
        asyncio.run(RecordedResponder(tmp_path).answer(request(attempt="a1", number=1)))


def test_a_record_that_vanished_is_a_model_error(tmp_path: Path) -> None:
    record = one()
    write(tmp_path / "calls.jsonl", record)
    responder = RecordedResponder(tmp_path)
    (tmp_path / "calls.jsonl").unlink()

    with pytest.raises(ModelError, match="cannot be read again"):
        asyncio.run(responder.answer(asks(record)))


def test_logs_that_tell_of_one_call_twice_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "a" / "calls.jsonl", one())
    write(tmp_path / "b" / "calls.jsonl", one())

    with pytest.raises(StoreError, match=r"b/calls\.jsonl:1: .* is also told by"):
        RecordedResponder(tmp_path)


@pytest.mark.parametrize("content", [None, b"", b'{"torn'])
def test_a_folder_without_a_call_is_refused(content: bytes | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "calls.jsonl").write_bytes(content)

    with pytest.raises(StoreError, match=r"no calls\.jsonl with a call"):
        RecordedResponder(tmp_path)


def test_a_damaged_log_is_named(tmp_path: Path) -> None:
    (tmp_path / "calls.jsonl").write_bytes(b"{}\n")

    with pytest.raises(StoreError, match=r"calls\.jsonl:1"):
        RecordedResponder(tmp_path)


def test_a_campaign_of_the_gateway_is_replayed_to_equal_logs(tmp_path: Path) -> None:
    def campaign(responder: Scripted | RecordedResponder, folder: Path) -> list[CallRecord]:
        with running_gateway(responder, KINDS) as gateway:
            for key in ("a1", "a2"):
                path = gateway.open_attempt(
                    key, folder / key / "calls.jsonl", temperature=0.5, seed=1
                )
                for number in range(3):
                    ask_blocking(path, encoded(prompt=f"{key} {number}"))
                ask_blocking(path, b"no question")
        return [
            record.model_copy(update={"latency_ms": 0})
            for key in ("a1", "a2")
            for record in read_calls(folder / key / "calls.jsonl").records
        ]

    first = campaign(
        Scripted(
            lambda asked: (
                ModelError("down") if asked.number == 2 else f"<think>hm</think>{asked.prompt}"
            )
        ),
        tmp_path / "first",
    )
    again = campaign(RecordedResponder(tmp_path / "first"), tmp_path / "again")
    failed = [record.finish for record in first]

    assert failed == ["stop", "stop", "error", "error"] * 2
    # Where nothing was answered, the log names who was asked.
    assert [record.model_copy(update={"responder": ""}) for record in again] == [
        record.model_copy(update={"responder": ""}) for record in first
    ]
    assert [record.responder for record in again if not record.error] == ["scripted"] * 4
