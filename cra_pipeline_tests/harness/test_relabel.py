"""Every call gets its right answer, and no row is lost where "no" is thinned out."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.contracts.calls import CallRecord
from cra_pipeline.contracts.tasks import Outcome
from cra_pipeline.contracts.triples import TripleRow
from cra_pipeline.harness.relabel import BalancePolicy, KindCount, balance, relabel


def call(number: int, kind: str, prompt: str, response: str, **more: str) -> CallRecord:
    return CallRecord.model_validate(
        {
            "attempt": "a",
            "number": number,
            "call_kind": kind,
            "system": "s",
            "prompt": prompt,
            "response": response,
            "thinking": "",
            "prompt_tokens": None,
            "completion_tokens": None,
            "latency_ms": 0,
            "responder": "student",
            "model": "m",
            "temperature": 0.3,
            "seed": 0,
            "finish": "stop",
            "error": "",
            **more,
        }
    )


class Countdown:
    """Knows its answers by how much it has observed."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, str]] = []

    def answer(self, call_kind: str, prompt: str) -> str:
        """What was observed so far decides, as with a plan that was answered before."""
        if call_kind == "part_plan":
            raise ValueError("the commit knows no such part")
        return f"{prompt} after {len(self.seen)}"

    def observe(self, call_kind: str, prompt: str, response: str) -> None:
        """Remember."""
        self.seen.append((call_kind, prompt, response))


def test_each_call_is_asked_before_its_answer_is_observed() -> None:
    oracle = Countdown()
    found = relabel(
        oracle,
        [
            call(0, "scope", "one", "no"),
            call(2, "part_plan", "two", "rubbish"),
            call(3, "", "three", "?"),
            call(4, "scope", "four", "half an ans", finish="error", error="reset"),
            call(5, "meta_plan", "five", "{}", finish="length"),
        ],
    )

    assert found == ("one after 0", "", "", "four after 2", "five after 3")
    assert oracle.seen == [
        ("scope", "one", "no"),
        ("part_plan", "two", "rubbish"),
        ("scope", "four", ""),
        ("meta_plan", "five", "{}"),
    ]


@pytest.mark.parametrize(
    "calls",
    [
        [call(1, "scope", "", ""), call(0, "scope", "", "")],
        [call(1, "scope", "", ""), call(1, "scope", "", "")],
        [call(0, "scope", "", ""), call(1, "scope", "", "", attempt="b")],
    ],
)
def test_calls_of_several_attempts_or_out_of_order_are_refused(calls: list[CallRecord]) -> None:
    with pytest.raises(ValueError, match="expected the calls of one attempt in order"):
        relabel(Countdown(), calls)


def row(name: object, kind: str, right: str, said: str = "no") -> TripleRow:
    return TripleRow(
        triple_id=str(name),
        attempt_id="a",
        task_id="t",
        repo="r",
        round="r01",
        sha="1" * 40,
        call_kind=kind,
        prompt_source="logged",
        prompt_hash="h",
        system="s",
        prompt="p",
        output=said,
        right_answer=right,
        outcome=Outcome.PASSED,
        reason="",
    )


def test_the_ratio_and_what_was_found_stay_on_record() -> None:
    rows = [
        row("y1", "scope", "yes", "yes"),
        row("y2", "scope", "yes", "no"),
        row("y3", "scope", "yes", "Yes."),
        *(row(f"n{number}", "scope", "no", "no" if number else "yes") for number in range(40)),
        row("u", "scope", ""),
        row("plan", "meta_plan", "no"),
        row("n", "precision_pass1", "no"),
    ]
    found = balance(rows, BalancePolicy(no_per_yes=3.5, fewest_no=2))

    assert found.counts == (
        KindCount(
            call_kind="precision_pass1",
            yes=0,
            no=1,
            unknown=0,
            kept_no=1,
            found=0,
            missed=0,
            mistaken=0,
        ),
        KindCount(
            call_kind="scope", yes=3, no=40, unknown=1, kept_no=10, found=1, missed=2, mistaken=1
        ),
    )
    assert Counter(one.right_answer for one in found.kept) == {"yes": 3, "no": 12, "": 1}
    assert len(found.dropped) == 30
    assert found.counts[1].recall == 1 / 3
    assert found.counts[1].no_per_yes == 40 / 3
    assert found.counts[0].recall is None
    assert found.counts[0].no_per_yes is None


kinds = st.sampled_from(["scope", "precision_pass1", "meta_plan", "implement"])
drawn = st.lists(st.tuples(kinds, st.sampled_from(["yes", "no", "no", "no", ""])), max_size=40)
policies = st.builds(
    BalancePolicy,
    no_per_yes=st.sampled_from([0.0, 0.1, 1.0, 2.5]),
    fewest_no=st.integers(0, 3),
    seed=st.integers(0, 3),
)


@given(drawn, policies)
def test_no_row_is_lost_and_only_no_is_dropped(
    pairs: list[tuple[str, str]], policy: BalancePolicy
) -> None:
    rows = [row(at, kind, right) for at, (kind, right) in enumerate(pairs)]
    found = balance(rows, policy)

    assert sorted(rows, key=id) == sorted([*found.kept, *found.dropped], key=id)
    assert {one.right_answer for one in found.dropped} <= {"no"}
    assert {one.call_kind for one in found.dropped} <= {"scope", "precision_pass1"}
    for count in found.counts:
        mine = [one for one in found.kept if one.call_kind == count.call_kind]
        no = sum(one.right_answer == "no" for one in mine)

        assert no == count.kept_no == min(count.no, policy.most(count.yes))
        assert count.found + count.missed == count.yes


@given(drawn, policies, st.randoms())
def test_neither_order_nor_other_kinds_change_the_choice(
    pairs: list[tuple[str, str]], policy: BalancePolicy, random: Random
) -> None:
    rows = [row(at, kind, right) for at, (kind, right) in enumerate(pairs)]
    shuffled = list(rows)
    random.shuffle(shuffled)
    alone = [one for one in rows if one.call_kind == "scope"]
    dropped = {one.triple_id for one in balance(rows, policy).dropped}

    assert {one.triple_id for one in balance(shuffled, policy).dropped} == dropped
    assert {one.triple_id for one in balance(alone, policy).dropped} == dropped & {
        one.triple_id for one in alone
    }


def test_the_seed_decides_which_are_dropped() -> None:
    rows = [row(at, "scope", "no") for at in range(40)]

    def choice(seed: int) -> set[str]:
        policy = BalancePolicy(seed=seed)
        return {one.triple_id for one in balance(rows, policy).kept}

    assert choice(0) == choice(0)
    assert choice(0) != choice(1)


def test_a_content_id_that_occurs_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="triple x occurs 2 times"):
        balance([row("x", "scope", "no"), row("x", "scope", "no")], BalancePolicy())
