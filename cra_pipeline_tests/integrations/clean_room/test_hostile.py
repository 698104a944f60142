"""Programs that reach for what is not theirs: each ends as a typed outcome, and nothing is had."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from cra_pipeline.contracts.calls import ModelAnswer, ModelRequest
from cra_pipeline.contracts.tasks import Outcome
from cra_pipeline.integrations.agents import clean_room
from cra_pipeline.integrations.git.run import git
from cra_pipeline_tests.integrations.clean_room.arenas import (
    ASK,
    COMPLETE,
    FORGE,
    TRY,
    Arena,
    said,
)
from cra_pipeline_tests.integrations.clean_room.beds import program_of
from cra_pipeline_tests.integrations.clean_room.test_bases import fingerprint


def test_host_files_cannot_be_read(arena: Arena, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    canary.write_text("host")
    canary.chmod(0o644)
    home, project = arena.bed.layout.root, Path(clean_room.__file__).parents[3]
    paths = [
        "/etc/shadow",
        "/etc/machine-id",
        str(canary),
        str(home),
        str(project),
    ]
    code = TRY + f"for path in {paths}:\n    tried(path, lambda: open(path, 'rb').read())\n"
    code += f"for path in ['/root', *{paths}]:\n    tried(path, lambda: os.listdir(path))\ntell()"

    assert said(arena.attempt(tmp_path, code)) == "got nothing"


def test_there_is_no_network(arena: Arena, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        host, port = server.getsockname()
        code = TRY + (
            "import socket\n"
            f"tried('tcp', lambda: socket.create_connection(('{host}', {port}), 2))\n"
            "tried('far', lambda: socket.create_connection(('192.0.2.1', 80), 2))\n"
            "tried('dns', lambda: socket.getaddrinfo('example.org', 80))\n"
            "tried('udp', lambda: socket.socket(2, 2).sendto(b'x', ('192.0.2.1', 53)))\n"
            "tried('six', lambda: socket.create_connection(('2001:db8::1', 80), 2))\n"
            "tried('raw', lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))\n"
            "tried('vsock', lambda: socket.socket(40, 1).connect((2, 1)))\n"
            "tell()"
        )

        assert said(arena.attempt(tmp_path, code)) == "got nothing"
        with pytest.raises(TimeoutError):
            server.accept()


def test_another_attempt_s_socket_is_out_of_reach(arena: Arena, tmp_path: Path) -> None:
    log = tmp_path / "calls.jsonl"
    other = arena.agent.gateway.open_attempt("victim", log, temperature=0.0, seed=0)
    code = TRY + ASK + (
        "import socket\n"
        f"def unix(path): socket.socket(socket.AF_UNIX).connect(path)\n"
        f"tried('path', lambda: unix({str(other)!r}))\n"
        f"tried('folder', lambda: os.listdir({str(other.parent)!r}))\n"
        f"tried('abstract', lambda: unix('\\0' + {str(other)!r}))\n"
        "tried('siblings', lambda: len(os.listdir('/gateway')) > 1)\n"
        "for path in ['/victim/api/generate', '/api/generate/../victim', '/', '/api/tags']:\n"
        "    tried(path, lambda: ask('s', path) < 400)\n"
        "tell()"
    )  # fmt: skip
    run = arena.attempt(tmp_path, code)
    arena.agent.gateway.close_attempt("victim")

    assert said(run) == "got nothing"
    assert log.read_bytes() == b""


def test_nothing_outside_of_its_tree_can_be_written(arena: Arena, tmp_path: Path) -> None:
    bases = arena.bed.layout.root / "agent_bases"
    folders = [arena.bed.materials.env_folder, bases, tmp_path]
    (tmp_path / "program").mkdir()
    program_of(tmp_path / "program", "pass")
    code = TRY + (
        "places = ['/env', '/python', '/agent/0', '/agent/1', '/agentpython', '/tools', '/cra', "
        f"'/state', '/shim', '/usr', '/etc', '/', '/gateway', {str(bases)!r}, {str(tmp_path)!r}]\n"
        "for place in places:\n"
        "    tried(place, lambda: open(f'{place}/planted', 'w'))\n"
        "    tried(place, lambda: os.symlink('/etc/passwd', f'{place}/link'))\n"
        "tried('orders', lambda: open('/cra/orders.json', 'a'))\n"
        "tried('socket', lambda: os.unlink('/gateway/socket'))\n"
        "open('till.py', 'w').write('wrecked')\n"
        "os.system('rm -rf .git tests')\n"
        "tell()"
    )
    arena.attempt(tmp_path, code)
    before = [fingerprint(folder) for folder in folders]
    run = arena.attempt(tmp_path, code)

    assert said(run) == "got nothing"
    assert [fingerprint(folder) for folder in folders] == before


def test_the_future_is_in_no_object(arena: Arena, tmp_path: Path) -> None:
    snapshot = arena.bed.materials.snapshot
    later = git(snapshot, "rev-parse", "main").decode().strip()
    code = TRY + (
        "import subprocess\n"
        "def git(*a): return subprocess.run(['git', *a], capture_output=True, check=True).stdout\n"
        f"for sha in [{later!r}, {arena.bed.task.sha!r}]:\n"
        "    tried(sha, lambda: git('cat-file', '-e', sha))\n"
        "everything = git('cat-file', '--batch-all-objects', '--batch')\n"
        "tried('words', lambda: b'SECRET' in everything or b'percent_off' in everything)\n"
        "tried('remote', lambda: bool(git('remote')))\n"
        "tried('alternates', lambda: open('.git/objects/info/alternates'))\n"
        "tried('refs', lambda: git('for-each-ref').count(b'\\n') > 1)\n"
        "tell()"
    )

    assert said(arena.attempt(tmp_path, code)) == "got nothing"


@pytest.mark.parametrize("path", ["{canary}", "../../../../../../../..{canary}", ".git/hooks/x"])
def test_a_forged_result_writes_nowhere(arena: Arena, tmp_path: Path, path: str) -> None:
    canary = tmp_path / "escaped"
    code = FORGE + f"forge({{'changed': [{path.format(canary=canary)!r}]}}, b'planted')"
    run = arena.attempt(tmp_path, code)

    assert (run.outcome, run.reason) == (Outcome.AGENT_ERROR, "nothing_came_back")
    assert run.proposal.files == ()
    assert not canary.exists()


def test_a_forged_result_can_claim_a_change_and_no_verdict(arena: Arena, tmp_path: Path) -> None:
    code = FORGE + COMPLETE + (
        "say_complete()\ndata = open('.clean_room/raw.sqlite', 'rb').read()\n"
        "forge({'changed': ['till.py'], 'databases': ['raw.sqlite']}, b'x = 1\\n', data)\n"
    )  # fmt: skip
    run = arena.attempt(tmp_path, code)

    # Either it was not believed, or its change is judged like any other.
    assert run.reason == "nothing_came_back" or run.outcome is None
    assert not run.reproduced
    assert run.withheld == ("not_validated" if run.outcome is None else "")


class Slow:
    """A model that takes longer than anybody waits."""

    name = "slow"

    async def answer(self, request: ModelRequest) -> ModelAnswer:
        """Nobody hears it."""
        await asyncio.sleep(60)
        return ModelAnswer(text="yes", model=request.model, responder=self.name)


def test_an_abandoned_call_is_not_the_model_s_failure(arena: Arena, tmp_path: Path) -> None:
    system = arena.agent.program.system_prompts["scope"]
    code = ASK + f"ask({system!r}, wait=False)\nsys.exit(1)"
    bed = arena.bed.with_program(program_of(tmp_path / "program", code))
    run = bed.attempt(tmp_path.name, responder=Slow())

    assert (run.outcome, run.reason) == (Outcome.AGENT_ERROR, "exit_1")
    assert [(call.call_kind, call.finish) for call in run.calls] == [("scope", "error")]


def test_a_call_that_nobody_knows_is_the_program_s_failure(arena: Arena, tmp_path: Path) -> None:
    run = arena.attempt(tmp_path, ASK + COMPLETE + "say_complete()\nask('You are a pirate.')")

    assert (run.outcome, run.reason) == (Outcome.AGENT_ERROR, "unknown_call")
    assert [call.call_kind for call in run.calls] == [""]


def test_a_question_without_sense_has_no_answer_and_harms_nobody(
    arena: Arena, tmp_path: Path
) -> None:
    system = arena.agent.program.system_prompts["implement"]
    run = arena.attempt(tmp_path, ASK + f"ask({system!r})\nsys.exit(1)")

    assert (run.outcome, run.reason) == (Outcome.MODEL_ERROR, "no_answer")
