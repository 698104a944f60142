"""What servers are tried on: a base, adapters on it that answer otherwise, and prompts.

``trained_world`` is made by the project's own trainer: three adapters that write texts, each in
words of its own, and one that says yes or no. Everything that answers for them is compared with
``World.expected``, which is ``generate`` of transformers on the adapter as PEFT loads it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cra_pipeline.contracts.adapters import TrainingJob
from cra_pipeline.contracts.bases import BaseRecord
from cra_pipeline.contracts.datasets import Message, SftExample
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.integrations.adapter_files import MANIFEST
from cra_pipeline.integrations.bases import import_base, model_folder
from cra_pipeline.integrations.chat.hugging_face import HuggingFaceChat
from cra_pipeline.integrations.files import write_record
from cra_pipeline.integrations.model_server.process import ServedBase
from cra_pipeline.integrations.training.peft import PeftTrainer
from cra_pipeline.integrations.training.tiny_base import make_tiny_base
from cra_pipeline_tests.adapters.worlds import phase, recipe, said, sft_row
from cra_pipeline_tests.integrations.model_server.models import generated

WINDOW = 1024
MOST = 24
TRAINED_ROWS, FRESH_ROWS = 48, 24
SYSTEM = "Look at one file of the repository."
_FILES = ("parser", "writer", "cache", "index")
_WISHES = ("fix this one", "leave that alone", "write tests")


def question(number: int) -> str:
    """A prompt that is answered by its file and its wish; numbers beyond the trained are fresh."""
    name, wish = _FILES[number % 4], _WISHES[number % 3]
    return f"File {name}_{number}.py, seen {number % 7} times: {wish}"


def _scope(number: int) -> str:
    return "yes" if number % 2 else "no"


def _analysis(number: int) -> str:
    wish = ("mend it and tell nobody", "nothing is asked", "cover every branch")[number % 3]
    return f"Goal: {wish}. Risk is low."


def _precision(number: int) -> str:
    name = ("grammar", "output", "memory", "lookup")[number % 4]
    return f'{{"primary": "{name}", "others": []}}'


def _code(number: int) -> str:
    step = ("repair()", "pass", "check(1)")[number % 3]
    return f"def work():\n    return {step}\n"


STYLES: dict[str, Callable[[int], str]] = {
    "execute_code": _code,
    "precision": _precision,
    "scope": _scope,
    "task_analysis": _analysis,
}
"""What each adapter kind was taught to say; ``scope`` alone says yes or no."""

FREE_TEXT = ("execute_code-v1", "precision-v1", "task_analysis-v1")


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A base and adapters.

    Attributes:
        layout: The workspace that holds the base, where one was imported.
        base: As servers are told.
        adapters: Folders by version.
        questions: User's messages; the system's is ``SYSTEM``.
    """

    layout: Layout
    base: ServedBase
    adapters: dict[str, Path]
    questions: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The base's first, then all versions, sorted."""
        return (self.base.name, *sorted(self.adapters))

    def prompt(self, text: str) -> tuple[int, ...]:
        """Tokens that a server hands to the model."""
        return HuggingFaceChat(self.base.folder).prompt_ids(SYSTEM, text)

    def expected(self, name: str, text: str) -> str:
        """What the trainer's own model says under this name, greedily, as ``whole_text`` has it."""
        return whole_text(HuggingFaceChat(self.base.folder).plain_text(self.ids(name, text)))

    def ids(self, name: str, text: str) -> tuple[int, ...]:
        """The same in tokens."""
        return generated(self.base.folder, self.adapters.get(name), self.prompt(text), MOST)


def whole_text(text: str) -> str:
    """Without the bytes of a character that was cut off: one server tells them, another waits."""
    return text.rstrip("\ufffd")


def trained_world(layout: Layout) -> World:
    """Train four adapters on a tiny base of a workspace; half a minute."""
    source = layout.root / "source"
    make_tiny_base(_texts(), source)
    record = import_base(layout, source, role="tiny", name="tiny", window=WINDOW)
    folder = model_folder(layout, record.base_id)
    adapters = {
        f"{kind}-v1": _trained(record, folder, layout.root / "adapters" / kind, kind)
        for kind in STYLES
    }
    fresh = range(TRAINED_ROWS, TRAINED_ROWS + FRESH_ROWS)
    return World(
        layout=layout,
        base=ServedBase(name=record.base_id, folder=folder, window=record.window),
        adapters=adapters,
        questions=tuple(map(question, fresh)),
    )


def _texts() -> list[str]:
    rows = range(TRAINED_ROWS)
    said_there = [style(number) for style in STYLES.values() for number in rows]
    return [SYSTEM, *map(question, rows), *said_there]


def _trained(base: BaseRecord, model: Path, folder: Path, kind: str) -> Path:
    one = phase(
        "sft", most_steps=60, epochs=100.0, batch=16, micro_batch=16, validation_share=0.0,
        eval_steps=10**6,
    )  # fmt: skip
    wanted = recipe(
        one, adapter_kind=kind, base_id=base.base_id, base_digest=base.content_id,
        end_of_turn=base.end_of_turn,
    )  # fmt: skip
    rows = tuple(_row(kind, number) for number in range(TRAINED_ROWS))
    job = TrainingJob(recipe=wanted, base=model, sft=rows, folder=folder)
    manifest = PeftTrainer().train(job, lambda _event, _steps: None)
    write_record(folder / MANIFEST, manifest)
    return folder


def _row(kind: str, number: int) -> SftExample:
    asked = (
        Message(role="system", content=SYSTEM),
        Message(role="user", content=question(number)),
    )
    told = {"adapter_kind": kind, "prompt": asked, "completion": said(STYLES[kind](number))}
    return sft_row(number).model_copy(update=told)
