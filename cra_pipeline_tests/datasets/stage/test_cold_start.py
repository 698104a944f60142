"""From listed files to checked rows, the same bytes each time, or nothing at all."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cra_pipeline.contracts.cold_start import ColdStartFile
from cra_pipeline.contracts.datasets import DpoExample, SftExample
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.datasets.stage.cold_start import check_cold_start, make_cold_start
from cra_pipeline.errors import AgentError, SourceError
from cra_pipeline.integrations.clean_room.installed import AGENT_VARIABLE, find_agent
from cra_pipeline.integrations.cold_start.line_files import read_lines
from cra_pipeline.integrations.cold_start.table import SETS
from cra_pipeline.integrations.evidence import require_checked
from cra_pipeline_tests.integrations.cold_start.published import published_file

SYSTEM = "You edit code."


def default(key: str) -> object:
    return ColdStartFile.model_fields[key].default


def workspace(folder: Path, names: list[str] | None = None, *more: str) -> Layout:
    """A workspace that lists the fixtures of some sets."""
    text = ""
    for name in sorted(SETS) if names is None else names:
        entry = published_file(name, folder)
        said = {
            key: value for key, value in entry if isinstance(value, str) and value != default(key)
        }
        text += "[[files]]\n" + "".join(f'{key} = "{value}"\n' for key, value in said.items())
    (folder / "cold_start.toml").write_text("\n".join([text, *more]), encoding="utf-8")
    return Layout(folder)


def written(layout: Layout) -> dict[str, bytes]:
    names = ("asset.json", "sft.jsonl", "dpo.jsonl")
    folder = layout.root / "cold_start"
    return {name: (folder / name).read_bytes() for name in names if (folder / name).exists()}


def test_all_sets_become_rows_that_pass_the_check(tmp_path: Path) -> None:
    layout = workspace(tmp_path)

    report = make_cold_start(layout, system=SYSTEM)

    assert check_cold_start(layout).findings == ()
    assert require_checked(layout, "cold_start", "").content_id == report.manifest.content_id
    rows = list(read_lines(tmp_path / "cold_start" / "sft.jsonl", SftExample))
    counts = {item.label: item.count for item in report.manifest.counts}
    assert len(rows) == report.manifest.rows == 4
    # Five of the fixtures pair the same program with the same words.
    assert sum(count for label, count in counts.items() if label.endswith("duplicate")) == 5
    assert counts["opencodeinstruct:tests_fail"] == 1
    assert {item.name for item in report.manifest.inputs} >= {
        "agent/implement",
        "cold_start.toml",
        "d3/d3.parquet",
    }


def test_a_second_run_elsewhere_writes_the_same_bytes(tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
        names = ["codefeedback", "commitpackft", "search_replace"]
        make_cold_start(workspace(folder, names, "pairs = false"), system=SYSTEM)

    one, two = (written(Layout(folder)) for folder in folders)
    assert len(one) == 3
    assert one == two


def test_pairs_and_edit_sequences_are_written_where_asked(tmp_path: Path) -> None:
    layout = workspace(tmp_path, ["commitpackft"], "pairs = true")
    make_cold_start(layout, system=SYSTEM)
    pairs = list(read_lines(tmp_path / "cold_start" / "dpo.jsonl", DpoExample))
    assert [pair.origin.row for pair in pairs] == ["commitpackft.jsonl:1"]
    assert check_cold_start(layout).passed

    layout = workspace(tmp_path, ["codefeedback"], 'edits = "lintseq"')
    make_cold_start(layout, system=SYSTEM)
    steps = list(read_lines(tmp_path / "cold_start" / "sft.jsonl", SftExample))
    assert {step.origin.row for step in steps} == {"codefeedback.jsonl:1"}
    assert "return 2 * number" in steps[-1].completion[0].content
    assert check_cold_start(layout).passed


def test_ruff_lints_edit_sequences_where_asked(tmp_path: Path) -> None:
    if not Path(sys.executable).with_name("ruff").exists():
        pytest.skip("ruff is not installed beside this interpreter")
    # Bound twice without a use between: ruff objects, the built-in linter does not.
    said = {"instruction": "Double.", "response": "```python\nimport os\nimport os\n\nos.sep\n```"}
    for linter, reason in (("built_in", "sft"), ("ruff", "not_lint_clean")):
        layout = workspace(
            tmp_path, ["magicoder_evol_instruct"], 'edits = "lintseq"', f'linter = "{linter}"'
        )
        with (tmp_path / "magicoder_evol_instruct.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(said) + "\n")
        manifest = make_cold_start(layout, system=SYSTEM).manifest
        counts = {item.label: item.count for item in manifest.counts}

        assert check_cold_start(layout).passed
        assert ("magicoder_evol_instruct:not_lint_clean" in counts) == (reason != "sft")
        assert ("linter/ruff" in {item.name for item in manifest.inputs}) == (linter == "ruff")


def test_a_count_draws_so_many_rows(tmp_path: Path) -> None:
    layout = workspace(tmp_path, ["commitpackft", "codefeedback"], "count = 2")

    counts = make_cold_start(layout, system=SYSTEM).manifest.counts
    drawn = [item.count for item in counts if item.label.startswith("codefeedback:")]
    assert sum(drawn) == 2


def test_an_empty_list_gives_an_empty_asset(tmp_path: Path) -> None:
    layout = workspace(tmp_path, [])

    assert make_cold_start(layout, system=SYSTEM).manifest.rows == 0
    assert check_cold_start(layout).passed


def test_a_file_that_breaks_leaves_what_was_there(tmp_path: Path) -> None:
    layout = workspace(tmp_path, ["codefeedback", "magicoder_evol_instruct"])
    make_cold_start(layout, system=SYSTEM)
    before = written(layout)
    path = tmp_path / "magicoder_evol_instruct.jsonl"
    path.write_text(path.read_text(encoding="utf-8") + '{"instruc', encoding="utf-8")

    with pytest.raises(SourceError, match=r"magicoder_evol_instruct\.jsonl:3: no JSON"):
        make_cold_start(layout, system=SYSTEM)

    assert written(layout) == before
    assert not list((tmp_path / "cold_start").glob(".*"))


def test_an_asset_without_a_row_is_refused_with_the_reasons(tmp_path: Path) -> None:
    layout = workspace(tmp_path, ["magicoder_evol_instruct"])
    (tmp_path / "magicoder_evol_instruct.jsonl").write_text(
        '{"instruction": "a", "response": "prose"}\n', encoding="utf-8"
    )

    with pytest.raises(SourceError, match=r"no row could be said .*magicoder_evol_.*no_program 1"):
        make_cold_start(layout, system=SYSTEM)
    assert written(layout) == {}


def test_what_a_set_cannot_give_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"cold_start\.toml: pairs = true for d3"):
        make_cold_start(workspace(tmp_path, ["d3"], "pairs = true"), system=SYSTEM)
    with pytest.raises(SourceError, match=r'linter = "ruff" for d3: only edit sequences'):
        make_cold_start(workspace(tmp_path, ["d3"], 'linter = "ruff"'), system=SYSTEM)


def test_without_an_agent_its_prompt_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(AGENT_VARIABLE, raising=False)

    with pytest.raises(AgentError, match="is not set"):
        make_cold_start(workspace(tmp_path, ["d3"]))


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        ("Refuse prices", "Accept prices", "messages have another id"),
        ("bsd-3-clause", "", "lacks source, licence or row"),
        ("sum(prices)", "max(prices)", "messages have another id"),
        ("except Exception:\\n        return 0\\n</search>", "x</search>", "edits do not apply"),
    ],
)
def test_a_row_that_was_changed_fails_the_check(
    old: str, new: str, finding: str, tmp_path: Path
) -> None:
    layout = workspace(tmp_path, ["commitpackft"])
    make_cold_start(layout, system=SYSTEM)
    path = tmp_path / "cold_start" / "sft.jsonl"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")

    found = check_cold_start(layout).findings
    assert any(finding in item for item in found)
    assert "the files are not those that the manifest describes" in found


def test_a_row_that_occurs_twice_fails_the_check(tmp_path: Path) -> None:
    layout = workspace(tmp_path, ["commitpackft"])
    make_cold_start(layout, system=SYSTEM)
    path = tmp_path / "cold_start" / "sft.jsonl"
    path.write_bytes(path.read_bytes() * 2)

    found = check_cold_start(layout).findings
    assert any("occurs 2 times" in item for item in found)
    assert "the manifest counts 1 rows, the files hold 2" in found


BUILT_BY_THE_AGENT = """
import json, sys
from clean_room_agent.execute.dataclasses import PlanStep
from clean_room_agent.execute.prompts import _assemble_implement_user_prompt
from clean_room_agent.retrieval.dataclasses import ContextPackage, FileContent, TaskQuery
import inspect
asked = json.load(sys.stdin)
def filled(kind, **said):
    names = set(inspect.signature(kind).parameters)
    return kind(**{name: value for name, value in said.items() if name in names})
task = filled(TaskQuery, raw_task=asked["task"], task_id="t", mode="implement", repo_id=1)
file = filled(FileContent, file_id=1, path=asked["path"], language="python",
    content=asked["text"], token_estimate=1, detail_level="primary")
budget = None
context = filled(ContextPackage, task=task, files=[file], total_token_estimate=1, budget=budget)
step = PlanStep(id="s1", description=asked["task"], target_files=[asked["path"]])
sys.stdout.write(_assemble_implement_user_prompt(context, step))
"""


@pytest.mark.agent
def test_prompts_are_those_that_the_agent_would_build(tmp_path: Path) -> None:
    if not os.environ.get(AGENT_VARIABLE):
        pytest.skip(f"{AGENT_VARIABLE} names no agent")
    agent = find_agent(os.environ)
    make_cold_start(workspace(tmp_path, ["codefeedback"]))
    (row,) = read_lines(tmp_path / "cold_start" / "sft.jsonl", SftExample)
    asked = (
        '{"task": "Write a function that doubles a number.", "path": "solution.py", '
        '"text": "PLACEHOLDER = None\\n"}'
    )

    done = subprocess.run(
        [str(agent.python), "-I", "-c", BUILT_BY_THE_AGENT],
        input=asked.encode(),
        capture_output=True,
        check=False,
    )

    assert done.stderr == b""
    assert row.prompt[1].content == done.stdout.decode()
    assert row.prompt[0].content == agent.system_prompts["implement"]
    digest = hashlib.sha256(row.prompt[0].content.encode()).hexdigest()
    assert digest in (tmp_path / "cold_start" / "asset.json").read_text(encoding="utf-8")


def test_rows_with_nulls_are_counted_each_with_its_column_or_for_want_of_a_licence(
    tmp_path: Path,
) -> None:
    layout = workspace(tmp_path, ["commitpackft", "codefeedback"])
    first_report = make_cold_start(layout, system=SYSTEM)
    before = {item.label: item.count for item in first_report.manifest.counts}
    for name, column in (("codefeedback", "answer"), ("commitpackft", "license")):
        (path,) = tmp_path.rglob(f"{name}.jsonl")
        first = json.loads(path.read_text("utf-8").splitlines()[0]) | {column: None}
        path.write_text(path.read_text("utf-8") + 2 * f"{json.dumps(first)}\n", "utf-8")
    report = make_cold_start(layout, system=SYSTEM)
    counts = {item.label: item.count for item in report.manifest.counts}

    assert counts["codefeedback:null_column answer"] == 2
    assert counts["commitpackft:no_licence"] == 2
    assert {name: count for name, count in counts.items() if name in before} == before
    assert check_cold_start(layout).findings == ()
