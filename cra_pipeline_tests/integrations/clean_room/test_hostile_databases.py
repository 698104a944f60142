"""Programs that lie about themselves: what they leave is no verdict, and poisons nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from cra_pipeline.contracts.tasks import Outcome
from cra_pipeline.integrations.raw_db.merge import merged_sources
from cra_pipeline_tests.integrations.clean_room.arenas import COMPLETE, Arena

DATABASES = {
    "none": ("os.unlink('.clean_room/raw.sqlite')", "no_raw_db", "the agent left none"),
    "untouched": ("", "run_absent", ""),
    "damaged": (
        "f = open('.clean_room/raw.sqlite', 'r+b')\nf.seek(100)\nf.write(b'\\xff' * 5000)",
        "no_raw_db", "image is malformed",
    ),
    "cut off": ("os.truncate('.clean_room/raw.sqlite', 5000)", "no_raw_db", "database disk image"),
    "no database": (
        "open('.clean_room/raw.sqlite', 'w').write('x' * 9999)", "no_raw_db", "file is not",
    ),
    "another program's": (
        ("os.unlink('.clean_room/raw.sqlite')\nimport sqlite3\n"
        "c = sqlite3.connect('.clean_room/raw.sqlite')\nc.execute('CREATE TABLE cookies (x)')\n"
        "c.commit()"), "no_raw_db", "is not defined as",
    ),
    "enormous": (
        "say_complete('CREATE TABLE t AS SELECT zeroblob(50000000)')", "no_raw_db", "over 41943040",
    ),
    "a fifo": (
        "os.unlink('.clean_room/raw.sqlite')\nos.mkfifo('.clean_room/raw.sqlite')",
        "no_raw_db", "the agent left none",
    ),
    "a link out": (
        "os.unlink('.clean_room/raw.sqlite')\nos.symlink('/etc/passwd', '.clean_room/raw.sqlite')",
        "no_raw_db", "",
    ),
    "with a trigger": (
        ("say_complete('CREATE TRIGGER t AFTER INSERT ON task_runs BEGIN DELETE FROM task_runs; "
        "END')"), "no_raw_db", "holds 't', which is neither",
    ),
    "with an adapter": (
        ('say_complete("INSERT INTO adapter_registry (dataset_id, stage_name, base_model, '
        "model_tag, deployed, trained_at) VALUES (1, 's', 'b', 'mine', 1, 'now')\")"),
        "no_raw_db", "has rows in adapter_registry",
    ),
    "with a number for a text": (
        "say_complete('UPDATE orchestrator_runs SET status = x\\'00\\'')", "no_raw_db", "no text",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", sorted(DATABASES))
def test_a_database_that_is_not_the_agent_s_counts_for_nothing(
    arena: Arena, tmp_path: Path, what: str
) -> None:
    act, reason, words = DATABASES[what]
    code = f"import os\n{COMPLETE}\n{act}\nprint('Status: complete')\n"
    run = arena.attempt(tmp_path, code)

    assert (run.outcome, run.reason) == (Outcome.AGENT_ERROR, reason)
    assert words in run.detail
    merged = [source.attempt for source in merged_sources(arena.bed.layout.raw_db)]
    assert any(name.startswith(tmp_path.name) for name in merged) == (what == "untouched")


def test_a_false_status_is_judged_and_its_pass_withheld(arena: Arena, tmp_path: Path) -> None:
    run = arena.attempt(tmp_path, COMPLETE + "say_complete()\nprint('Status: complete')")

    assert run.outcome is None
    assert run.status == "complete"
    assert run.withheld == "not_validated"
    assert not run.reproduced
    assert run.proposal.files == ()
