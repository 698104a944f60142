"""An OpenAI-compatible server that answers the agent as the commit would, and keeps what it heard.

The real agent works before it in a working tree on this machine, not in the sandbox: what it runs
there is the suite of a repository of ours.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import tomlkit
from aiohttp import web

from cra_pipeline.contracts.calls import ModelRequest
from cra_pipeline.gold.book import GoldBook
from cra_pipeline.gold.oracle import GoldOracle
from cra_pipeline.integrations.clean_room.configuration import configuration
from cra_pipeline.integrations.clean_room.direct import SCRIPT
from cra_pipeline.integrations.clean_room.expressing import expressed
from cra_pipeline.integrations.clean_room.openai_compat import ROUTES_VARIABLE
from cra_pipeline.integrations.gateway.listening import listen_loopback
from cra_pipeline.integrations.responders.gold import GoldResponder
from cra_pipeline.integrations.responders.oracles import Oracles
from cra_pipeline_tests.integrations.clean_room.beds import Bed

ATTEMPT = "front"
MODELS = {"scope": "scope-v3", "implement": "execute_code-v1", "test_implement": "execute_code-v1"}
REST = "base-reasoning"
"""Models that are asked for: of these call kinds, and of the rest."""


@dataclass
class GoldFront:
    """What was asked, and who answers it.

    Attributes:
        kinds: Call kind by system prompt.
        book: Of the task.
        url: Base URL while it runs.
        bodies: Every request, byte by byte.
        answers: Model and text of every answer.
    """

    kinds: Mapping[str, str]
    book: GoldBook
    url: str = ""
    bodies: list[bytes] = field(default_factory=list)
    answers: list[tuple[str, str]] = field(default_factory=list)

    async def handle(self, heard: web.Request) -> web.Response:
        """Answer one request."""
        body = await heard.read()
        self.bodies.append(body)
        asked = json.loads(body)
        system, prompt = (message["content"] for message in asked["messages"])
        kind = self.kinds[system]
        request = ModelRequest(
            attempt=ATTEMPT,
            number=len(self.bodies),
            call_kind=kind,
            model=asked["model"],
            system=system,
            prompt=prompt,
            temperature=asked["temperature"],
            seed=asked["seed"],
            max_tokens=asked["max_tokens"],
        )
        answer = await self._responder.answer(request)
        self._oracles.observe(ATTEMPT, kind, prompt, answer.text)
        self.answers.append((asked["model"], answer.text))
        message = {"role": "assistant", "content": answer.text}
        return web.json_response({
            "model": asked["model"],
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": len(prompt) // 4, "completion_tokens": 1},
        })  # fmt: skip

    def reset(self) -> None:
        """Forget what was heard, and begin the task anew."""
        self.bodies, self.answers = [], []
        self._oracles = Oracles()
        self._oracles.add(ATTEMPT, GoldOracle(self.book))
        self._responder = GoldResponder(self._oracles)


@asynccontextmanager
async def running(front: GoldFront) -> AsyncIterator[GoldFront]:
    """The front on loopback for the time of the block."""
    front.reset()
    application = web.Application(client_max_size=2**24)
    application.router.add_post("/v1/chat/completions", front.handle)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    listening = listen_loopback(0)
    front.url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
    await web.SockSite(runner, listening).start()
    try:
        yield front
    finally:
        await runner.cleanup()


@dataclass(frozen=True)
class Workplace:
    """A task's base, laid out for agents that work outside the sandbox.

    Attributes:
        bed: The task.
        book: What the commit would answer.
        tree: The base, read-only.
        python: The agent's interpreter.
    """

    bed: Bed
    book: GoldBook
    tree: Path
    python: Path

    def checkout(self, folder: Path, provider: str, base_url: str) -> Path:
        """A working tree with the agent's settings.

        Args:
            folder: Is made.
            provider: Of ``[models]``.
            base_url: Of ``[models]``.
        """
        shutil.copytree(self.tree, folder, symlinks=True)
        subprocess.run(["chmod", "-R", "u+w", str(folder)], check=True)
        settings = tomlkit.parse(
            configuration(self.bed.settings, port=1, temperature=0.0, test_timeout_s=60)
        ).unwrap()
        settings["models"] |= {"provider": provider, "base_url": base_url}
        settings["testing"]["test_command"] = "pytest -q -p no:cacheprovider -o pythonpath=. tests/"
        state = folder / ".clean_room"
        state.mkdir(exist_ok=True)
        (state / "config.toml").write_text(tomlkit.dumps(settings))
        (folder / ".git" / "info" / "exclude").write_text(".clean_room/\n")
        return folder

    async def run(self, *command: str, **more: str) -> str:
        """Run a command as the agent's user would.

        Returns:
            What it printed.
        """
        process = await asyncio.create_subprocess_exec(
            *command, stdout=-1, stderr=-2, env=self._environ() | more
        )
        output, _ = await asyncio.wait_for(process.communicate(), 240)
        assert process.returncode == 0, output.decode()[-3000:]
        return output.decode()

    def files(self, folder: Path) -> dict[str, str]:
        """What the branch holds."""
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=folder, capture_output=True, text=True, check=True
        ).stdout.split("\0")[:-1]
        return {path: (folder / path).read_text() for path in listed}

    def _environ(self) -> dict[str, str]:
        git = {"NAME": "agent", "EMAIL": "agent@localhost"}
        return {
            "PATH": f"{self.python.parent}:{os.defpath}",
            "HOME": str(self.tree.parent),
            "PYTHONHASHSEED": "0",
            "PYTHONDONTWRITEBYTECODE": "1",
            **{f"GIT_{who}_{what}": text for who in ("AUTHOR", "COMMITTER")
               for what, text in git.items()},
        }  # fmt: skip


def make_workplace(bed: Bed, python: Path) -> Workplace:
    """The base as the pipeline prepares it, and the book of the task."""
    with bed.agent() as agent:
        said = expressed(bed.materials)
        base = agent._base(bed.task, bed.materials, said)
        book = agent._book(bed.task, said, base, "names")
    return Workplace(bed, book, base.tree, python)


def kinds_of(place: Workplace) -> Mapping[str, str]:
    """Call kind by the agent's system prompt."""
    return {text: kind for kind, text in place.bed.program.system_prompts.items()}


async def solve_directly(place: Workplace, front: GoldFront, folder: Path) -> dict[str, str]:
    """The branch after a solve by the agent's own transport, which the commit answers."""
    repo = place.checkout(folder, "openai_compat", front.url)
    script = (str(place.python), "-P", str(SCRIPT))
    told = {"model": REST, "kinds": {kind: {"model": model} for kind, model in MODELS.items()}}
    await place.run(*script, "index", str(repo))
    said = await place.run(
        *script, "solve", "--repo", str(repo), "--", place.book.statement,
        **{ROUTES_VARIABLE: json.dumps(told)},
    )  # fmt: skip
    assert "Status: complete" in said, said[-3000:]
    return place.files(repo)
