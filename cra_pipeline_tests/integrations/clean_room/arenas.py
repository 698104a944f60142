"""An honest agent beside programs that mean harm, and what those are made of."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cra_pipeline.contracts.agents import AgentRun
from cra_pipeline.contracts.sandbox import Limits
from cra_pipeline.contracts.tasks import Outcome
from cra_pipeline.integrations.agents.clean_room import CleanRoomAgent
from cra_pipeline.integrations.clean_room.launch import Job
from cra_pipeline_tests.integrations.clean_room.beds import PLAN, Bed, program_of

COMPLETE = """
import sqlite3
def say_complete(extra=''):
    c = sqlite3.connect('.clean_room/raw.sqlite')
    with c:
        c.execute("INSERT INTO orchestrator_runs (task_id, repo_path, task_description, status, "
                  "total_parts, parts_completed, timestamp) VALUES (hex(randomblob(8)), '/repo', "
                  "'d', 'complete', 1, 1, 'now')")
        if extra:
            c.execute(extra)
    c.close()
"""
ASK = """
import http.client, json, time
def ask(system, path='/api/generate', wait=True, prompt='hm'):
    line = http.client.HTTPConnection('127.0.0.1', 11434)
    body = {'model': 'm', 'prompt': prompt, 'stream': False, 'system': system,
            'options': {'temperature': 0.0, 'num_predict': 1}}
    line.request('POST', path, json.dumps(body))
    if wait:
        return line.getresponse().status
    time.sleep(0.3)
    line.close()
"""
TRY = """
import os
got = []
def tried(name, act):
    try:
        result = act()
    except Exception as error:
        return
    if result is not False:
        got.append(name)
def tell():
    sys.exit(f'got {got}' if got else 'got nothing')
"""
FORGE = """
import glob, json, os, signal, time
def forge(head, *pieces):
    told = {'ending': 'exited', 'exit_code': 0, 'output': '', 'changed': [], 'deleted': [],
            'databases': [], 'sizes': [len(piece) for piece in pieces]} | head
    data = json.dumps(told).encode() + b'\\n' + b''.join(pieces)
    found = 0
    for place in glob.glob('/proc/[0-9]*/fd/*'):
        try:
            if os.readlink(place).startswith('pipe:') and int(place.split('/')[2]) != os.getpid():
                os.write(os.open(place, os.O_WRONLY | os.O_NONBLOCK), data)
                found += 1
        except OSError:
            pass
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(5)
"""


SMALL = Limits(
    wall_s=15.0, cpu_s=15, memory_mb=256, disk_mb=96, inodes=20_000, processes=64, open_files=1024
)


class Hurried(CleanRoomAgent):
    """The backend with limits that are reached within seconds."""

    def _job(self, *told: Any) -> Job:  # noqa: ANN401  # as there
        return replace(CleanRoomAgent._job(self, *told), limits=SMALL, timeout_s=4.0)


@dataclass(frozen=True)
class Arena:
    """A workspace with an honest agent, whose gateway others share."""

    bed: Bed
    agent: CleanRoomAgent

    def attempt(
        self, place: Path, code: str, backend: type[CleanRoomAgent] = CleanRoomAgent
    ) -> AgentRun:
        """One attempt of a program that is not honest.

        Args:
            place: For its code; its name is the attempt's id.
            code: Of its ``solve``.
            backend: What runs it.
        """
        agent = backend(
            program=program_of(place / "program", code),
            settings=self.agent.settings,
            supplies=self.agent.supplies,
            sandbox=self.agent.sandbox,
            gateway=self.agent.gateway,
            plans_for=self.agent.plans_for,
        )
        return agent.run(self.bed.task, PLAN, {}, place.name)

    def honest(self, name: str) -> AgentRun:
        """One attempt of the honest agent, which may lie beside others on the same task."""
        task = self.bed.task.model_copy(update={"task_id": name})
        return self.agent.run(task, PLAN, {}, name)


def said(run: AgentRun) -> str:
    """What a program found out, as it ended with an error."""
    assert (run.outcome, run.reason) == (Outcome.AGENT_ERROR, "exit_1")
    return run.detail
