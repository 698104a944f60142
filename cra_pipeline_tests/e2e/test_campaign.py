"""Campaigns by the command line: the agent, or its stand-in, on a small repository.

With ``CRA_PIPELINE_AGENT_PYTHON`` the real agent is at work, without it the stand-in; the same has
to hold for both. The tests build on each other in the order in which they stand.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cra_pipeline.cli import main
from cra_pipeline.cli.machine import wheelhouse_folder
from cra_pipeline.contracts.calls import CallRecord
from cra_pipeline.contracts.tasks import AttemptRow
from cra_pipeline.contracts.triples import TripleRow, prompt_hash
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.harness.policy import AttemptPolicy
from cra_pipeline.harness.stage.attempts import check_attempts, run_attempts
from cra_pipeline.harness.stage.campaigns import round_campaigns
from cra_pipeline.integrations.calls import iterate_calls, stored_attempts
from cra_pipeline.integrations.files import read_table
from cra_pipeline.integrations.index import serve_wheels
from cra_pipeline.integrations.sandbox.bubblewrap import BubblewrapSandbox
from cra_pipeline.integrations.testrun.runner import PytestRunner
from cra_pipeline_tests.e2e.test_kills import COMMAND, KILLS

pytestmark = pytest.mark.slow

KEY = "till|r01"
GOLD = ("campaign", "--repos", "till", "--seeds", "0,1")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, till: Path) -> Iterator[Layout]:
    """A workspace with the till's task."""
    root = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch, serve_wheels(wheelhouse_folder()) as index:
        patch.setenv("CRA_PIPELINE_HOME", str(root))
        patch.setenv("DAGSTER_HOME", "")
        patch.setenv("UV_DEFAULT_INDEX", index.url)
        command("add", str(till), "--name", "till")
        command("run", "tasks", "--repo", "till")
        yield Layout(root)


def command(*arguments: str, status: int = 0) -> Result:
    result = CliRunner().invoke(main, list(arguments))
    assert result.exit_code == status, result.output
    return result


def attempts(layout: Layout) -> tuple[AttemptRow, ...]:
    return read_table(layout.table("attempts", KEY), AttemptRow)


def triples(layout: Layout) -> tuple[TripleRow, ...]:
    return read_table(layout.table("triples", KEY), TripleRow)


def calls(layout: Layout, campaign: str) -> list[CallRecord]:
    names = sorted(stored_attempts(layout, KEY, campaign))
    return [call for _, rows in iterate_calls(layout, KEY, campaign, names) for call in rows]


def test_a_gold_campaign_reproduces_the_commit_and_passes_the_hidden_tests(home: Layout) -> None:
    result = command(*GOLD)
    rows = attempts(home)

    assert Counter(row.outcome.value for row in rows) == {"passed": 4}, rows
    assert {row.task_form for row in rows} == {"names", "metadata"}
    assert all(row.reproduced and row.agent_status == "complete" for row in rows), rows
    assert all(row.usable for row in rows if row.task_form == "names"), rows
    assert "till" in result.stdout


def test_triples_hold_the_agents_own_prompts_and_the_right_answers(home: Layout) -> None:
    rows = triples(home)
    kinds = {row.call_kind for row in rows}

    assert {"scope", "precision_pass1", "meta_plan", "part_plan", "implement"} <= kinds
    assert {row.prompt_source for row in rows} == {"logged"}
    assert all(row.prompt_hash == prompt_hash(row.system, row.prompt) for row in rows)
    assert all(row.output == row.right_answer for row in rows)
    assert {(row.file_overlap, row.symbol_overlap, row.dependency_order) for row in rows} == {
        (1.0, 1.0, 1.0)
    }


def test_what_the_agent_logged_is_what_the_gateway_received_byte_for_byte(home: Layout) -> None:
    (spec,) = round_campaigns(home, "r01", "till")
    received = Counter(
        (call.system, call.prompt, call.response) for call in calls(home, spec.campaign_id)
    )
    with closing(sqlite3.connect(home.raw_db)) as raw:
        logged = Counter(
            raw.execute("SELECT system_prompt, prompt, response FROM retrieval_llm_calls")
        )

    assert sum(received.values()) > 40
    assert logged == received


def test_a_campaign_that_is_done_makes_nothing_again(home: Layout) -> None:
    before = [path.read_bytes() for path in sorted(home.root.glob("attempts/**/*.parquet"))]
    timings = home.partition("attempts", KEY) / "timings.jsonl"
    made = timings.read_text()
    command(*GOLD)

    assert [path.read_bytes() for path in sorted(home.root.glob("attempts/**/*.parquet"))] == before
    assert timings.read_text() == made


def test_a_recorded_campaign_gives_identical_triples(home: Layout) -> None:
    before = triples(home)
    (spec,) = round_campaigns(home, "r01", "till")
    command(*GOLD, "--responder", "recorded", "--recordings", spec.campaign_id)
    replayed = [row for row in attempts(home) if row.responder == "recorded"]

    assert Counter(row.outcome.value for row in replayed) == {"passed": 4}, replayed
    assert {row.triple_id for row in triples(home)} == {row.triple_id for row in before}


def test_attempts_of_another_workspace_are_taken_over_and_none_is_made_again(
    home: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_here = ("attempts", "triples", "preference_pairs", "campaigns", "checks", "raw", "scratch")
    fresh = Layout(tmp_path / "fresh")
    shutil.copytree(
        home.root, fresh.root, symlinks=True, ignore=shutil.ignore_patterns(*made_here, "dagster")
    )
    shutil.copytree(home.root / "checks" / "tasks", fresh.root / "checks" / "tasks")
    monkeypatch.setenv("CRA_PIPELINE_HOME", str(fresh.root))
    command(*GOLD, "--name", "elsewhere", "--reuse", str(home.root))
    rows, gold = attempts(fresh), [row for row in attempts(home) if row.responder == "gold"]

    assert Counter(row.outcome.value for row in rows) == {"passed": 4}
    assert {row.attempt_id for row in rows}.isdisjoint({row.attempt_id for row in gold})
    assert not (fresh.partition("attempts", KEY) / "timings.jsonl").exists(), "one was made"
    assert {row.triple_id for row in triples(fresh)} == {row.triple_id for row in triples(home)}
    assert {row.attempt_id for row in triples(fresh)} <= {row.attempt_id for row in rows}
    assert check_attempts(fresh, "till", "r01").passed


def test_a_limit_ends_a_campaign_early_and_a_later_run_finishes_it(home: Layout) -> None:
    named = (*GOLD, "--name", "limited")
    command(*named, "--most-calls", "1", status=3)
    few = [row for row in attempts(home) if row.campaign not in known(home, "campaign")]
    command(*named)
    all_of_it = [row for row in attempts(home) if row.campaign not in known(home, "campaign")]

    assert 1 <= len(few) < 4
    assert len(all_of_it) == 4


def known(layout: Layout, name: str) -> set[str]:
    specs = round_campaigns(layout, "r01", "till")
    return {spec.campaign_id for spec in specs if spec.name == name}


def test_campaigns_and_other_attempts_leave_each_other_alone(home: Layout) -> None:
    campaigns = {row.attempt_id for row in attempts(home)}
    # Within limits of its own, as the demo has them: they are part of what decides an attempt.
    tight = AttemptPolicy().limits.model_copy(update={"cpu_s": 41})
    runner = PytestRunner(BubblewrapSandbox(), home.scratch)
    run_attempts(home, "till", "r01", policy=AttemptPolicy(limits=tight), runner=runner)
    check_attempts(home, "till", "r01")
    both = {row.attempt_id for row in attempts(home)}
    others = {row.attempt_id for row in attempts(home) if not row.campaign}
    command(*GOLD, "--name", "after", "--forms", "names", "--seeds", "5")
    after = {row.attempt_id for row in attempts(home)}

    assert campaigns < both
    assert len(others) > 3
    assert both < after
    assert len(after) == len(both) + 1


def test_a_silent_model_server_is_no_failure_of_the_agent_and_is_asked_again(home: Layout) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    url = f"http://127.0.0.1:{port}/v1"
    options = ("--responder", "openai", "--base-url", url, "--model", "nobody", "--forms", "names")
    named = ("campaign", "--repos", "till", "--name", "silent", "--vary", "implement", *options)
    timings = home.partition("attempts", KEY) / "timings.jsonl"
    for _ in range(2):
        made = len(timings.read_text().splitlines())
        result = CliRunner().invoke(main, list(named))
        assert result.exit_code == 1, result.output
        assert "model_error no_answer" in result.output
        (row,) = [row for row in attempts(home) if row.campaign in known(home, "silent")]

        assert (row.outcome.value, row.reason) == ("model_error", "no_answer")
        assert "implement" in row.detail
        assert len(timings.read_text().splitlines()) == made + 1


@pytest.mark.real
def test_a_prompt_that_no_window_holds_ends_its_attempt_for_good(home: Layout) -> None:
    """Costs seconds for what the tests of endings and windows say of each part."""
    timings = home.partition("attempts", KEY) / "timings.jsonl"
    with refusing("This model's maximum context length is 512 tokens") as (url, asked):
        options = ("--responder", "openai", "--base-url", url, "--model", "m", "--forms", "names")
        named = ("campaign", "--repos", "till", "--name", "narrow", "--vary", "implement", *options)
        command(*named)
        (row,) = [row for row in attempts(home) if row.campaign in known(home, "narrow")]
        made = timings.read_text()
        command(*named)

        assert (row.outcome.value, row.reason) == ("agent_error", "prompt_too_long")
        assert "maximum context length is 512" in row.detail
        assert row.detail.startswith("implement: ")
        # Neither the request nor the attempt is tried again.
        assert len(asked) == 1
        assert timings.read_text() == made


@contextlib.contextmanager
def refusing(words: str) -> Iterator[tuple[str, list[str]]]:
    """A model server that refuses everything, and the paths that it was asked."""
    asked: list[str] = []

    class Refusal(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.path)
            self.rfile.read(int(self.headers["Content-Length"]))
            body = json.dumps({"error": {"message": words}}).encode()
            self.send_response(400)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusal)
    threading.Thread(target=server.serve_forever).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1", asked
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.real
def test_a_ranked_campaign_answers_scope_calls_by_itself(home: Layout) -> None:
    """Costs seconds for what the test of ranked attempts says without the command line."""
    command(*GOLD[:3], "--name", "ranked", "--forms", "names", "--responder", "ranked")
    (row,) = [row for row in attempts(home) if row.campaign in known(home, "ranked")]
    (name,) = known(home, "ranked")
    who = {call.call_kind: call.responder for call in calls(home, name)}

    assert row.responder == "ranked (scope)"
    assert row.outcome.value in {"passed", "failed"}
    assert who.pop("scope") == "ranked"
    assert set(who.values()) == {"gold"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--vary", "scope"), "gold answers everything"),
        (("--responder", "openai"), "needs --base-url"),
        (("--responder", "recorded"), "needs one"),
        (("--responder", "openai", "--vary", "scoop"), "scoop"),
        (("--temperatures", "3"), r"temperatures lie in \[0, 2\]"),
        (("--forms", "riddles"), "riddles"),
    ],
)
@pytest.mark.usefixtures("home")
def test_a_policy_that_cannot_be_meant_is_refused(options: tuple[str, ...], words: str) -> None:
    result = CliRunner().invoke(main, ["campaign", "--repos", "till", *options])

    assert result.exit_code == 2
    assert words.replace("\\", "") in result.output


class Killed:
    """A workspace whose campaigns are processes of their own."""

    def __init__(self, root: Path, index: str) -> None:
        self.layout = Layout(root)
        self._environment = os.environ | {
            "CRA_PIPELINE_HOME": str(root),
            "UV_DEFAULT_INDEX": index,
        }

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [COMMAND[0], *arguments],
            env=self._environment,
            start_new_session=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def finish(self, *arguments: str) -> None:
        process = self.start(*arguments)
        words, _ = process.communicate(timeout=600)
        assert process.returncode == 0, words.decode()

    def triples(self) -> dict[str, Any]:
        return {row.triple_id: row.outcome for row in triples(self.layout)}


def sandbox_of(pipeline: int) -> int | None:
    """A sandbox that the pipeline runs, with the agent or its tests in it; None where none is."""
    for entry in sorted(Path("/proc").glob("[0-9]*"), key=lambda place: int(place.name)):
        with contextlib.suppress(OSError, ValueError):
            state = (entry / "stat").read_text().rpartition(")")[2].split()
            program = (entry / "comm").read_text().strip()
            if program == "bwrap" and int(state[1]) == pipeline:
                return int(entry.name)
    return None


def killed_once(process: subprocess.Popen[bytes], number: int) -> None:
    """End the pipeline, gateway included, or every third time a sandbox in its hands alone."""
    if process.poll() is None:
        sandbox = sandbox_of(process.pid) if number % 3 == 2 else None
        if sandbox is None:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            with contextlib.suppress(ProcessLookupError):
                os.kill(sandbox, signal.SIGKILL)
    process.communicate(timeout=600)


def test_kills_in_mid_campaign_lose_no_finished_attempt(
    till: Path, tmp_path: Path, home: Layout
) -> None:
    killed = Killed(tmp_path / "killed", os.environ["UV_DEFAULT_INDEX"])
    killed.finish("add", str(till), "--name", "till")
    killed.finish("run", "tasks", "--repo", "till")
    began = time.monotonic()
    killed.finish(*GOLD, "--name", "whole")
    whole = time.monotonic() - began
    draw = random.Random(11)  # noqa: S311  # moments, not secrets
    finished: set[str] = set()
    journal = killed.layout.journal("attempts", KEY)
    # Each campaign is killed in its first run and, where that left something, in its second.
    names = [f"killed{number // 2}" for number in range(KILLS)]
    for number, name in enumerate(names):
        process = killed.start(*GOLD, "--name", name)
        time.sleep(draw.uniform(0.3 * whole, 0.9 * whole))
        killed_once(process, number)
        lines = [line for line in journal.read_text().split("\n")[:-1] if line]
        keys = {json.loads(line)["key"] for line in lines}
        assert finished <= keys
        finished = keys
    for name in sorted(set(names)):
        killed.finish(*GOLD, "--name", name)
    rows = [row for row in attempts(killed.layout) if row.campaign]
    with closing(sqlite3.connect(killed.layout.raw_db)) as raw:
        merged = [name for (name,) in raw.execute("SELECT attempt FROM merged_sources")]

    assert Counter(row.outcome.value for row in rows) == {"passed": 4 * (1 + len(set(names)))}
    assert finished <= {row.attempt_id for row in rows}
    assert sorted(merged) == sorted(row.attempt_id for row in rows)
    assert killed.triples() == {
        row.triple_id: row.outcome
        for row in triples(home)
        if row.prompt_source == "logged" and row.outcome.value == "passed"
    }
    assert not list((killed.layout.root / "scratch").glob("agent-*"))
