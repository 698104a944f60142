"""The probe stands alone: it runs where nothing of this project is installed."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from cra_pipeline.integrations.clean_room import prompt_probe
from cra_pipeline_tests.integrations.clean_room.programs import install_stand_in, package_of

PROBE = Path(prompt_probe.__file__)


def probe(python: Path, *sources: str) -> dict[str, dict[str, str]]:
    done = subprocess.run(
        [str(python), "-I", str(PROBE)],
        input=json.dumps(sources).encode(),
        capture_output=True,
        check=True,
    )
    found: dict[str, dict[str, str]] = json.loads(done.stdout)
    return found


def test_each_source_is_read_or_its_fault_named(tmp_path: Path) -> None:
    python = install_stand_in(tmp_path / "env")
    (package_of(python) / "odd.py").write_text("NUMBER = 1\nTABLE = {'a': 'text', 'b': 2}\n")
    module = "clean_room_agent.odd"
    bad = [
        f"{module}:NUMBER", f"{module}:MISSING", f"{module}:TABLE[c]", f"{module}:TABLE[b]",
        f"{module}:NUMBER[a]", "clean_room_agent.none:X", "nonsense",
    ]  # fmt: skip
    found = probe(python, f"{module}:TABLE[a]", *bad)

    assert found["prompts"] == {f"{module}:TABLE[a]": "text"}
    assert sorted(found["missing"]) == sorted(bad)


def test_prompts_that_were_not_asked_for_are_named(tmp_path: Path) -> None:
    python = install_stand_in(tmp_path / "env")
    (package_of(python) / "odd.py").write_text(
        "A_SYSTEM = 'a'\nB_SYSTEM = 'b'\nC = 'c'\nT = {'x': 'x', 'y': 'y', 'z': 1}\n"
    )
    module = "clean_room_agent.odd"
    found = probe(python, f"{module}:A_SYSTEM", f"{module}:T[x]")

    assert sorted(found["others"]) == [f"{module}:B_SYSTEM", f"{module}:T[y]"]


def test_the_probe_uses_the_standard_library_only() -> None:
    lines = PROBE.read_text(encoding="utf-8").splitlines()

    assert not [line for line in lines if line.startswith(("import", "from")) and "cra_" in line]
