"""Watches one run: reads its pipes, measures it, ends it at a limit, and says how it ended.

Memory here never grows with what a run writes. The end of a run is its first process's end, not
an end of file: a descendant that keeps a pipe open, or a fork of the pipeline, cannot hold it up.
"""

from __future__ import annotations

import os
import select
import selectors
import signal
import time
from dataclasses import dataclass, field

from cra_pipeline.contracts.sandbox import Ending, Limits
from cra_pipeline.integrations.sandbox.usage import fair_memory, measure, process_id

_CHUNK = 1 << 16
_BEAT_S = 0.1
_NURSERY_GRACE_S = 5.0
_SIGNAL_BASE = 128
_SIGXCPU = 24
_LAST_SIGNAL = 64


@dataclass(slots=True)
class Tail:
    """The end of a stream, or its beginning up to a limit that it must not pass.

    Attributes:
        limit: Bytes to keep.
        seen: Bytes that have come so far.
        content: What is kept; at most twice the limit in between.
    """

    limit: int
    seen: int = 0
    content: bytearray = field(default_factory=bytearray)

    def add(self, piece: bytes) -> None:
        """Take a piece in, dropping the oldest bytes beyond the limit."""
        self.seen += len(piece)
        self.content += piece
        if len(self.content) > 2 * self.limit:
            del self.content[: -self.limit or None]

    def kept(self) -> bytes:
        """The last ``limit`` bytes."""
        return bytes(self.content[-self.limit :]) if self.limit else b""


@dataclass(slots=True)
class Watch:
    """One run as it is seen from outside.

    Attributes:
        process: Descriptor of the run's first process; when that is gone, all others are.
        pipes: Read end of each stream by name: stdout, stderr, channel, report.
        limits: What it may use.
        started: ``time.monotonic()`` of its start.
    """

    process: int
    pipes: dict[str, int]
    limits: Limits
    started: float
    tails: dict[str, Tail] = field(default_factory=dict)
    ending: Ending | None = None
    detail: str = ""
    seen_cpu_s: float = 0.0

    def follow(self) -> None:
        """Stay with the run to its end; afterwards no process of it is left."""
        room = {"channel": self.limits.channel_bytes, "report": _CHUNK}
        self.tails = {name: Tail(room.get(name, self.limits.output_bytes)) for name in self.pipes}
        with selectors.DefaultSelector() as selector:
            selector.register(self.process, selectors.EVENT_READ)
            for name, descriptor in self.pipes.items():
                os.set_blocking(descriptor, False)
                selector.register(descriptor, selectors.EVENT_READ, name)
            self._watch(selector)
        self._await_end()
        for name in self.pipes:
            while self._read(name):
                pass

    def _await_end(self) -> None:
        """Give the nursery a moment to say how the run ended."""
        latest = time.monotonic() + _NURSERY_GRACE_S
        while not self.words("end") and time.monotonic() < latest:
            if select.select([self.pipes["report"]], [], [], _NURSERY_GRACE_S)[
                0
            ] and not self._read("report"):
                return

    def _watch(self, selector: selectors.BaseSelector) -> None:
        beat = self.started + _BEAT_S
        while True:
            for key, _ in selector.select(max(0.0, beat - time.monotonic())):
                if key.data is None:
                    return
                if not self._read(key.data):
                    selector.unregister(key.fd)
            if time.monotonic() >= beat:
                self._check_limits()
                beat = time.monotonic() + min(_BEAT_S, self._time_left())

    def _time_left(self) -> float:
        left = self.started + self.limits.wall_s - time.monotonic()
        return max(0.001, left) if self.ending is None else _BEAT_S

    def _read(self, name: str) -> bool:
        """Take what a pipe holds; False at its end, or when nothing is left after the run."""
        try:
            piece = os.read(self.pipes[name], _CHUNK)
        except BlockingIOError:
            return False
        tail = self.tails[name]
        tail.add(piece)
        if name == "channel" and tail.seen > tail.limit:
            self.end(Ending.CHANNEL_FLOODED, f"over {tail.limit} bytes on the result channel")
        return bool(piece)

    def _check_limits(self) -> None:
        limits, elapsed = self.limits, time.monotonic() - self.started
        if elapsed > limits.wall_s:
            self.end(Ending.TIMED_OUT, f"ran for {limits.wall_s:g} s, the wall-clock limit")
        usage = measure(process_id(self.process))
        self.seen_cpu_s = max(self.seen_cpu_s, usage.cpu_s)
        if usage.cpu_s > limits.cpu_s:
            self.end(Ending.TIMED_OUT, f"used {limits.cpu_s} s of processor time, the limit")
        most = limits.memory_mb << 20
        if usage.memory > most and fair_memory(usage.processes) > most:
            self.end(Ending.OUT_OF_MEMORY, f"used {limits.memory_mb} MB of memory, the limit")

    def end(self, ending: Ending, detail: str) -> None:
        """End the run; the first reason stands."""
        if self.ending is not None:
            return
        self.ending, self.detail = ending, detail
        try:
            signal.pidfd_send_signal(self.process, signal.SIGKILL)
        except ProcessLookupError:
            # It has just ended by itself; the reason still stands.
            return

    def words(self, kind: str) -> list[str]:
        """Words behind ``kind`` in the launcher's report; empty when it has not said it."""
        for line in self.tails["report"].kept().decode(errors="replace").splitlines():
            head, _, rest = line.partition(" ")
            if head == kind:
                return rest.split(" ")
        return []

    def judge(self) -> tuple[Ending, int, float, str]:
        """How it ended: the ending, the exit code, processor seconds, the detail."""
        end = self.words("end")
        code = int(end[0]) if end else -9
        cpu_s = max(int(end[1]) / 1e6 if end else 0.0, self.seen_cpu_s)
        if self.ending is not None:
            return self.ending, code, cpu_s, self.detail
        if not end or end[2] != "1":
            return Ending.NOT_STARTED, code, cpu_s, self._why_not_started()
        if _SIGNAL_BASE < code <= _SIGNAL_BASE + _LAST_SIGNAL:
            number = code - _SIGNAL_BASE
            if number == _SIGXCPU:
                words = f"used {self.limits.cpu_s} s of processor time, the limit"
                return Ending.TIMED_OUT, -number, cpu_s, words
            return Ending.SIGNALLED, -number, cpu_s, f"ended by signal {number}"
        return Ending.EXITED, code, cpu_s, ""

    def _why_not_started(self) -> str:
        said = " ".join(self.words("error"))
        last = self.tails["stderr"].kept().decode(errors="replace").strip().splitlines()[-1:]
        return f"sandbox did not start: {said or ' '.join(last) or 'the launcher ended'}"
