"""A workspace whose only task lies in the holdout, with a base and a candidate that are names."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cra_pipeline.commits.stage import check_commits, filter_commits
from cra_pipeline.contracts.adapters import AdapterManifest
from cra_pipeline.contracts.bases import BaseRecord
from cra_pipeline.contracts.manifests import AssetManifest
from cra_pipeline.contracts.packages import EnvironmentLock, EnvironmentRow
from cra_pipeline.contracts.registry import LedgerLine
from cra_pipeline.contracts.rounds import RoundRecord
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.corpus.stage import add_source, check_snapshot, snapshot_repo
from cra_pipeline.datasets.stage.holdout import check_holdout, keep_out
from cra_pipeline.harness.policy import TaskPolicy
from cra_pipeline.harness.stage.tasks import admit_tasks, check_tasks
from cra_pipeline.integrations.envs import keep_lock
from cra_pipeline.integrations.evidence import seal_table, write_check
from cra_pipeline.integrations.files import append_journal, write_record
from cra_pipeline.integrations.sandbox.bubblewrap import BubblewrapSandbox
from cra_pipeline.integrations.testrun.runner import PytestRunner
from cra_pipeline.integrations.uv import PLATFORM, PYTHON
from cra_pipeline.integrations.wheels import adopt_wheel
from cra_pipeline_tests.contracts.regenerate import example
from cra_pipeline_tests.wheels import WHEELHOUSE, pin_for

REPO, ROUND, KEY = "till", "r01", "scope|r01"
BASE_ID, BASE = "tiny-4k-base-v1", "b" * 64
ADAPTERS = {"scope|r01": "c" * 64, "scope|r00": "a" * 64}
DAY = 86_400
FIRST_OF_MARCH = 1_709_294_400  # noon, when the till's first commit was made


def make_world(root: Path, upstream: Path) -> Layout:
    """The till, packaged and proven, its second commit after the cut-off."""
    layout = Layout(root)
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=upstream, check=True, capture_output=True, text=True
    ).stdout.strip()
    add_source(
        layout, str(upstream), name=REPO, domain="shops", roles=("P",), tier="full",
        licence="MIT", revision=head,
    )  # fmt: skip
    snapshot_repo(layout, REPO)
    check_snapshot(layout, REPO)
    filter_commits(layout, REPO)
    check_commits(layout, REPO)
    package(layout, upstream)
    record = RoundRecord(
        round=ROUND, cut_off=FIRST_OF_MARCH + DAY // 2, pins=((REPO, head),), held_out=()
    )
    write_record(layout.rounds / f"{ROUND}.json", record)
    # The least that proves it: the proof itself is tested elsewhere.
    policy = TaskPolicy(gold_seeds=((0, 0),), base_seeds=((0, 0),), controls_per_task=0,
                        full_control_tasks=0)  # fmt: skip
    admit_tasks(layout, REPO, policy=policy, runner=runner(layout))
    assert check_tasks(layout, REPO).passed
    keep_out(layout, ROUND)
    assert check_holdout(layout, ROUND).passed
    write_base(layout)
    write_adapter(layout, KEY)
    return layout


def runner(layout: Layout) -> PytestRunner:
    return PytestRunner(BubblewrapSandbox(), layout.scratch)


def package(layout: Layout, upstream: Path) -> None:
    """Environment rows for all commits, with pytest alone in them."""
    wheels = [(path, pin_for(path)) for path in sorted(WHEELHOUSE.glob("*.whl"))]
    for path, pin in wheels:
        adopt_wheel(layout, path, pin)
    lock = EnvironmentLock(python=PYTHON, platform=PLATFORM, wheels=tuple(pin for _, pin in wheels))
    lock_hash = keep_lock(layout, lock)
    listed = subprocess.run(
        ["git", "rev-list", "HEAD"], cwd=upstream, check=True, capture_output=True, text=True
    ).stdout.split()
    rows = [
        EnvironmentRow(
            repo=REPO, sha=sha, lock_hash=lock_hash, rung="given", as_of="", reason="",
            import_roots=(".",), shim=(), generated=(), test_args=(), leaks=(),
        )
        for sha in listed
    ]  # fmt: skip
    manifest = seal_table(
        layout, "repo_packages", REPO, rows, EnvironmentRow, reasons=[], inputs=[], policy="{}"
    )
    write_check(layout, manifest, [])


def write_base(layout: Layout, base_id: str = BASE_ID, digest: str = BASE) -> None:
    record = example(BaseRecord).model_copy(update={"base_id": base_id, "content_id": digest})
    write_record(layout.bases / base_id / "base.json", record)


def write_adapter(layout: Layout, partition: str, *, version: str = "", digest: str = "") -> None:
    """The records of an adapter; its files are only ever served, and here by name.

    Args:
        layout: The workspace.
        partition: ``kind|round``.
        version: As which the registry keeps a copy; empty for what training left.
        digest: Of the files; empty for the partition's own.
    """
    kind, _, round_name = partition.partition("|")
    found = example(AdapterManifest)
    assert isinstance(found, AdapterManifest)
    recipe = found.recipe.model_copy(update={"base_id": BASE_ID, "base_digest": BASE})
    named = {"adapter_kind": kind, "round": round_name, "recipe": recipe,
             "adapter_digest": digest or ADAPTERS[partition]}  # fmt: skip
    folder = layout.partition("adapter", partition)
    folder = layout.adapter_version(version) if version else folder
    write_record(folder / "adapter.json", found.model_copy(update=named))
    if not version:
        seal_checked(layout, "adapter", partition)


def seal_checked(layout: Layout, asset: str, partition: str) -> None:
    """A manifest and a passed check, as a stage leaves them."""
    manifest = AssetManifest(
        asset=asset, partition=partition, rows=1, content_id="d" * 64, inputs=(), counts=(),
        policy="{}",
    )  # fmt: skip
    write_record(layout.manifest(asset, partition), manifest)
    write_check(layout, manifest, [])


def put_in_service(layout: Layout) -> None:
    """An incumbent in ledger and round record, whose round was trained again since."""
    write_adapter(layout, "scope|r00", version="scope-v1")
    write_adapter(layout, "scope|r00", digest="9" * 64)
    line = example(LedgerLine).model_copy(
        update={
            "number": 0, "previous": "", "act": "registered", "adapter_kind": "scope",
            "version": "scope-v1", "round": "r00", "base_digest": BASE,
            "adapter_digest": ADAPTERS["scope|r00"],
        }
    )  # fmt: skip
    append_journal(layout.registry / "ledger.jsonl", line)
    path = layout.rounds / f"{ROUND}.json"
    record = RoundRecord.parse_json(path.read_bytes(), where=str(path))
    incumbents = (("scope", "scope-v1"),)
    write_record(path, record.model_copy(update={"incumbents": incumbents}))
    keep_out(layout, ROUND)
    check_holdout(layout, ROUND)


@dataclass
class NamedModels:
    """A fleet of one real server whose models always say the same: the base no, adapters yes."""

    base_url: str
    served_as: str = "float32"
    asked: list[str] = field(default_factory=list)
    started: int = 0

    def address(self, base_id: str, adapter: Path | None) -> tuple[str, str]:
        self.started += 1
        return self.base_url, base_id if adapter is None else f"{adapter.parent.name}-yes"


@contextmanager
def named_models(layout: Layout) -> Iterator[NamedModels]:
    """Serve them on loopback for the time of the block."""
    del layout
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append(told["model"])
            said = {"role": "assistant", "content": "yes" if "yes" in told["model"] else "no"}
            body = json.dumps({
                "model": told["model"],
                "choices": [{"message": said, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 10, "completion_tokens": 1},
            }).encode()  # fmt: skip
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # theirs
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield NamedModels(f"http://127.0.0.1:{server.server_port}/v1", asked=asked)
        finally:
            server.shutdown()
            thread.join()
