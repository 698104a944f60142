"""The agent is found by its own interpreter, and what is wrong with it is told."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

from cra_pipeline.errors import AgentError
from cra_pipeline.integrations.clean_room.installed import (
    AGENT_VARIABLE,
    AgentProgram,
    UnfitAgentError,
    agent_state,
    find_agent,
)
from cra_pipeline.kinds import CALL_KINDS
from cra_pipeline_tests.integrations.clean_room.programs import install_stand_in, package_of


def find(python: Path | str, *, timeout_s: float = 30) -> AgentProgram:
    return find_agent({AGENT_VARIABLE: str(python)}, timeout_s=timeout_s)


def test_every_call_kind_has_the_prompt_that_is_installed(tmp_path: Path) -> None:
    python = install_stand_in(tmp_path / "env")
    agent = find(python)

    assert agent.python == python
    assert agent.version == "0.1.0"
    assert set(agent.system_prompts) == set(CALL_KINDS)
    assert agent.system_prompts["scope"] == "Stand-in for the prompt of scope."
    assert agent.kinds_by_system()["Stand-in for the prompt of scope."] is CALL_KINDS["scope"]
    assert agent.other_prompts == {
        "clean_room_agent.execute.prompts:SYSTEM_PROMPTS[scaffold]": hashlib.sha256(
            b"Stand-in for C."
        ).hexdigest()
    }


def test_the_digest_is_of_the_installed_files(tmp_path: Path) -> None:
    first, second = install_stand_in(tmp_path / "a"), install_stand_in(tmp_path / "b")
    before = find(first).digest

    assert find(second).digest == before
    (package_of(second) / "__pycache__").mkdir(exist_ok=True)
    (package_of(second) / "__pycache__" / "x.pyc").write_bytes(b"x")
    assert find(second).digest == before
    (package_of(second) / "further.py").write_text("")
    assert find(second).digest != before


def test_what_the_agent_prints_when_imported_does_not_disturb(tmp_path: Path) -> None:
    assert find(install_stand_in(tmp_path / "env", start="print('hello')")).version == "0.1.0"


def test_the_callers_variables_and_folder_decide_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = install_stand_in(tmp_path / "env")
    (tmp_path / "json.py").write_text("raise SystemExit('shadowed')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    assert find(python).version == "0.1.0"


def _missing(folder: Path) -> str:
    return str(folder / "python")


def _folder(folder: Path) -> str:
    return str(folder)


def _text(folder: Path) -> str:
    (folder / "python").write_text("no program")
    return str(folder / "python")


def _program(folder: Path) -> str:
    (folder / "python").write_text("#!/bin/sh\necho Python 2.7\n")
    (folder / "python").chmod(0o755)
    return str(folder / "python")


def _failing(folder: Path) -> str:
    return str(install_stand_in(folder / "env", start="raise SystemError('no grammar')"))


def _bare(folder: Path) -> str:
    python = install_stand_in(folder / "env")
    package_of(python).rename(folder / "gone")
    return str(python)


def _newer(folder: Path) -> str:
    return str(install_stand_in(folder / "env", version="0.2.0"))


def _lacking(folder: Path) -> str:
    python = install_stand_in(folder / "env")
    (package_of(python) / "retrieval" / "scope_stage.py").write_text("")
    return str(python)


def _lacking_key(folder: Path) -> str:
    python = install_stand_in(folder / "env")
    (package_of(python) / "execute" / "prompts.py").write_text("SYSTEM_PROMPTS = {}\n")
    return str(python)


def _twins(folder: Path) -> str:
    python = install_stand_in(folder / "env")
    path = package_of(python) / "retrieval" / "precision_stage.py"
    path.write_text(path.read_text() + "PRECISION_PASS2_SYSTEM = PRECISION_PASS1_SYSTEM\n")
    return str(python)


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (_missing, "where no file is"),
        (_folder, "where no file is"),
        (_text, "no Python interpreter"),
        (_program, "no Python interpreter: it printed b'Python 2.7"),
        (_failing, "ended with status 1: SystemError: no grammar"),
        (_bare, "clean-room-agent is not installed for"),
        (_newer, r"clean-room-agent 0\.2\.0; expected 0\.1\.0"),
        (_lacking, "no system prompt at .*SCOPE_BINARY_SYSTEM .AttributeError"),
        (_lacking_key, r"no system prompt at .*SYSTEM_PROMPTS\[meta_plan\] .KeyError"),
        (_twins, "hold one text"),
    ],
)
def test_an_agent_that_cannot_be_used_is_told_with_the_way_to_install_it(
    made: object, reason: str, tmp_path: Path
) -> None:
    assert callable(made)
    environ = {AGENT_VARIABLE: made(tmp_path)}

    with pytest.raises(AgentError, match=reason) as error:
        find_agent(environ)
    assert "pip install -e" in str(error.value)
    state = agent_state(environ)
    assert state.state == "weak"
    assert "pip install -e" in state.remedy
    assert state.found in str(error.value)


@pytest.mark.parametrize("environ", [{}, {AGENT_VARIABLE: ""}])
def test_a_setting_that_is_missing_is_told(environ: dict[str, str]) -> None:
    with pytest.raises(UnfitAgentError, match=f"{AGENT_VARIABLE} is not set"):
        find_agent(environ)


def test_an_agent_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    child = "import subprocess, time; subprocess.Popen(['sleep', '60']); time.sleep(60)"
    python = install_stand_in(tmp_path / "env", start=child)
    began = time.monotonic()

    with pytest.raises(AgentError, match="did not import the agent in 1 s"):
        find(python, timeout_s=1)
    assert time.monotonic() - began < 20


def test_a_working_agent_is_a_line_for_the_doctor(tmp_path: Path) -> None:
    state = agent_state({AGENT_VARIABLE: str(install_stand_in(tmp_path / "env"))})

    assert (state.state, state.remedy) == ("works", "")
    assert f"{len(CALL_KINDS)} call kinds" in state.found


@pytest.mark.agent
def test_the_real_agent_is_understood() -> None:
    if AGENT_VARIABLE not in os.environ:
        pytest.skip(f"{AGENT_VARIABLE} names no agent")
    agent = find_agent(os.environ)

    assert len(agent.kinds_by_system()) == len(CALL_KINDS)
    assert any(source.endswith("[scaffold]") for source in agent.other_prompts)
