"""The configured test command, run once for each part."""

from __future__ import annotations

import subprocess

from .retrieval import World
from .schema import insert


def validated(world: World) -> bool:
    """Whether the tests pass; what they printed is logged with the last edit of the database."""
    code, output = _tested(world)
    (attempt,) = world.raw.execute("SELECT max(id) FROM run_attempts").fetchone()
    insert(
        world.raw,
        "validation_results",
        attempt_id=attempt,
        success=int(code == 0),
        test_output=output.decode(errors="replace"),
    )
    return code == 0


def _tested(world: World) -> tuple[int, bytes]:
    try:
        done = subprocess.run(  # noqa: S602  # the command is the user's own, as with the agent
            world.settings.test_command,
            shell=True,
            cwd=world.repo,
            capture_output=True,
            timeout=world.settings.test_timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        return -1, error.stdout or b""
    return done.returncode, done.stdout + done.stderr
