"""The desk answers one attempt, within bounds, and is gone with it."""

from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cra_pipeline.errors import SandboxError
from cra_pipeline.integrations.clean_room.send_tests import packed
from cra_pipeline.integrations.clean_room.submission import Submission
from cra_pipeline.integrations.clean_room.tests_desk import DeskPolicy, open_desk
from cra_pipeline.integrations.clean_room.trial import Answer

QUICK = DeskPolicy(most_runs=3, most_bytes=1000, transfer_s=0.3)
ONE = packed({"a.py": b"x", "b.py": None})


def echo(submission: Submission, left_s: float) -> Answer:
    return Answer(status=3, output=f"{dict(submission.changed)} {submission.deleted} {left_s:.0f}")


def ask(place: Path, data: bytes = ONE, *, whole: bool = True) -> str:
    """What the desk says; ``whole``: and then no more comes."""
    received = b""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(str(place))
        try:
            client.sendall(data)
            if whole:
                client.shutdown(socket.SHUT_WR)
            while piece := client.recv(1 << 16):
                received += piece
        except (BrokenPipeError, ConnectionResetError):
            received += client.recv(1 << 16) if not received else b""
    return received.decode()


def desks() -> list[str]:
    return [each.name for each in threading.enumerate() if each.name.startswith("tests-desk")]


def test_a_submission_is_run_and_answered() -> None:
    with open_desk(echo, seconds=50) as desk:
        said = ask(desk.socket)

    assert said == "3\n{'a.py': b'x'} ('b.py',) 50"
    assert desk.faults == ()


def test_nothing_is_left_of_a_desk() -> None:
    with open_desk(echo, seconds=50) as desk:
        assert desks()
        ask(desk.socket)

    assert not desk.socket.parent.exists()
    assert desks() == []


def test_it_ends_although_somebody_is_connected_and_says_nothing() -> None:
    with open_desk(echo, seconds=50, policy=QUICK) as desk:
        client = socket.socket(socket.AF_UNIX)
        client.connect(str(desk.socket))
    client.close()

    assert desks() == []


def test_its_folder_is_closed_to_others() -> None:
    with open_desk(echo, seconds=50) as desk:
        assert desk.socket.parent.stat().st_mode & 0o777 == 0o700


REFUSED = {
    "rubbish": (b"hello", "no first line"),
    "cut short": (ONE[:-1], "not as long as it says"),
    "a path that climbs": (packed({"../x": b"x"}), "leaves the tree"),
    "too much": (packed({"a": b"x" * 2000}), "over 1000 bytes"),
    "far too much": (packed({"a": b"x" * (5 << 20)}), "over 1000 bytes"),
}


@pytest.mark.parametrize("what", sorted(REFUSED))
def test_what_cannot_be_read_is_refused_and_not_run(what: str) -> None:
    runs: list[Submission] = []

    def note(submission: Submission, left_s: float) -> Answer:
        runs.append(submission)
        return Answer(status=0, output=str(left_s))

    data, words = REFUSED[what]
    with open_desk(note, seconds=50, policy=QUICK) as desk:
        said = ask(desk.socket, data)
        again = ask(desk.socket)

    assert said.startswith("1\nnothing was tested: ")
    assert words in said
    assert again.startswith("0\n")
    assert len(runs) == 1


def test_who_sends_too_slowly_is_told_so_and_others_go_on() -> None:
    with open_desk(echo, seconds=50, policy=QUICK) as desk:
        began = time.monotonic()
        slow = ask(desk.socket, ONE[:5], whole=False)
        took_s = time.monotonic() - began
        quick = ask(desk.socket)

    assert slow.startswith("1\nnothing was tested: nothing arrived within its time")
    assert took_s < 4
    assert quick.startswith("3\n")


def test_an_attempt_has_so_many_runs() -> None:
    with open_desk(echo, seconds=50, policy=QUICK) as desk:
        said = [ask(desk.socket) for _ in range(5)]

    assert [words[0] for words in said] == ["3", "3", "3", "1", "1"]
    assert said[-1] == "1\nnothing was tested: 3 test runs are all that an attempt may have\n"


def test_no_run_begins_when_the_attempt_s_time_is_up() -> None:
    with open_desk(echo, seconds=0) as desk:
        assert ask(desk.socket) == "1\nnothing was tested: the attempt's time is up\n"


def no_sandbox(_: Submission, _left_s: float) -> Answer:
    raise SandboxError("sandbox: forbidden")


def full_disk(_: Submission, _left_s: float) -> Answer:
    raise OSError(28, "No space left on device", "/somewhere/on/the/host")


def not_started(_: Submission, _left_s: float) -> Answer:
    return Answer(status=1, output="the tests were not run\n", fault="no process to be had")


@pytest.mark.parametrize(
    ("run", "words"),
    [(no_sandbox, "forbidden"), (full_disk, "No space left"), (not_started, "no process")],
)
def test_what_the_machine_could_not_run_is_noted_and_the_desk_goes_on(
    run: type[object], words: str
) -> None:
    with open_desk(run, seconds=50) as desk:  # type: ignore[arg-type]  # each is a function
        said = [ask(desk.socket), ask(desk.socket)]

    assert said == ["1\nthe tests were not run\n"] * 2
    assert len(desk.faults) == 2
    assert words in desk.faults[0]
    assert "/somewhere" not in desk.faults[0]


def test_who_asked_and_left_does_not_disturb_it() -> None:
    def much(_: Submission, _left_s: float) -> Answer:
        time.sleep(0.1)
        return Answer(status=0, output="x" * (4 << 20))

    with open_desk(much, seconds=50) as desk:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(desk.socket))
            client.sendall(ONE)
        said = ask(desk.socket)

    assert len(said) == (4 << 20) + 2


def test_an_error_of_the_program_is_heard_where_the_desk_was_opened() -> None:
    def broken(_: Submission, _left_s: float) -> Answer:
        raise KeyError("oops")

    with pytest.raises(KeyError, match="oops"), open_desk(broken, seconds=50) as desk:
        assert ask(desk.socket) == ""
    assert desks() == []


def test_two_desks_do_not_share() -> None:
    def named(name: str) -> str:
        def run(_: Submission, _left_s: float) -> Answer:
            return Answer(status=0, output=name)

        with open_desk(run, seconds=50) as desk:
            said = {ask(desk.socket) for _ in range(20)}
            assert [path.name for path in desk.socket.parent.iterdir()] == ["tests.sock"]
        return " ".join(said)

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(named, ["one", "two"])) == ["0\none", "0\ntwo"]
