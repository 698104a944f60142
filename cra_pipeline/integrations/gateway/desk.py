"""Where the calls of one attempt are answered and logged."""

from __future__ import annotations

import asyncio
import hashlib
import sys
import time
from collections.abc import Callable, Mapping, MutableSequence
from dataclasses import dataclass, field

from cra_pipeline.contracts.calls import CallRecord, ModelAnswer, ModelRequest
from cra_pipeline.contracts.ports import Responder
from cra_pipeline.errors import ModelError, StoreError
from cra_pipeline.integrations.gateway.chat_protocol import chat_body, chat_error, parse_chat
from cra_pipeline.integrations.gateway.deadline import Deadline
from cra_pipeline.integrations.gateway.faults import fault_of
from cra_pipeline.integrations.gateway.log import CallLog
from cra_pipeline.integrations.gateway.protocol import (
    Options,
    Question,
    answer_body,
    error_body,
    parse_question,
    without_thinking,
)
from cra_pipeline.integrations.responders.mixture import asked
from cra_pipeline.integrations.responders.oracles import Oracles
from cra_pipeline.kinds import CallKind

OK, BAD, UNKNOWN, TOO_MANY, FAULT = 200, 400, 422, 429, 500
"""Status of: an answer; a malformed request; an unknown system prompt; more than one attempt may
ask; a log that cannot be written. Those of a responder without an answer are in ``faults``.
"""

_FULL = "more calls than one attempt may make: the gateway takes no further ones"

_NOTHING_ASKED = Question.model_construct(
    model="", prompt="", stream=False, options=Options(temperature=0, num_predict=1), system=""
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What goes back to the client: an HTTP status and a JSON body."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Tongue:
    """A protocol: how a body is read, and how an answer or a refusal is phrased.

    Attributes:
        parse: Reads a request's body; raises ``ValueError``.
        answer: Phrases an answer, for the tag that was asked for.
        error: Phrases a refusal, with OpenAI's code for it where there is one.
    """

    parse: Callable[[bytes], Question]
    answer: Callable[[ModelAnswer, str], bytes]
    error: Callable[[str, str], bytes]


OLLAMA = Tongue(parse=parse_question, answer=answer_body, error=error_body)
OPENAI = Tongue(parse=parse_chat, answer=chat_body, error=chat_error)


@dataclass(slots=True, kw_only=True)
class _Call:
    """One call on its way from the question to its line in the log."""

    number: int
    started: float
    tongue: Tongue
    question: Question = _NOTHING_ASKED
    kind: str = ""
    temperature: float = 0.0
    responder: str = ""
    logged: bool = False


# No slots: errors are shared with the gateway, and the lock is made where the loop runs.
@dataclass(kw_only=True)
class Desk:
    """Answers one attempt's questions, in its own order.

    Attributes:
        attempt: Its key; empty in ordinary service.
        log: Its request log.
        responder: Who answers.
        kinds: Call kind by the exact text of its system prompt.
        oracles: Told what was answered, whoever answered it.
        temperature: Instead of what the agent asks for, where given.
        seed: For every request; the agent sends none.
        answer_s: Seconds after which a responder has failed; waiting for limits of our own is
            not counted.
        whole_s: The same with all waiting.
        at_once: Calls answered at the same time. An attempt asks one thing after the other, so
            its own desk keeps to 1 and its numbers tell the order.
        most_calls: Of the attempt; further ones are turned away unlogged. 0 for any number.
        most_bytes: Of its log; the same.
        errors: Reasons of calls that failed through no fault of the agent, in order; only the last
            ones where it is bounded.
    """

    attempt: str
    log: CallLog
    responder: Responder
    kinds: Mapping[str, CallKind]
    oracles: Oracles
    temperature: float | None
    seed: int
    answer_s: float
    whole_s: float
    at_once: int = 1
    most_calls: int = 0
    most_bytes: int = 0
    errors: MutableSequence[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._turn = asyncio.Semaphore(self.at_once)
        self._deadline = Deadline(self.answer_s, self.whole_s)
        self._next = self.log.lines

    async def answer(self, body: bytes, tongue: Tongue = OLLAMA) -> Reply:
        """Answer one request; its line is in the log when this returns.

        A client that leaves cancels this; the log tells so.
        """
        async with self._turn:
            if self._is_full():
                return Reply(status=TOO_MANY, body=tongue.error(_FULL, ""))
            call = self._begin(tongue)
            try:
                return await self._answered(call, body)
            except StoreError as error:
                self.errors.append(str(error))
                return Reply(status=FAULT, body=tongue.error(str(error), ""))
            finally:
                if not call.logged:
                    self._log_broken(call)

    async def refuse(self, status: int, reason: str, tongue: Tongue = OLLAMA) -> Reply:
        """Log and phrase the refusal of a body that was not even read."""
        async with self._turn:
            if self._is_full():
                return Reply(status=TOO_MANY, body=tongue.error(_FULL, ""))
            call = self._begin(tongue)
            try:
                return self._refused(call, status, reason)
            except StoreError as error:
                self.errors.append(str(error))
                return Reply(status=FAULT, body=tongue.error(str(error), ""))

    async def end(self) -> None:
        """Wait until every call has its line, and take no further one."""
        for _ in range(self.at_once):
            await self._turn.acquire()

    def _is_full(self) -> bool:
        """Whether the attempt has asked as much as any honest one could."""
        return 0 < self.most_calls <= self._next or 0 < self.most_bytes <= self.log.written

    def _begin(self, tongue: Tongue) -> _Call:
        call = _Call(number=self._next, started=time.monotonic(), tongue=tongue)
        self._next += 1
        return call

    async def _answered(self, call: _Call, body: bytes) -> Reply:
        try:
            call.question = call.tongue.parse(body)
        except ValueError as error:
            return self._refused(call, BAD, str(error))
        question = call.question
        wished = question.options.temperature
        call.temperature = wished if self.temperature is None else self.temperature
        kind = self.kinds.get(question.system)
        if kind is None:
            return self._refused(call, UNKNOWN, _unknown(question.system))
        call.kind, call.responder = kind.name, asked(self.responder, kind.name)
        try:
            answer = await self._ask(self._request(call, kind))
        except ModelError as error:
            self.errors.append(str(error))
            status, code = fault_of(error)
            return self._refused(call, status, str(error), code)
        self._write(call, answer)
        return Reply(status=OK, body=call.tongue.answer(answer, question.model))

    def _request(self, call: _Call, kind: CallKind) -> ModelRequest:
        question = call.question
        return ModelRequest(
            attempt=self.attempt,
            number=call.number,
            call_kind=kind.name,
            model=question.model,
            system=question.system,
            prompt=question.prompt,
            temperature=call.temperature,
            seed=self.seed,
            max_tokens=min(kind.cap, question.options.num_predict),
        )

    async def _ask(self, request: ModelRequest) -> ModelAnswer:
        try:
            said = await self._deadline.within(self.responder.answer(request))
        except TimeoutError as error:
            who = asked(self.responder, request.call_kind)
            raise ModelError(f"{who}: no answer to {request.call_kind} {error}") from error
        answer = without_thinking(said)
        if self.oracles.knows(self.attempt):
            # The oracle may look at whole files: never in the loop that serves all attempts.
            await asyncio.to_thread(
                self.oracles.observe, self.attempt, request.call_kind, request.prompt, answer.text
            )
        return answer

    def _refused(self, call: _Call, status: int, reason: str, code: str = "") -> Reply:
        self._write(call, None, reason)
        return Reply(status=status, body=call.tongue.error(reason, code))

    def _log_broken(self, call: _Call) -> None:
        """The line of a call that ended by an exception: the client left, or a program error."""
        cause = sys.exception()
        if cause is None or isinstance(cause, asyncio.CancelledError):
            reason = "the client left, or the gateway was stopped, before the answer"
        else:
            # Its name only: its text may hold what belongs into no log.
            reason = f"{type(cause).__name__} inside the gateway: see its error output"
            self.errors.append(reason)
        try:
            self._write(call, None, reason)
        except StoreError as error:
            self.errors.append(str(error))

    def _write(self, call: _Call, answer: ModelAnswer | None, error: str = "") -> None:
        # Marked first: a line that cannot be written is not tried twice.
        call.logged = True
        self.log.append(
            CallRecord(
                attempt=self.attempt,
                number=call.number,
                call_kind=call.kind,
                system=call.question.system,
                prompt=call.question.prompt,
                response=answer.text if answer else "",
                thinking=answer.thinking if answer else "",
                prompt_tokens=answer.prompt_tokens if answer else None,
                completion_tokens=answer.completion_tokens if answer else None,
                latency_ms=round((time.monotonic() - call.started) * 1000),
                responder=answer.responder if answer else call.responder,
                model=answer.model if answer else call.question.model,
                temperature=call.temperature,
                seed=self.seed,
                finish=answer.finish if answer else "error",
                error=error,
            )
        )


def _unknown(system: str) -> str:
    digest = hashlib.sha256(system.encode()).hexdigest()
    return (
        f"system prompt with SHA-256 {digest} is none of the installed agent's known call kinds: "
        "check that the agent that asks is the one that CRA_PIPELINE_AGENT_PYTHON names"
    )
