"""A small workspace as the harness would leave it: real clones, round records, tables and logs.

Six training repositories of six domains and one that is held out. Each has six commits, an hour
apart: three belong to the first round, two to the second, the last one to none.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cra_pipeline.contracts.calls import CallRecord
from cra_pipeline.contracts.commits import CommitRow
from cra_pipeline.contracts.record import Record
from cra_pipeline.contracts.rounds import RoundRecord
from cra_pipeline.contracts.sources import RepoSnapshot
from cra_pipeline.contracts.tasks import AttemptRow, Outcome, TaskRow
from cra_pipeline.contracts.triples import PreferencePair, TripleRow, prompt_hash
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.integrations.calls import log_path
from cra_pipeline.integrations.evidence import seal_table, write_check
from cra_pipeline.integrations.files import write_record
from cra_pipeline.integrations.git.fast_import import build_repository
from cra_pipeline.integrations.git.run import git
from cra_pipeline_tests.contracts.regenerate import example
from cra_pipeline_tests.histories import FIRST

DOMAINS = {
    "alder": "parsing",
    "birch": "validation",
    "cedar": "terminal-ui",
    "elm": "database",
    "fir": "formatting-linting",
    "hazel": "logging-retries",
}
HELD_OUT = "oak"
COMMITS = 6
CAMPAIGN = "c0ffee"
STUDENT = "student-v1"
_ENVIRONMENT = "<environment>\nOS: Linux\nTest framework: pytest\n</environment>\n\n"
_SYLLABLES = tuple(a + b for a in "bdfghklmn" for b in "aeiou")


def hour(number: int) -> int:
    """Committer date of a repository's commit, from 0."""
    return FIRST + 3600 * number


def words(seed: str, count: int) -> str:
    """A text that shares next to nothing with that of another seed."""
    draw = random.Random(seed)  # noqa: S311  # texts of a test
    return " ".join("".join(draw.choices(_SYLLABLES, k=3)) for _ in range(count))


@dataclass
class World:
    """The workspace and the commits of its repositories, oldest first."""

    layout: Layout
    shas: dict[str, list[str]] = field(default_factory=dict)

    def open(self, name: str, *, upto: int, hours: int, repos: Sequence[str] = ()) -> RoundRecord:
        """Open a round that pins each repository at a commit and is cut off at an hour."""
        record = RoundRecord(
            round=name,
            cut_off=hour(hours),
            pins=tuple(sorted((repo, self.shas[repo][upto]) for repo in repos or self.shas)),
            held_out=(HELD_OUT,),
        )
        write_record(self.layout.rounds / f"{name}.json", record)
        return record


def small_world(root: Path) -> World:
    """Histories, tables and logs of two rounds, everything checked."""
    world = World(Layout(root))
    for repo in (*DOMAINS, HELD_OUT):
        grow(world, repo)
    world.open("r01", upto=5, hours=2)
    world.open("r02", upto=5, hours=4)
    for repo in DOMAINS:
        work(world, repo, "r01", range(3))
        work(world, repo, "r02", range(3, 5))
    return world


def grow(world: World, repo: str, *, domain: str = "", later: Sequence[int] = ()) -> None:
    """A repository with its snapshot and its tasks.

    Args:
        world: Where it grows.
        repo: Its key.
        domain: Else the listed one.
        later: Committer dates of further commits behind the ordinary ones.
    """
    dates = [*map(hour, range(COMMITS)), *later]
    target = world.layout.snapshot(repo)
    build_repository(target, b"".join(stream(repo, dates)))
    world.shas[repo] = git(target, "rev-list", "--reverse", "main").decode().split()
    register(world, repo, domain or DOMAINS.get(repo, "held"))


def stream(repo: str, dates: Sequence[int]) -> Iterator[bytes]:
    """A line of commits for ``git fast-import``, each with one more line in one file."""
    for number, date in enumerate(dates):
        text, message = code(repo, number).encode(), statement(repo, number).encode()
        yield b"commit refs/heads/main\ncommitter A <a@x.example> %d +0000\n" % date
        yield b"data %d\n%s\n" % (len(message), message)
        yield b"M 100644 inline %s.py\ndata %d\n%s\n" % (repo.encode(), len(text), text)
    yield b"done\n"


def code(repo: str, number: int) -> str:
    """The repository's only file after a commit."""
    return "".join(f"{words(f'{repo}{n}', 4).replace(' ', ' = ')}\n" for n in range(number + 1))


def statement(repo: str, number: int) -> str:
    """What a task asks for."""
    return f"Add {words(f'task {repo} {number}', 12)}"


def register(world: World, repo: str, domain: str) -> None:
    """Snapshot and tasks of a repository as tables."""
    pin = world.shas[repo][-1]
    snapshot = RepoSnapshot(
        repo=repo, url=f"https://example.org/{repo}/{repo}.git", revision=pin,
        commits=COMMITS, tags=(), domain=domain, licence="MIT",
    )  # fmt: skip
    table(world.layout, "repo_snapshots", repo, [snapshot])
    count = len(world.shas[repo])
    table(world.layout, "commits", repo, [commit(world, repo, n) for n in range(count)])
    table(world.layout, "tasks", repo, [task(world, repo, n) for n in range(count)])


def commit(world: World, repo: str, number: int) -> CommitRow:
    """The row of a commit, which the filter took."""
    sha, ids = world.shas[repo][number], world.shas[repo]
    filled = example(CommitRow)
    assert isinstance(filled, CommitRow)
    return filled.model_copy(
        update={
            "repo": repo, "sha": sha, "base_sha": ids[number - 1] if number else "",
            "window": (sha,), "committed_at": hour(number), "message": statement(repo, number),
            "qualified": True, "source_files": (f"{repo}.py",), "test_files": (),
        }
    )  # fmt: skip


def task(world: World, repo: str, number: int) -> TaskRow:
    """The admitted task of a commit."""
    sha = world.shas[repo][number]
    lines = code(repo, number).splitlines()
    filled = example(TaskRow)
    assert isinstance(filled, TaskRow)
    return filled.model_copy(
        update={
            "task_id": f"{repo}-{sha[:12]}", "repo": repo, "sha": sha, "window": (sha,),
            "committed_at": hour(number), "admitted": True, "statement": statement(repo, number),
            "gold_patch": f"--- a/{repo}.py\n+++ b/{repo}.py\n@@ -1 +1 @@\n+{lines[-1]}\n",
            "test_patch": "",
        }
    )  # fmt: skip


def work(world: World, repo: str, round_name: str, numbers: Sequence[int]) -> None:
    """Attempts on some commits' tasks, as a round's tables, logs and traces."""
    asked = [
        attempt for number in numbers for attempt in attempts_on(world, repo, round_name, number)
    ]
    layout, key = world.layout, f"{repo}|{round_name}"
    triples = [triple for item in asked for triple in item.triples]
    for item in asked:
        item.write(layout, key)
    table(layout, "attempts", key, [item.row for item in asked], AttemptRow)
    table(layout, "triples", key, triples, TripleRow)
    table(layout, "preference_pairs", key, list(pairs_of(asked)), PreferencePair)


@dataclass
class Asked:
    """One attempt with its calls."""

    row: AttemptRow
    calls: list[CallRecord] = field(default_factory=list)
    right: list[str] = field(default_factory=list)
    triples: list[TripleRow] = field(default_factory=list)

    def call(self, sha: str, kind: str, prompt: str, answer: str, right: str = "") -> None:
        """One more call, as the gateway logs it and the harness labels it."""
        by_model = kind in self.row.by_model
        call = CallRecord(
            attempt=self.row.attempt_id, number=len(self.calls), call_kind=kind,
            system=f"You answer {kind}.", prompt=_ENVIRONMENT + prompt, response=answer,
            thinking="", prompt_tokens=None, completion_tokens=None, latency_ms=1,
            responder="openai" if by_model else "gold", model=STUDENT if by_model else "gold",
            temperature=0.0, seed=0, finish="stop", error="",
        )  # fmt: skip
        self.calls.append(call)
        self.right.append(right or answer)
        filled = example(TripleRow)
        assert isinstance(filled, TripleRow)
        self.triples.append(
            filled.model_copy(
                update={
                    "triple_id": digest(self.row.attempt_id, str(call.number)),
                    "attempt_id": self.row.attempt_id, "task_id": self.row.task_id,
                    "repo": self.row.repo, "round": self.row.round, "sha": sha,
                    "call_kind": kind, "prompt_source": "logged",
                    "prompt_hash": prompt_hash(call.system, call.prompt), "system": call.system,
                    "prompt": call.prompt, "output": answer, "call_number": call.number,
                    "responder": call.responder, "right_answer": right or answer,
                    "outcome": self.row.outcome, "reason": self.row.reason,
                    "file_precision": 1.0, "file_recall": 1.0, "dependency_order": 1.0,
                }
            )
        )  # fmt: skip

    def write(self, layout: Layout, partition: str) -> None:
        """Log and trace, where harness and gateway keep them."""
        log = log_path(layout, partition, CAMPAIGN, self.row.attempt_id)
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("".join(f"{call.canonical_json()}\n" for call in self.calls), "utf-8")
        trace = layout.partition("attempts", partition) / "traces" / f"{self.row.attempt_id}.json"
        trace.parent.mkdir(parents=True, exist_ok=True)
        trace.write_text(json.dumps({"right_answers": self.right}), "utf-8")


def attempts_on(world: World, repo: str, round_name: str, number: int) -> Iterator[Asked]:
    """One attempt that the commit answered, and a student's failed one on equal prompts."""
    sha = world.shas[repo][number]
    for outcome in (Outcome.PASSED, Outcome.FAILED):
        passed = outcome is Outcome.PASSED
        name = digest(repo, round_name, sha, outcome.value)
        asked = Asked(attempt(world, repo, round_name, number, name, outcome))
        head = f"Task: {statement(repo, number)}\nIntent: {words(f'{sha} intent', 6)}.\n\n"
        for place in range(4):
            right = "yes" if place % 2 else "no"
            path = f"{words(f'{sha} path {place}', 1)}/{words(f'{sha} file {place}', 2)}.py"
            text = words(f"{sha}{place}", 30 + place)
            prompt = f"{head}File: {path} (language=python, tier=2)\n{text}"
            asked.call(sha, "scope", prompt, right if passed or place else "yes", right)
        context = f"# Task\n{statement(repo, number)}\n\n# Intent\n{words(f'{sha} code', 60)}\n"
        plan = json.dumps({"parts": words(f"{sha} plan {outcome}", 20)})
        edit = f'<edit file="{repo}.py">\n{words(f"{sha} edit {outcome}", 20)}\n</edit>'
        asked.call(sha, "meta_plan", context, plan, "" if passed else "{}")
        asked.call(sha, "implement", f"{context}\n{words(f'{sha} step', 20)}", edit)
        yield asked


def attempt(  # noqa: PLR0913, PLR0917  # what an attempt hangs on
    world: World, repo: str, round_name: str, number: int, name: str, outcome: Outcome
) -> AttemptRow:
    """The row of one attempt."""
    passed = outcome is Outcome.PASSED
    filled = example(AttemptRow)
    assert isinstance(filled, AttemptRow)
    return filled.model_copy(
        update={
            "attempt_id": name, "task_id": f"{repo}-{world.shas[repo][number][:12]}",
            "repo": repo, "round": round_name, "agent": "clean_room", "outcome": outcome,
            "reason": "" if passed else "fail_to_pass_failed", "campaign": CAMPAIGN,
            "usable": True, "calls": 6,
            "by_model": () if passed else ("implement", "meta_plan", "scope"),
        }
    )  # fmt: skip


def pairs_of(asked: Sequence[Asked]) -> Iterator[PreferencePair]:
    """A passed and a failed answer to equal prompts."""
    for good, bad in zip(asked[::2], asked[1::2], strict=True):
        for won, lost in zip(good.triples, bad.triples, strict=True):
            if won.output != lost.output:
                yield PreferencePair(
                    pair_id=digest("pair", won.triple_id, lost.triple_id), task_id=won.task_id,
                    repo=won.repo, round=won.round, sha=won.sha, call_kind=won.call_kind,
                    prompt_hash=won.prompt_hash, system=won.system, prompt=won.prompt,
                    chosen=won.output, rejected=lost.output, chosen_attempt=won.attempt_id,
                    rejected_attempt=lost.attempt_id, reason="wrong_code: fail_to_pass_failed",
                )  # fmt: skip


def table(
    layout: Layout,
    asset: str,
    partition: str,
    rows: Sequence[Record],
    record: type[Record] | None = None,
) -> None:
    """A sealed table with a passed check."""
    manifest = seal_table(
        layout, asset, partition, rows, record or type(rows[0]),
        reasons=[], inputs=[], policy="{}",
    )  # fmt: skip
    write_check(layout, manifest, [])


def digest(*parts: str) -> str:
    """A key of parts."""
    return hashlib.sha256("|".join(parts).encode()).hexdigest()
