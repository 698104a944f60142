"""Limits and terms hold for a campaign over several repositories, and what is left is told.

The tests build on each other in the order in which they stand.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cra_pipeline.cli import main
from cra_pipeline.cli.campaign import LIMIT_REACHED
from cra_pipeline.cli.machine import wheelhouse_folder
from cra_pipeline.contracts.campaigns import CampaignSpec
from cra_pipeline.contracts.tasks import AttemptRow
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.harness.stage.campaigns import round_campaigns, wanted
from cra_pipeline.harness.stage.use import rows_of
from cra_pipeline.integrations.agents import clean_room
from cra_pipeline.integrations.index import serve_wheels
from cra_pipeline_tests.integrations.responders.servers import completion

# Minutes of a processor: `make test-all` runs it.
pytestmark = [pytest.mark.slow, pytest.mark.real]

REPOS = ("shop", "till")
BOTH = ("campaign", "--repos", "till,shop", "--forms", "names")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, till: Path) -> Iterator[Layout]:
    """A workspace with the same task in two repositories."""
    root = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch, serve_wheels(wheelhouse_folder()) as index:
        patch.setenv("CRA_PIPELINE_HOME", str(root))
        patch.setenv("DAGSTER_HOME", "")
        patch.setenv("UV_DEFAULT_INDEX", index.url)
        for name in REPOS:
            upstream = shutil.copytree(till, root.with_name("upstreams") / name)
            assert command("add", str(upstream), "--name", name).exit_code == 0
            done = command("run", "tasks", "--repo", name)
            assert done.exit_code == 0, done.output
        yield Layout(root)


def command(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def spec_of(layout: Layout, name: str) -> CampaignSpec:
    (spec,) = [item for item in round_campaigns(layout, "r01", "till") if item.name == name]
    return spec


def rows(layout: Layout, name: str) -> dict[str, tuple[AttemptRow, ...]]:
    return {repo: rows_of(layout, spec_of(layout, name), repo) for repo in REPOS}


def made(layout: Layout, name: str) -> dict[str, int]:
    return {repo: len(found) for repo, found in rows(layout, name).items()}


@contextmanager
def server(delay_s: float = 0.0) -> Iterator[str]:
    """A model that always says the same, on loopback.

    Args:
        delay_s: Before each answer; cut short by the end.
    """
    ended = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            ended.wait(delay_s)
            body = json.dumps(completion("I do not know.")).encode()
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as serving:
        thread = threading.Thread(target=serving.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{serving.server_address[1]}/v1"
        ended.set()
        serving.shutdown()
        thread.join()


def test_a_limit_holds_over_all_repositories_and_what_is_left_is_told(home: Layout) -> None:
    result = command(*BOTH, "--name", "few", "--most-calls", "1")

    assert result.exit_code == LIMIT_REACHED, result.output
    assert made(home, "few") == {"shop": 1, "till": 0}
    assert "limit reached, calls: " in result.stdout
    assert "attempts left undone: 1" in result.stdout
    assert [wanted(home, spec_of(home, "few"), repo) for repo in REPOS] == [1, 1]


def test_what_earlier_runs_have_used_counts(home: Layout) -> None:
    again = command(*BOTH, "--name", "few", "--most-calls", "2")
    before = made(home, "few")
    unlimited = command(*BOTH, "--name", "few")

    assert again.exit_code == LIMIT_REACHED, again.output
    assert before == {"shop": 1, "till": 0}
    assert unlimited.exit_code == 0, unlimited.output
    assert made(home, "few") == {"shop": 1, "till": 1}
    assert "undone" not in unlimited.stdout


def test_hours_are_those_of_the_whole_command(home: Layout) -> None:
    # Of the first repository's attempts some are made, or none on a slow machine.
    seeds = ",".join(map(str, range(40)))
    hurried = (*BOTH, "--name", "hurried", "--seeds", seeds)
    result = command(*hurried, "--most-hours", str(2 / 3600))

    assert result.exit_code == LIMIT_REACHED, result.output
    assert made(home, "hurried")["till"] == 0
    assert "limit reached, hours: " in result.stdout


def test_repositories_with_few_attempts_come_first(home: Layout) -> None:
    one = ("campaign", "--repos", "shop", "--forms", "names", "--name", "one")
    assert command(*one).exit_code == 0
    result = command(*BOTH, "--name", "next", "--most-calls", "1")

    assert result.exit_code == LIMIT_REACHED, result.output
    assert made(home, "next") == {"shop": 0, "till": 1}


def test_a_spend_limit_ends_the_campaign_and_a_higher_one_goes_on_with_it(home: Layout) -> None:
    with server() as url:
        model = ("--responder", "openai", "--base-url", url, "--model", "m", "--vary", "implement")
        terms = ("--prompt-price", "1", "--completion-price", "1", "--concurrency", "1")
        asked = (*BOTH, "--name", "dear", *model, *terms, "--requests-per-minute", "6000")
        small = command(*asked, "--spend-limit", "0.0001")
        first = rows(home, "dear")
        large = command(*asked, "--spend-limit", "50")

    assert small.exit_code == LIMIT_REACHED, small.output
    assert "limit reached, spend limit: " in small.stdout
    assert "attempts left undone: 2" in small.stdout
    spoiled = [row for found in first.values() for row in found]
    assert [row.outcome.value for row in spoiled] == ["model_error"]
    assert large.exit_code == 0, large.output
    assert made(home, "dear") == {"shop": 1, "till": 1}
    assert "in money" in large.stdout


def test_a_slow_server_is_no_failure_of_the_agent_and_is_not_remembered(
    home: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clean_room, "SOLVE_S", 15.0)
    with server(delay_s=60.0) as url:
        model = ("--responder", "openai", "--base-url", url, "--model", "m", "--vary", "implement")
        one = ("campaign", "--repos", "till", "--forms", "names", "--name", "slow", *model)
        result = command(*one)
    (row,) = rows(home, "slow")["till"]
    journal = home.journal("attempts", "till|r01")
    remembered = journal.read_text() if journal.exists() else ""

    assert result.exit_code == 1, result.output
    assert (row.outcome.value, row.reason) == ("model_error", "slow_answers")
    assert "attempts left undone: 1" in result.stdout
    assert row.attempt_id not in remembered


def test_a_spend_limit_without_prices_is_refused(home: Layout) -> None:
    result = command(*BOTH, "--spend-limit", "1")

    assert home.root.is_dir()
    assert result.exit_code == 2
    assert "needs --prompt-price" in result.output
