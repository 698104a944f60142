"""Runs the real agent on a toy repository, its model calls answered inside its own process."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

_TREE = {
    "till.py": "VALUE = 1\n\n\ndef total(xs):\n    return sum(xs) * VALUE\n",
    "shop.py": "from till import total\n\nVALUE = 2\n\n\ndef buy(xs):\n    return total(xs)\n",
}

_DRIVER = r"""
import json, pathlib, sys
from clean_room_agent.execute.prompts import SYSTEM_PROMPTS
from clean_room_agent.indexer.orchestrator import index_repository
from clean_room_agent.llm import client
from clean_room_agent.orchestrator.runner import run_orchestrator

repo, decomposed, binary, test_command = pathlib.Path(sys.argv[1]).resolve(), *sys.argv[2:]
kinds = {text: name for name, text in SYSTEM_PROMPTS.items()}
where = [("till.py", "total"), ("shop.py", "buy")]


def part(name, path, **more):
    return {"id": name, "description": f"Change {path}", "affected_files": [path], **more}


def step(name, path, after):
    return {"id": name, "description": f"Edit {path} as {name}", "target_files": [path],
            "target_symbols": ["total"], "depends_on": after}


FIXED = {
    "meta_plan": {"task_summary": "s", "rationale": "r", "parts": [
        part("p1", "till.py", depends_on=[]), part("p2", "shop.py", depends_on=["p1"])]},
    "change_point_enum": {"task_summary": "s", "change_points": [
        {"file_path": file, "symbol": name, "change_type": "modify", "rationale": "r"}
        for file, name in where]},
    "part_grouping": {"parts": [
        part("p1", "till.py", change_point_indices=[0]),
        part("p2", "shop.py", change_point_indices=[1])]},
}


def answer(kind, prompt):
    path = "shop.py" if "Change shop.py" in prompt or "in shop.py" in prompt else "till.py"
    if kind in FIXED:
        return json.dumps(FIXED[kind])
    if kind in ("part_plan", "step_design"):
        steps = [step("s1", path, [])] + ([step("s2", path, ["s1"])] if path == "till.py" else [])
        return json.dumps({"part_id": "p", "task_summary": "s", "rationale": "r", "steps": steps})
    if kind == "symbol_targeting":
        return json.dumps({"part_id": "p", "targets": [
            {"file_path": path, "symbol": "total", "action": "modify", "rationale": "r"}]})
    if kind == "part_grouping_binary":
        return "no"
    if kind == "part_dependency":
        return "yes" if "Part B \u2014 p2" in prompt else "no"
    if kind == "step_dependency":
        return "yes" if "Step B \u2014 s2" in prompt else "no"
    if kind == "test_plan":
        return "there is nothing to test"
    if kind == "implement":
        path = "shop.py" if "Edit shop.py" in prompt else "till.py"
        line = next(line for line in (repo / path).read_text().splitlines() if "VALUE =" in line)
        return (f'<edit file="{path}">\n<search>\n{line}\n</search>\n'
                f"<replacement>\n{line} + 1\n</replacement>\n</edit>")
    return "yes"


class Model:
    def __init__(self, config):
        self.config = config

    def complete(self, prompt, system=None):
        kind = kinds.get(system, "")
        return client.LLMResponse(text=answer(kind, prompt), thinking="hm" if kind else None,
                                  prompt_tokens=len(prompt), completion_tokens=1, latency_ms=0)

    def close(self):
        pass


client.LLMClient = Model
config = {
    "models": {"provider": "ollama", "base_url": "http://127.0.0.1:9", "coding": "coding",
               "reasoning": "reasoning", "classifier": "classifier", "context_window": 32768},
    "budget": {"context_window": 32768, "reserved_tokens": 13312},
    "stages": {"default": "scope,precision"},
    "testing": {"test_command": test_command, "timeout": 60},
    "orchestrator": {"max_retries_per_step": 0, "max_retries_per_test_step": 0,
                     "max_adjustment_rounds": 0, "git_workflow": True,
                     "max_cumulative_diff_chars": 12000, "documentation_pass": False,
                     "scaffold_enabled": False, "scaffold_compiler": "gcc",
                     "scaffold_compiler_flags": "", "decomposed_planning": decomposed == "yes",
                     "decomposed_part_grouping": binary == "yes"},
    "retrieval": {}, "indexer": {}, "environment": {"coding_style": "development"},
}
index_repository(repo, config["indexer"])
print(run_orchestrator("Raise total in till.py and buy in shop.py", repo, config).status)
"""


def agent_python() -> str:
    """Interpreter of the agent; the calling test is skipped where none works."""
    python = os.environ.get("CRA_PIPELINE_AGENT_PYTHON", "")
    if not python:
        pytest.skip("CRA_PIPELINE_AGENT_PYTHON names no agent")
    found = subprocess.run(
        [python, "-c", "import clean_room_agent"], capture_output=True, check=False
    )
    if found.returncode:
        pytest.skip(f"{python} cannot import the agent: {found.stderr.decode()[-200:]}")
    return python


def solve(
    python: str, folder: Path, *, decomposed: bool, binary: bool = False, test_command: str = "true"
) -> tuple[Path, str]:
    """One run in a new repository.

    Returns:
        The agent's raw database, and the status that it printed.
    """
    folder.mkdir()
    for name, text in _TREE.items():
        (folder / name).write_text(text)
    people = {
        f"GIT_{who}_{what}": "a@b.c"
        for who in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    environment = {**os.environ, **people, "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("PYTHONWARNINGS", None)
    for command in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "Start"]):
        subprocess.run(["git", "-C", str(folder), *command], env=environment, check=True)
    with (folder / ".git" / "info" / "exclude").open("a") as file:
        file.write(".clean_room/\n")
    words = ["yes" if decomposed else "no", "yes" if binary else "no", test_command]
    done = subprocess.run(
        [python, "-c", _DRIVER, str(folder), *words],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return folder / ".clean_room" / "raw.sqlite", done.stdout.split()[-1]
