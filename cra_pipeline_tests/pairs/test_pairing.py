"""Pairs share their prompt, the better answer passed, the worse one failed and still imports."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.contracts.tasks import AttemptRow, Outcome
from cra_pipeline.contracts.triples import PreferencePair, TripleRow, prompt_hash
from cra_pipeline.pairs.check import findings
from cra_pipeline.pairs.pairing import kind_of, pair_up
from cra_pipeline.pairs.policy import PairPolicy, policy_json

Row = tuple[AttemptRow, TripleRow]
POLICY = PairPolicy()


def answered(  # noqa: PLR0913  # one keyword per property under test
    output: str,
    outcome: Outcome = Outcome.FAILED,
    *,
    task: str = "r-1",
    agent: str = "mutant",
    configuration: str = "dropped_hunk#1",
    prompt: str = "do it",
    imports: bool = True,
) -> Row:
    name = f"{task}/{agent}/{configuration}/{output}/{prompt}"
    failed = outcome is Outcome.FAILED
    attempt = AttemptRow(
        attempt_id=name,
        task_id=task,
        repo="r",
        round="r01",
        agent=agent,
        configuration=configuration,
        temperature=0.0,
        seed=0,
        patch=output,
        outcome=outcome,
        reason="fail_to_pass_failed" if failed else "",
        detail="",
        failed_tests=("tests/test_a.py::test_b", "tests/test_a.py::test_c") if failed else (),
        imports=imports,
    )
    triple = TripleRow(
        triple_id=f"t-{name}",
        attempt_id=name,
        task_id=task,
        repo="r",
        round="r01",
        sha="1" * 40,
        call_kind="implement",
        prompt_source="rendered",
        prompt_hash=prompt_hash("system", prompt),
        system="system",
        prompt=prompt,
        output=output,
        right_answer="good",
        outcome=outcome,
        reason=attempt.reason,
    )
    return attempt, triple


def good(output: str = "good", *, task: str = "r-1", prompt: str = "do it") -> Row:
    return answered(
        output,
        Outcome.PASSED,
        task=task,
        agent="gold_patch",
        configuration="gold",
        prompt=prompt,
    )


def paired(rows: list[Row], policy: PairPolicy = POLICY) -> tuple[PreferencePair, ...]:
    return pair_up([triple for _, triple in rows], [attempt for attempt, _ in rows], policy)


def faults(pairs: tuple[PreferencePair, ...], rows: list[Row]) -> tuple[str, ...]:
    return findings(
        pairs, [triple for _, triple in rows], [attempt for attempt, _ in rows], rows=len(pairs)
    )


def test_a_pair_says_why_the_rejected_one_lost() -> None:
    (pair,) = paired([good(), answered("bad")])

    assert (pair.chosen, pair.rejected) == ("good", "bad")
    assert pair.reason == "dropped_hunk: fail_to_pass_failed: tests/test_a.py::test_b"


@pytest.mark.parametrize(
    "rows",
    [
        [good()],
        [answered("bad")],
        [good(), answered("bad", prompt="other words")],
        [good(), answered("bad", task="r-2")],
        [good(), answered("good")],
        [good(), answered("bad", imports=False)],
        [good(), answered("bad"), answered("bad", Outcome.PASSED)],
        [answered("weak", Outcome.PASSED), answered("bad")],
        *(
            [good(), answered("bad", outcome)]
            for outcome in Outcome
            if outcome is not Outcome.FAILED
        ),
    ],
)
def test_what_was_not_judged_alike_does_not_pair(rows: list[Row]) -> None:
    assert paired(rows) == ()


def test_equal_texts_of_several_attempts_are_one_pair() -> None:
    rows = [good(), answered("bad"), answered("bad", configuration="missing_file#1")]

    assert len(paired(rows)) == 1


def test_equal_texts_on_a_forks_task_are_another_pair() -> None:
    own, fork = (
        paired([good(task=task), answered("bad", task=task)])[0] for task in ("r-1", "fork-1")
    )

    assert (own.prompt_hash, own.chosen, own.rejected) == (
        fork.prompt_hash, fork.chosen, fork.rejected,
    )  # fmt: skip
    assert own.pair_id != fork.pair_id


def test_a_cap_takes_every_kind_of_fault_in_turn() -> None:
    kinds = ["dropped_hunk", "off_by_one", "wrong_constant"]
    faulty = [
        answered(f"{kind}{number}", configuration=f"{kind}#{number}")
        for kind in kinds
        for number in range(4)
    ]
    rows = [good(), *faulty]
    known = {attempt.attempt_id: attempt for attempt, _ in rows}
    pairs = paired(rows, replace(POLICY, per_task=3))

    assert {kind_of(known[pair.rejected_attempt]) for pair in pairs} == set(kinds)


def test_a_repository_cap_hits_no_task_alone() -> None:
    rows = [
        row
        for task in ("r-1", "r-2", "r-3")
        for row in (good(task=task), *(answered(f"bad{n}", task=task) for n in range(4)))
    ]
    pairs = paired(rows, replace(POLICY, per_repo=3))

    assert [pair.task_id for pair in pairs] == ["r-1", "r-2", "r-3"]


anything = st.lists(
    st.builds(
        answered,
        st.sampled_from(["a", "b", "c", "d"]),
        st.sampled_from(list(Outcome)),
        task=st.sampled_from(["r-1", "r-2"]),
        agent=st.sampled_from(["gold_patch", "mutant"]),
        configuration=st.sampled_from(["gold", "off_by_one#1", "dropped_hunk#1"]),
        prompt=st.sampled_from(["do it", "other"]),
        imports=st.booleans(),
    ),
    max_size=12,
    unique_by=lambda row: row[0].attempt_id,
)


@given(anything, st.randoms(use_true_random=False), st.integers(1, 3), st.integers(1, 4))
def test_every_choice_passes_its_own_check_and_ignores_the_order(
    rows: list[Row], random: object, per_task: int, per_repo: int
) -> None:
    policy = PairPolicy(per_task=per_task, per_repo=per_repo)
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # Hypothesis types it as object
    pairs = paired(rows, policy)

    assert faults(pairs, rows) == ()
    assert paired(shuffled, policy) == pairs
    assert len(pairs) <= per_repo
    for task in ("r-1", "r-2"):
        assert sum(pair.task_id == task for pair in pairs) <= per_task


ROWS = [good(), answered("bad"), good("other good", task="r-2"), answered("bad", task="r-2")]
PAIR = paired(ROWS)[0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"prompt": "other words"}, "another hash"),
        ({"rejected": PAIR.chosen}, "same text, or the same yes or no"),
        ({"reason": ""}, "no reason"),
        ({"chosen_attempt": "nobody"}, "does not exist"),
        ({"chosen_attempt": PAIR.rejected_attempt}, "ended failed, expected passed"),
        ({"rejected_attempt": PAIR.chosen_attempt}, "ended passed, expected failed"),
        ({"task_id": "r-2"}, "not on r-2"),
        ({"chosen": "invented"}, "not what its attempt said"),
    ],
)
def test_the_check_finds_each_broken_rule(change: dict[str, str], words: str) -> None:
    broken = PAIR.model_copy(update=change)

    assert any(words in fault for fault in faults((broken,), ROWS))


def test_the_check_counts_rows_and_ids() -> None:
    attempts, triples = [row for row, _ in ROWS], [row for _, row in ROWS]

    assert "occurs 2 times" in findings((PAIR, PAIR), triples, attempts, rows=2)[0]
    assert "counts 5 rows" in findings((PAIR,), triples, attempts, rows=5)[0]


def test_numbers_of_a_policy_are_in_its_text() -> None:
    assert policy_json(PairPolicy(per_task=7)) != policy_json(POLICY)
