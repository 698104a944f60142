"""Processor time and memory of all rules, by the number of candidates: both grow linearly.

``python -m cra_pipeline_tests.benchmarks.curation [SIZES]``; 25000, 50000, 100000 by default, each
in a process of its own. Half of the candidates are new, half belong to an earlier round; one in ten
nearly repeats one of another task. Then what share of near duplicates is found, against the exact
Jaccard of a sample: pairs of rows of which one has some words of the other exchanged.
"""

from __future__ import annotations

import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

from cra_pipeline.contracts.datasets import CandidateRow, Origin, example_id
from cra_pipeline.datasets.compose import Candidates, compose
from cra_pipeline.datasets.decontamination import Benchmarks, Contamination, ContaminationPolicy
from cra_pipeline.datasets.facts import facts_of
from cra_pipeline.datasets.judging import Court
from cra_pipeline.datasets.length import CharacterCounter
from cra_pipeline.datasets.near import nearly_repeated, own_text, shingles, signature
from cra_pipeline.datasets.policy import CurationPolicy
from cra_pipeline.datasets.stage.curate import Spool, fill
from cra_pipeline.datasets.takedown import TakenDown

SIZES = (25_000, 50_000, 100_000)
_WORDS = 180
_DOMAINS = 8


def candidates(count: int) -> Iterator[CandidateRow]:
    """Questions about files, of tasks of ten questions each."""
    draw = random.Random(0)  # noqa: S311  # made-up texts
    vocabulary = ["".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=6)) for _ in range(5000)]
    last: list[str] = []
    for number in range(count):
        words = draw.choices(vocabulary, k=_WORDS)
        if number % 10 == 0 and last:
            words = [*last[:-4], *words[:4]]
        last = words
        yield candidate(number, " ".join(words), "no" if number % 3 else "yes")


def candidate(number: int, text: str, answer: str) -> CandidateRow:
    """One row of a made-up repository."""
    prompt = f"<environment>\nOS: Linux\n</environment>\n\nTask: {text}\n"
    domain = number % _DOMAINS
    return CandidateRow(
        example_id=example_id("scope", "You answer.", prompt, answer),
        form="sft", adapter_kind="scope", call_kind="scope",
        round="r02" if number // 10 % 2 else "r01",
        label="diff", system="You answer.", prompt=prompt, answers=(answer,), thinking="",
        origin=Origin(
            source="synthetic", repo=f"repo-{domain}-{number % 40 // 8}", domain=f"domain-{domain}",
            licence="MIT", sha=f"{number:040x}", patch_id=f"{number:040d}", committed_at=number,
            task_id=f"task-{number // 10}", attempt_ids=(f"{number:064x}",), call_number=0,
            row=f"{number:064x}",
        ),
    )  # fmt: skip


def court() -> Court:
    """The house's rules with nothing kept out."""
    policy = CurationPolicy()
    nothing = Benchmarks(frozenset(), frozenset())
    return Court(
        adapter_kind="scope",
        round="r02",
        policy=policy,
        contamination=Contamination([], [], nothing, {}, ContaminationPolicy()),
        taken_down=TakenDown(),
        counter=CharacterCounter(),
    )


def measure(count: int) -> None:
    """Print what so many candidates cost."""
    began = time.process_time()
    rules = court()
    with tempfile.TemporaryFile() as file:
        spool = Spool(file)
        fill(spool, candidates(count), rules, lambda _: None)
        read = time.process_time() - began
        pool = Candidates(
            adapter_kind="scope", round="r02", facts=tuple(spool.facts.values()),
            signatures=spool.signatures, dropped=spool.dropped,
        )  # fmt: skip
        made = compose(pool, rules.policy)
    spent = time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{count:>7} candidates: {spent:6.1f} CPU-s ({1e6 * spent / count:.0f} us each; "
        f"{read:.1f} s to read and sign), peak {peak:.0f} MiB, {len(made.rows)} rows, "
        f"{made.dropped['near_duplicate']} near duplicates"
    )


def recall(pairs: int = 2000) -> None:
    """Print the share found of pairs whose exact Jaccard reaches the policy's, by how near."""
    draw = random.Random(1)  # noqa: S311  # made-up texts
    vocabulary = ["".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=6)) for _ in range(5000)]
    policy = court().policy.near
    exact: dict[str, float] = {}
    rows: list[CandidateRow] = []
    for number in range(pairs):
        words = draw.choices(vocabulary, k=_WORDS)
        changed = list(words)
        for place in draw.sample(range(_WORDS), draw.randrange(1, 7)):
            changed[place] = draw.choice(vocabulary)
        first, second = (
            candidate(10 * (2 * number + half), " ".join(text), "yes")
            for half, text in enumerate((words, changed))
        )
        one, other = (shingles(own_text(row), policy.shingle) for row in (first, second))
        exact[second.example_id] = len(one & other) / len(one | other)
        rows += [first, second]
    facts = tuple(facts_of(row) for row in rows)
    found = nearly_repeated(facts, [signature(own_text(row), policy) for row in rows], policy)
    for least, most in ((policy.jaccard, 1.01), (policy.jaccard, 0.85), (0.85, 0.9), (0.9, 1.01)):
        true = [name for name, share in exact.items() if least <= share < most]
        share = sum(name in found for name in true) / len(true)
        print(
            f"exact Jaccard {least:.2f} to {min(most, 1):.2f}: {len(true)} pairs, {share:.3f} found"
        )


def main() -> None:
    """Each size in its own process, so that peaks are not shared."""
    if sys.argv[1:2] == ["--one"]:
        measure(int(sys.argv[2]))
        return
    for size in map(int, sys.argv[1:] or SIZES):
        subprocess.run([sys.executable, "-m", __spec__.name, "--one", str(size)], check=True)
    recall()


if __name__ == "__main__":
    main()
