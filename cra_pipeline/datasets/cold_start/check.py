"""What must hold of cold-start rows before a dataset takes them in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from cra_pipeline.contracts.datasets import DpoExample, Message, SftExample, example_id
from cra_pipeline.datasets.cold_start.examples import ADAPTER, CALL
from cra_pipeline.gold.edits import applied, read
from cra_pipeline.gold.prompts import asked_step, shown_code


def findings(sft: Iterable[SftExample], dpo: Iterable[DpoExample], *, rows: int) -> tuple[str, ...]:
    """What does not hold, one sentence each.

    Args:
        sft: As read back from ``sft.jsonl``.
        dpo: As read back from ``dpo.jsonl``.
        rows: Of both together, as the manifest counts them.
    """
    ids: Counter[str] = Counter()
    found: list[str] = []
    for example in sft:
        ids[example.example_id] += 1
        found += _named(example, _faults(example, example.completion))
    for pair in dpo:
        ids[pair.example_id] += 1
        found += _named(pair, _faults(pair, pair.chosen, pair.rejected))
    if ids.total() != rows:
        found.append(f"the manifest counts {rows} rows, the files hold {ids.total()}")
    found += [f"{name[:12]}: occurs {count} times" for name, count in ids.items() if count > 1]
    return tuple(found)


def _named(row: SftExample | DpoExample, faults: Iterable[str]) -> list[str]:
    return [f"{row.origin.repo} {row.origin.row}: {fault}" for fault in faults]


def _faults(row: SftExample | DpoExample, *answers: tuple[Message, ...]) -> Iterator[str]:
    if (row.adapter_kind, row.call_kind) != (ADAPTER, CALL):
        yield f"trains {row.adapter_kind} by {row.call_kind}, expected {ADAPTER} by {CALL}"
    if row.origin.source != "cold_start" or not row.origin.licence or not row.origin.row:
        yield "its origin lacks source, licence or row"
    if [message.role for message in row.prompt] != ["system", "user"]:
        yield "its prompt is not a system and a user message"
        return
    said = [message.content for side in (row.prompt, *answers) for message in side]
    if row.example_id != example_id(ADAPTER, said[0], *said[1:]):
        yield "its messages have another id than the row says"
    for side in answers:
        fault = _answer_fault(row.prompt[1].content, side)
        if fault:
            yield fault


def _answer_fault(prompt: str, answer: tuple[Message, ...]) -> str:
    """Why the agent could not carry out an answer; empty where it could."""
    if [message.role for message in answer] != ["assistant"]:
        return "its answer is not one assistant message"
    try:
        shown = shown_code(asked_step(prompt).before)
        applied(read(answer[0].content), shown)
    except ValueError as error:
        return f"its edits do not apply to what the prompt shows ({error})"
    return ""
