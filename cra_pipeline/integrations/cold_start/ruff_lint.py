"""Ruff as the linter of edit sequences, where it is installed: slower, and finds more."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

from cra_pipeline.errors import SourceError

_RULES = "E9,F811,F821,F822"
_TIMEOUT_S = 30.0


def ruff_lines(text: str) -> frozenset[int]:
    """Lines at fault, from 1: syntax, names that are unknown or bound twice.

    Raises:
        SourceError: Ruff is not installed, or did not answer as it should.
    """
    program = shutil.which("ruff")
    if program is None:
        raise SourceError("ruff is not installed: pip install ruff, or use the built-in linter")
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
