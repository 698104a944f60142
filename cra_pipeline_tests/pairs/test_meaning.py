"""Two answers that come to the same are no pair; a prompt with two right answers gives none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.contracts.tasks import AttemptRow, Outcome
from cra_pipeline.contracts.triples import PreferencePair, TripleRow
from cra_pipeline.kinds import read_verdict
from cra_pipeline.pairs.check import findings
from cra_pipeline.pairs.meaning import conflicting, right, said, same_answer
from cra_pipeline.pairs.pairing import conflicting_prompts, pair_up
from cra_pipeline.pairs.policy import PairPolicy
from cra_pipeline_tests.verdicts.test_losing import attempt, logged

PLAIN = attempt("plain", Outcome.PASSED)
NARROW = attempt("narrow", Outcome.PASSED)
FAILED, OURS = "fail_to_pass_failed", "openai"
FIRST = (
    '<edit file="a.py">\n<search>\nx = 1\n</search>\n<replacement>\nx = 2\n</replacement>\n</edit>'
)
SECOND = FIRST.replace("a.py", "b.py")
OTHER = FIRST.replace("x = 2", "x = 3")
SOUND = {
    "the text itself": ("implement", FIRST, FIRST),
    "words around edits": ("implement", FIRST, f"Here you are:\n{FIRST}\nDone."),
    "the order of files": ("implement", FIRST + SECOND, f"{SECOND}\n{FIRST}"),
    "a plan in a fence": ("meta_plan", '{"a": 1, "b": []}', '```json\n{"b": [],\n "a": 1}\n```'),
    "a yes as an object": ("scope", "yes", '{"verdict": "yes"}'),
}
UNLIKE = {
    "another edit": ("implement", FIRST, OTHER),
    "one edit more": ("implement", FIRST, FIRST + SECOND),
    "the order within a file": ("implement", FIRST + OTHER, OTHER + FIRST),
    "another value": ("meta_plan", '{"a": 1}', '{"a": 2}'),
    "another order of parts": ("meta_plan", "[1, 2]", "[2, 1]"),
    "no plan": ("meta_plan", '{"a": 1}', '{"a": 1'),
    "a verdict": ("scope", "yes", "no"),
    "a malformed no": ("scope", "no", "No."),
}


def lost(*kinds: str) -> AttemptRow:
    return attempt("lost", Outcome.FAILED, FAILED).model_copy(update={"by_model": kinds})


def paired(rows: list[TripleRow], *attempts: AttemptRow) -> tuple[PreferencePair, ...]:
    pairs = pair_up(rows, attempts, PairPolicy())
    assert findings(pairs, rows, attempts, rows=len(pairs)) == ()
    return pairs


@pytest.mark.parametrize("how", sorted(SOUND))
def test_wording_makes_no_other_answer(how: str) -> None:
    kind, one, other = SOUND[how]

    assert said(logged(PLAIN, kind, one)) == said(logged(PLAIN, kind, other))
    assert right(logged(PLAIN, kind, "", right=one)) == said(logged(PLAIN, kind, other))


@pytest.mark.parametrize("how", sorted(UNLIKE))
def test_other_answers_stay_others(how: str) -> None:
    kind, one, other = UNLIKE[how]

    assert said(logged(PLAIN, kind, one)) != said(logged(PLAIN, kind, other))
    assert not same_answer(kind, one, other)


def test_rendered_answers_are_compared_by_their_text() -> None:
    rows = [
        logged(PLAIN, "implement", text).model_copy(update={"prompt_source": "rendered"})
        for text in (FIRST, f'{FIRST}\n<delete file="c.py"/>')
    ]

    assert said(rows[0]) != said(rows[1])


@pytest.mark.parametrize("answer", ["yes", "no", "maybe"])
def test_a_prompt_with_two_right_answers_gives_no_pair(answer: str) -> None:
    kind = "precision_pass1"
    rows = [
        logged(PLAIN, kind, "yes", right="yes"),
        logged(NARROW, kind, "no", right="no"),
        logged(lost(kind), kind, answer, right="no", responder=OURS),
    ]

    assert paired(rows, PLAIN, NARROW, lost(kind)) == ()
    assert conflicting_prompts(rows) == (("r-1", kind, rows[0].prompt_hash),)


def test_a_right_answer_in_other_words_and_an_unknown_one_are_no_conflict() -> None:
    rows = [
        logged(PLAIN, "scope", "yes", right="yes"),
        logged(NARROW, "scope", "yes", right=" Yes\n"),
        logged(lost("scope"), "scope", "no", right="", responder=OURS),
    ]

    assert not conflicting(rows)


def test_what_is_right_on_another_task_is_no_conflict() -> None:
    other = NARROW.model_copy(update={"task_id": "r-2"})
    rows = [
        logged(PLAIN, "scope", "yes", right="yes"),
        logged(other, "scope", "no", right="no"),
        logged(lost("scope"), "scope", "no", right="yes", responder=OURS),
    ]

    assert [pair.chosen for pair in paired(rows, PLAIN, other, lost("scope"))] == ["yes"]


def test_the_same_verdict_is_never_on_both_sides() -> None:
    rows = [
        logged(PLAIN, "scope", "no"),
        logged(lost("scope"), "scope", '{"verdict": "no"}', right="yes", responder=OURS),
    ]

    assert paired(rows, PLAIN, lost("scope")) == ()


def test_the_check_refuses_a_pair_on_a_prompt_with_two_right_answers() -> None:
    rows = [
        logged(PLAIN, "scope", "yes", right="yes"),
        logged(lost("scope"), "scope", "no", right="yes", responder=OURS),
    ]
    (pair,) = paired(rows, PLAIN, lost("scope"))
    rows.append(logged(NARROW, "scope", "no", right="no"))
    (found,) = findings([pair], rows, [PLAIN, NARROW, lost("scope")], rows=1)

    assert "more than one right answer" in found


def test_the_check_refuses_the_same_verdict_on_both_sides() -> None:
    rows = [
        logged(PLAIN, "scope", "yes", right="yes"),
        logged(lost("scope"), "scope", '{"verdict": "yes"}', right="yes", responder=OURS),
        logged(lost("scope"), "scope", "no", right="yes", responder=OURS),
    ]
    (pair,) = paired(rows, PLAIN, lost("scope"))
    broken = pair.model_copy(update={"rejected": '{"verdict": "yes"}'})

    assert "same yes or no" in findings([broken], rows, [PLAIN, lost("scope")], rows=1)[0]


@pytest.mark.parametrize(
    ("kind", "answer", "commits"),
    [
        ("implement", f"So:\n{FIRST}", FIRST),
        ("meta_plan", '{"parts": [],\n"a": 1}', '{"a": 1, "parts": []}'),
    ],
)
@pytest.mark.parametrize("known", ["the commit", "a passing answer"])
def test_what_is_right_or_passed_is_not_rejected_for_what_else_its_attempt_did(
    kind: str, answer: str, commits: str, known: str
) -> None:
    again = attempt("again", Outcome.PASSED)
    rows = [
        logged(PLAIN, kind, "another way that passes"),
        logged(lost(kind), kind, answer, responder=OURS),
        logged(lost(kind), kind, "wrong indeed", responder=OURS),
    ]
    if known == "the commit":
        rows = [row.model_copy(update={"right_answer": commits}) for row in rows]
    else:
        rows.append(logged(again, kind, commits))

    rejected = {pair.rejected for pair in paired(rows, PLAIN, again, lost(kind))}

    assert rejected == {"wrong indeed"}


def test_an_empty_answer_is_rejected_where_the_commit_knows_none() -> None:
    rows = [logged(PLAIN, "implement", FIRST), logged(lost("implement"), "implement", "")]
    rows[1] = rows[1].model_copy(update={"responder": OURS})

    assert [pair.rejected for pair in paired(rows, PLAIN, lost("implement"))] == [""]


def test_the_check_refuses_a_chosen_verdict_that_the_diff_contradicts() -> None:
    rows = [
        logged(PLAIN, "scope", "yes", right="yes"),
        logged(NARROW, "scope", "no"),
        logged(lost("scope"), "scope", "maybe", right="yes", responder=OURS),
    ]
    (pair,) = paired(rows, PLAIN, NARROW, lost("scope"))
    broken = pair.model_copy(update={"chosen": "no", "chosen_attempt": "narrow"})
    found = findings([broken], rows, [PLAIN, NARROW, lost("scope")], rows=1)

    assert pair.chosen == "yes"
    assert found == (f"{pair.pair_id[:12]}: the diff says that its chosen answer is wrong",)


@pytest.mark.parametrize("known", [FIRST, ""])
def test_the_check_refuses_a_right_or_passing_answer_as_the_rejected_one(known: str) -> None:
    again = attempt("again", Outcome.PASSED)
    rows = [
        logged(PLAIN, "implement", OTHER, right=known),
        logged(lost("implement"), "implement", "wrong", right=known, responder=OURS),
        logged(lost("implement"), "implement", f"So: {FIRST}", right=known, responder=OURS),
    ]
    if not known:
        rows.append(logged(again, "implement", FIRST))
    attempts = [PLAIN, again, lost("implement")]
    broken = paired(rows, *attempts)[0].model_copy(update={"rejected": f"So: {FIRST}"})

    assert "the right one, or one that passed" in findings([broken], rows, attempts, rows=1)[0]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["plain", "narrow", "lost"]),
            st.sampled_from(["yes", "no", "maybe", '{"verdict": "no"}', '{"keep": true}']),
            st.sampled_from(["yes", "no", ""]),
        ),
        min_size=2,
        max_size=6,
        unique_by=lambda drawn: drawn[:2],
    )
)
def test_every_pair_of_verdicts_prefers_the_one_right_answer_to_another(
    drawn: list[tuple[str, str, str]],
) -> None:
    known = {"plain": PLAIN, "narrow": NARROW, "lost": lost("scope")}
    rows = [
        logged(known[name], "scope", output, right=told, responder=OURS)
        for name, output, told in drawn
    ]
    verdicts = {told for _, _, told in drawn} - {""}
    for pair in paired(rows, *known.values()):
        assert {"yes" if read_verdict(pair.chosen) else "no"} == verdicts
        assert read_verdict(pair.rejected) != read_verdict(pair.chosen)
