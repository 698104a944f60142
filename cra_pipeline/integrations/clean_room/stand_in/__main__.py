"""``python -m stand_in index REPO`` and ``… solve --repo REPO -- TASK``."""

from __future__ import annotations

import argparse
from pathlib import Path

from .index import index
from .solve import solve


def main() -> None:
    """Do as told; a run that fails by itself ends with status 0, as the agent's does."""
    parser = argparse.ArgumentParser(prog="stand_in")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("index").add_argument("repo", type=Path)
    solving = commands.add_parser("solve")
    solving.add_argument("--repo", type=Path, required=True)
    solving.add_argument("task")
    told = parser.parse_args()
    if told.command == "index":
        index(told.repo.resolve())
        return
    status, task_id = solve(told.repo.resolve(), told.task)
    print(f"Status: {status}\nTask ID: {task_id}")  # noqa: T201  # the agent says so too


if __name__ == "__main__":
    main()
