"""What is kept of a stream, and how an end is judged."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.contracts.sandbox import Ending, Limits
from cra_pipeline.integrations.sandbox.supervise import Tail, Watch


@given(st.lists(st.binary(max_size=50)), st.integers(0, 60))
def test_a_tail_is_the_end_of_all_pieces(pieces: list[bytes], limit: int) -> None:
    tail = Tail(limit)
    for piece in pieces:
        tail.add(piece)
    whole = b"".join(pieces)

    assert tail.kept() == whole[max(0, len(whole) - limit) :]
    assert tail.seen == len(whole)
    assert len(tail.content) <= 2 * limit + 50


@pytest.mark.parametrize(
    ("report", "stderr", "ending", "code", "detail"),
    [
        (b"end 0 1500000 1\n", b"", Ending.EXITED, 0, ""),
        (b"end 5 0 1\n", b"", Ending.EXITED, 5, ""),
        (b"end 139 0 1\n", b"", Ending.SIGNALLED, -11, "signal 11"),
        (b"end 152 0 1\n", b"", Ending.TIMED_OUT, -24, "processor time"),
        (b"end 193 0 1\n", b"", Ending.EXITED, 193, ""),
        (b"end 1 0 0\n", b"bwrap: no luck\n", Ending.NOT_STARTED, 1, "no luck"),
        (b"error mount: refused\nend 1 0 0\n", b"", Ending.NOT_STARTED, 1, "mount: refused"),
        (b"tree overlay\n", b"", Ending.NOT_STARTED, -9, "the launcher ended"),
    ],
)
def test_the_launchers_words_decide_the_ending(
    report: bytes, stderr: bytes, ending: Ending, code: int, detail: str
) -> None:
    watch = Watch(process=-1, pipes={}, limits=Limits(), started=0.0)
    watch.tails = {"report": Tail(1000), "stderr": Tail(1000)}
    watch.tails["report"].add(report)
    watch.tails["stderr"].add(stderr)
    found = watch.judge()

    assert found[:2] == (ending, code)
    assert detail in found[3]
