"""Both databases, read back through the agent's own code as installed."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.registry.stage.promoting import roll_back
from cra_pipeline_tests.integrations.raw_db.real_agent import agent_python
from cra_pipeline_tests.registry.databases import active, rows
from cra_pipeline_tests.registry.worlds import World

pytestmark = [pytest.mark.agent, pytest.mark.slow]

READ = """
import json, pathlib, sys
from clean_room_agent.db.connection import get_connection
from clean_room_agent.query.api import KnowledgeBase

repo = pathlib.Path(sys.argv[1])
curated = KnowledgeBase(get_connection("curated", repo_path=repo, read_only=True))
found = {stage: curated.get_adapter_for_stage(stage) for stage in sys.argv[2:]}
# Opened for writing, as the agent does it: it completes what its schema lacks.
raw = get_connection("raw", repo_path=repo)
marked = raw.execute(
    "SELECT a.stage_name, a.model_tag, d.dataset_path, p.target_stage FROM adapter_registry a "
    "JOIN training_datasets d ON d.id = a.dataset_id "
    "JOIN training_plans p ON p.id = d.training_plan_id WHERE a.deployed = 1 ORDER BY 1"
)
print(json.dumps({
    "active": {stage: one and [one.model_tag, one.version, one.base_model]
               for stage, one in found.items()},
    "marked": [list(row) for row in marked],
    "broken": [list(row) for row in raw.execute("PRAGMA foreign_key_check")],
}))
"""
SCHEMA = """
import pathlib, sys
from clean_room_agent.db.connection import get_connection

for role in ("raw", "curated"):
    get_connection(role, repo_path=pathlib.Path(sys.argv[1])).close()
"""
COLUMNS = (
    'SELECT m.name, c.name, upper(c.type), c."notnull", c.pk FROM sqlite_master m '
    "JOIN pragma_table_info(m.name) c WHERE m.type = 'table' ORDER BY 1, 2"
)
LINKS = (
    'SELECT m.name, f."from", f."table" FROM sqlite_master m '
    "JOIN pragma_foreign_key_list(m.name) f WHERE m.type = 'table' ORDER BY 1, 2"
)


@pytest.fixture(scope="module")
def python() -> str:
    return agent_python()


def said(python: str, script: str, *arguments: str) -> str:
    done = subprocess.run(
        [python, "-c", script, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def as_agent(layout: Layout, repo: Path) -> None:
    """Lay both databases where the agent looks for them, as they are at this moment."""
    place = repo / ".clean_room"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    for source, name in ((layout.raw_db, "raw"), (layout.curated_db, "curated")):
        for path in source.parent.glob(f"{source.name}*"):
            shutil.copy(path, place / path.name.replace(source.stem, name))


def read_back(python: str, layout: Layout, repo: Path, *stages: str) -> dict[str, Any]:
    as_agent(layout, repo)
    found: dict[str, Any] = json.loads(said(python, READ, str(repo), *stages))
    assert found["broken"] == []
    return found


def test_the_agent_finds_what_was_promoted_and_the_earlier_one_after_a_rollback(
    python: str, layout: Layout, tmp_path: Path
) -> None:
    world, repo = World(layout=layout), tmp_path / "repo"
    world.serve()
    world.serve(round_name="r02")
    world.serve("planning_dpo")
    stages = ("scope", "meta_plan", "step_plan", "test_plan", "precision")

    promoted = read_back(python, layout, repo, *stages)
    roll_back(layout, "scope", reason="ada: slow")
    back = read_back(python, layout, repo, *stages)

    planning = ["planning_dpo-v1", 1, "reasoning"]
    assert promoted["active"] == {
        "scope": ["scope-v2", 2, "classifier"],
        "meta_plan": planning,
        "step_plan": planning,
        "test_plan": planning,
        "precision": None,
    }
    assert back["active"] == promoted["active"] | {"scope": ["scope-v1", 1, "classifier"]}
    assert [row[:2] for row in promoted["marked"] if row[0] == "scope"] == [["scope", "scope-v2"]]
    scope = [row for row in back["marked"] if row[0] == "scope"]
    assert scope == [["scope", "scope-v1", f"sft_dataset/scope/r01/sft.jsonl@{'d' * 12}", "scope"]]


def test_databases_that_we_make_have_the_agents_own_columns_and_links(
    python: str, layout: Layout, tmp_path: Path
) -> None:
    World(layout=layout).serve()
    said(python, SCHEMA, str(tmp_path / "repo"))
    place = tmp_path / "repo" / ".clean_room"

    assert rows(layout.raw_db, COLUMNS) == rows(place / "raw.sqlite", COLUMNS)
    assert rows(layout.raw_db, LINKS) == rows(place / "raw.sqlite", LINKS)
    ours = rows(layout.curated_db, COLUMNS)
    theirs = rows(place / "curated.sqlite", COLUMNS)
    assert ours == [row for row in theirs if row[0] == "adapter_metadata"]


def test_databases_that_the_agent_made_are_used_as_they_are(
    python: str, layout: Layout, tmp_path: Path
) -> None:
    said(python, SCHEMA, str(tmp_path / "repo"))
    place = tmp_path / "repo" / ".clean_room"
    for role, path in (("raw", layout.raw_db), ("curated", layout.curated_db)):
        path.parent.mkdir(parents=True)
        shutil.copy(place / f"{role}.sqlite", path)
    before = {path: rows(path, COLUMNS) for path in (layout.raw_db, layout.curated_db)}

    World(layout=layout).serve()

    assert {path: rows(path, COLUMNS) for path in before} == before
    assert active(layout) == "scope-v1"
