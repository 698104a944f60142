"""One run of the agent's program in the sandbox: what goes in, and what came out of it.

What came out was written where foreign code runs: it is evidence, never a verdict.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from cra_pipeline.contracts.ports import Sandbox
from cra_pipeline.contracts.sandbox import Bind, Ending, Limits, SandboxRequest, SandboxResult
from cra_pipeline.errors import AgentError
from cra_pipeline.integrations.clean_room.packed import unpacked
from cra_pipeline.integrations.clean_room.program import AgentProgram
from cra_pipeline.integrations.clean_room.returned import require_grown
from cra_pipeline.integrations.leftovers import prefix_of

PORT = 11434
"""Of the relay, in a network namespace of its own."""
GRACE_S = 15.0
"""After its time is up the agent may still clean its branch."""

_INTERPRETER = "/agentpython/bin/python3"
_TEST_COMMAND = f'#!/bin/sh\nexec {_INTERPRETER} -I /cra/send_tests.py "$@"\n'.encode()
_DATABASES = ("raw.sqlite", "curated.sqlite")
_CERTIFICATE = "/cra/certificate.pem"
_WORDS = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What the agent is told to do, and where.

    Attributes:
        arguments: After the program's name.
        tree: Its repository, ending at the prepared base.
        base: Commit at which the branch stands; empty where nothing is expected to change.
        state: Files for ``.clean_room`` by name.
        timeout_s: Seconds until it is interrupted.
        limits: Of the sandbox; its wall time lies behind ``timeout_s``.
        socket: Of the gateway; None where no call is expected.
        tests_socket: Of the desk that answers its test command; None where none is expected.
    """

    arguments: tuple[str, ...]
    tree: Path
    base: str
    state: Mapping[str, bytes]
    timeout_s: float
    limits: Limits
    socket: Path | None = None
    tests_socket: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What the program left behind.

    Attributes:
        ending: ``exited``, ``interrupted`` or ``killed``; empty where the sandbox sent nothing.
        exit_code: Of the program.
        output: Tail of what it printed.
        changed: New content by path, as committed on its branch.
        deleted: Paths that its branch lost.
        databases: Content by name.
        sandbox: How the sandbox ended.
    """

    ending: str
    exit_code: int
    output: str
    changed: Mapping[str, bytes]
    deleted: tuple[str, ...]
    databases: Mapping[str, bytes]
    sandbox: SandboxResult


def run_program(sandbox: Sandbox, scratch: Path, program: AgentProgram, job: Job) -> Left:
    """Run once; everything that can go wrong inside is in the result.

    Raises:
        SandboxError: The sandbox cannot be had on this machine at all.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch, prefix=prefix_of("agent")) as folder:
        Path(folder).chmod(0o755)
        result = sandbox.run(_request(Path(folder), program, job))
    return _left(result, job.state)


def _request(folder: Path, program: AgentProgram, job: Job) -> SandboxRequest:
    _write(folder / "cra", _scripts(program, job))
    _write(folder / "state", job.state)
    binds = [
        Bind(source=folder / "cra", target="/cra"),
        Bind(source=folder / "state", target="/state"),
        Bind(source=program.interpreter, target="/agentpython"),
        *(
            Bind(source=place, target=f"/agent/{number}")
            for number, place in enumerate(program.folders)
        ),
    ]
    sockets = {"/gateway/socket": job.socket, "/tests/socket": job.tests_socket}
    if job.tests_socket is not None:
        tools = _write(folder / "tools", {"bin/pytest": _TEST_COMMAND})
        binds.append(Bind(source=tools, target="/tools"))
    return SandboxRequest(
        argv=(_INTERPRETER, "-I", "/cra/inside.py"),
        tree=job.tree,
        binds=tuple(binds),
        sockets=tuple(
            Bind(source=place, target=target)
            for target, place in sockets.items()
            if place is not None
        ),
        env=_variables(),
        channel=True,
        limits=job.limits,
    )


def _script(name: str) -> bytes:
    return resources.files(__package__).joinpath(name).read_bytes()


def _scripts(program: AgentProgram, job: Job) -> dict[str, bytes]:
    places = [f"/agent/{number}" for number in range(len(program.folders))]
    command = [_INTERPRETER, "-s", "/cra/start.py", program.module, *places, "--", *job.arguments]
    orders = {
        "command": command,
        "env": {},
        "timeout_s": job.timeout_s,
        "grace_s": GRACE_S,
        "port": 0 if job.socket is None else PORT,
        "copied": sorted(job.state),
        "kept": list(_DATABASES),
        "base": job.base,
    }
    return {
        "inside.py": _script("inside.py"),
        "start.py": _script("start.py"),
        "send_tests.py": _script("send_tests.py"),
        "certificate.pem": _script("certificate.pem"),
        "orders.json": json.dumps(orders).encode(),
    }


def _variables() -> tuple[tuple[str, str], ...]:
    """The whole environment of the agent."""
    settings = {
        "core.fileMode": "false",
        "core.hooksPath": "/dev/null",
        "core.autocrlf": "false",
        "commit.gpgSign": "false",
        "gc.auto": "0",
        "maintenance.auto": "false",
        "safe.directory": "*",
        "user.name": "agent",
        "user.email": "agent@localhost",
    }
    variables = {
        "PATH": "/tools/bin:/usr/bin:/bin",
        "HOME": "/home/sandbox",
        "USER": "agent",
        "LOGNAME": "agent",
        # The agent iterates sets of paths: ids, and with them prompts, follow the seed.
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        # It builds a client for each stage, and the usual bundle takes 50 ms to load each time.
        "SSL_CERT_FILE": _CERTIFICATE,
        "NO_PROXY": "127.0.0.1,localhost",
        "TZ": "UTC",
        "LC_ALL": "C.UTF-8",
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "COLUMNS": "80",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_COUNT": str(len(settings)),
    }
    for number, (key, value) in enumerate(sorted(settings.items())):
        variables[f"GIT_CONFIG_KEY_{number}"] = key
        variables[f"GIT_CONFIG_VALUE_{number}"] = value
    return tuple(variables.items())


def _write(folder: Path, files: Mapping[str, bytes]) -> Path:
    folder.mkdir(mode=0o755)
    for path, content in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        if path.startswith("bin/"):
            place.chmod(0o755)
    return folder


def _left(result: SandboxResult, given: Mapping[str, bytes]) -> Left:
    try:
        found = unpacked(result.channel)
    except ValueError as error:
        # Cut short or forged: nothing of it is used.
        words = result.stderr.strip()[-_WORDS:] or result.detail
        return Left(
            ending="",
            exit_code=result.exit_code,
            output=words or str(error)[:_WORDS],
            changed={},
            deleted=(),
            databases={},
            sandbox=result,
        )
    output, databases = found.told.output, {}
    for name in _DATABASES:
        if name not in found.databases:
            continue
        try:
            require_grown(found.databases[name], given.get(name))
        except ValueError as error:
            output += f"\n{name}: {error}"
        else:
            databases[name] = found.databases[name]
    return Left(
        ending=found.told.ending,
        exit_code=found.told.exit_code,
        output=output,
        changed=found.changed,
        deleted=found.told.deleted,
        databases=databases,
        sandbox=result,
    )


class NotStartedError(AgentError):
    """The sandbox did not start: the machine's fault, not the program's."""


def require_exit(left: Left, what: str, expected: Sequence[str] = ()) -> None:
    """Refuse what a preparing step left if it did not end well.

    Raises:
        AgentError: It failed, or a database is missing; the message carries its last words.
    """
    lost = [name for name in expected if name not in left.databases]
    if left.ending == "exited" and left.exit_code == 0 and not lost:
        return
    last = [line for line in left.output.strip().splitlines() if line.strip()][-3:]
    how = left.ending or left.sandbox.ending.value
    if left.sandbox.ending is Ending.NOT_STARTED:
        raise NotStartedError(f"{what}: {left.sandbox.detail}")
    if left.sandbox.ending is not Ending.EXITED:
        last.append(left.sandbox.detail)
    raise AgentError(
        f"{what} ended with status {left.exit_code} ({how}"
        f"{', without ' + ', '.join(lost) if lost else ''}): {' / '.join(last)}"
    )
