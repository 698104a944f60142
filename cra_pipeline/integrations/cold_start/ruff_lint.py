"""Ruff as the linter of edit sequences, where it is installed: slower, and finds more."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from cra_pipeline.errors import SourceError

_RULES = "E9,F811,F821,F822"
_TIMEOUT_S = 30.0


def ruff_lines(text: str) -> frozenset[int]:
    """Lines at fault, from 1: syntax, names that are unknown or bound twice.

    Raises:
        SourceError: Ruff is not installed, or did not answer as it should.
    """
    program = _program()
    command = [program, "check", "--isolated", "--no-cache", "--select", _RULES]
    command += ["--output-format", "json", "--stdin-filename", "program.py", "-"]
    try:
        done = subprocess.run(
            command, input=text.encode(), capture_output=True, timeout=_TIMEOUT_S, check=False
        )
        found = json.loads(done.stdout)
        return frozenset(int(item["location"]["row"]) for item in found)
    except (subprocess.TimeoutExpired, ValueError, KeyError, TypeError) as error:
        name = Path(program).name
        raise SourceError(f"{name} gave no list of faults ({type(error).__name__})") from error


def ruff_version() -> str:
    """What ``ruff`` calls itself: another version may call other lines faulty.

    Raises:
        SourceError: As above.
    """
    command = [_program(), "--version"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_TIMEOUT_S, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise SourceError(f"{command[0]} does not tell its version ({error})") from error
    return done.stdout.decode().strip()


def _program() -> str:
    """The one beside this interpreter, else the one on the path."""
    beside = Path(sys.executable).with_name("ruff")
    program = str(beside) if beside.exists() else shutil.which("ruff")
    if program is None:
        raise SourceError('ruff is not installed: pip install ruff, or leave linter = "built_in"')
    return program
