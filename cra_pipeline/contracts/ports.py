"""The Protocols behind which real backends stand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from cra_pipeline.contracts.adapters import AdapterManifest, TrainingEvent, TrainingJob
from cra_pipeline.contracts.agents import AgentRun, AttemptPlan
from cra_pipeline.contracts.calls import ModelAnswer, ModelRequest
from cra_pipeline.contracts.chat import Rendering
from cra_pipeline.contracts.sandbox import SandboxRequest, SandboxResult
from cra_pipeline.contracts.tasks import TaskRow
from cra_pipeline.contracts.testrun import TestRunReport, TestRunRequest


class Sandbox(Protocol):
    """Runs foreign code; the only thing in the project that may."""

    def run(self, request: SandboxRequest) -> SandboxResult:
        """Run to the end or to a limit; safe to call from many threads.

        Raises:
            SandboxError: The sandbox cannot be had on this machine at all.
        """
        ...


class TestRunner(Protocol):
    """Runs a repository's tests and reports what can be believed."""

    def run(self, request: TestRunRequest) -> TestRunReport:
        """Run once; a sandbox that did not start is an ending, not an exception."""
        ...


class AgentBackend(Protocol):
    """Proposes changes for a task; never sees the hidden tests' verdicts."""

    @property
    def name(self) -> str:
        """Key of ``integrations.agents.table.BACKENDS``."""
        ...

    @property
    def fingerprint(self) -> str:
        """Decides its attempts beside task and plan, such as a program's digest."""
        ...

    def plans(self, task: TaskRow, files: Mapping[str, str]) -> tuple[AttemptPlan, ...]:
        """What is asked of it for a task, in a repeatable order; quick, and runs nothing.

        Args:
            task: The admitted task.
            files: Text of every file that the answer touches, at the base commit, by path; files
                that the change adds are absent.
        """
        ...

    def run(
        self, task: TaskRow, plan: AttemptPlan, files: Mapping[str, str], attempt_id: str
    ) -> AgentRun:
        """Carry out one plan; safe to call from many threads.

        A program or model that fails is an outcome of the run, not an exception.

        Args:
            task: The admitted task.
            plan: One of ``plans``.
            files: As there.
            attempt_id: Names what the run leaves behind.

        Raises:
            SandboxError: The sandbox cannot be had on this machine at all.
            StoreError: The disk is full.
        """
        ...


class Responder(Protocol):
    """Answers the agent's calls; one file each, named in ``integrations/responders/table.py``."""

    name: str

    async def answer(self, request: ModelRequest) -> ModelAnswer:
        """One answer; many requests may be under way at once.

        Raises:
            ModelError: There is no answer, and it is not the agent's fault.
        """
        ...


class Oracle(Protocol):
    """Knows the right answers of one attempt; used by one thread at a time."""

    def answer(self, call_kind: str, prompt: str) -> str:
        """The right answer in the agent's own format.

        Raises:
            ValueError: The commit knows none; the message says why.
        """
        ...

    def observe(self, call_kind: str, prompt: str, response: str) -> None:
        """Take note of what was really answered, whoever answered it, before the next call."""
        ...


class ChatFormat(Protocol):
    """Chat template and tokenizer of a base model, as its server applies them."""

    @property
    def name(self) -> str:
        """Which one it is, content included: other bytes have another name."""
        ...

    @property
    def end_of_turn(self) -> str:
        """Text of the token with which the model ends its answer."""
        ...

    @property
    def end_ids(self) -> tuple[int, ...]:
        """What ``end_of_turn`` becomes: one id, where the tokenizer knows it."""
        ...

    @property
    def pad_id(self) -> int | None:
        """Fills batches up; None where the tokenizer names no such token."""
        ...

    def render(self, system: str, prompt: str, answer: str) -> Rendering:
        """One conversation, whole: nothing is ever cut.

        Raises:
            ModelError: The template refuses it.
        """
        ...

    def decode(self, ids: tuple[int, ...]) -> str:
        """The text of tokens, special ones included."""
        ...


class Trainer(Protocol):
    """Turns a recipe into an adapter; one file each in ``integrations/training/``."""

    @property
    def name(self) -> str:
        """``peft`` or ``unsloth``."""
        ...

    def train(
        self, job: TrainingJob, told: Callable[[TrainingEvent, int], None]
    ) -> AdapterManifest:
        """Train, or take a broken run up again from the newest whole checkpoint of its folder.

        Equal jobs give bit-identical weights on a processor, broken off or not. When it returns,
        the folder holds ``adapter_model.safetensors``, ``adapter_config.json``, ``curve.jsonl`` and
        ``pace.json``; ``adapter.json`` is the caller's to write.

        Args:
            job: Recipe, base and rows.
            told: Called after each step with what it showed, and the steps of its phase.

        Raises:
            TrainingError: A loss is not finite (the message names step and rows), a row is longer
                than the window or does not end as the recipe says, memory is too small for one
                row, or the base cannot be read.
            StoreError: The disk is full; the newest whole checkpoint stands.
        """
        ...


class ModelServer(Protocol):
    """A running OpenAI-compatible server of one base model and adapters by name, on loopback."""

    @property
    def base_url(self) -> str:
        """Such as ``http://127.0.0.1:8001/v1``."""
        ...

    @property
    def served_as(self) -> str:
        """Quantisation and precision of the served form, such as ``float32``."""
        ...

    def models(self) -> tuple[str, ...]:
        """Names that requests may give as ``model``: the base's first, then adapters, sorted."""
        ...

    def load(self, version: str, folder: Path) -> None:
        """Serve an adapter under an immutable name.

        Raises:
            ModelError: The name is taken, the files are not sound, or the server refuses.
        """
        ...

    def unload(self, version: str) -> None:
        """Serve it no longer; requests under way are answered.

        Raises:
            ModelError: No such adapter is served.
        """
        ...

    def stop(self) -> None:
        """End the server's own processes, and wait for them."""
        ...
