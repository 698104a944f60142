"""Candidates: the touched files, and some of each kind of others."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.ranking.candidates import CandidatePolicy, candidate_kinds

PATHS = [f"pkg/{folder}/m{number}.py" for folder in "ab" for number in range(20)]
SCORES = [float(number % 7) for number in range(40)]
POLICY = CandidatePolicy()


def kinds(**changed: object) -> dict[str, str]:
    given_: dict[str, object] = {
        "paths": PATHS, "touched": PATHS[:2], "scores": SCORES, "policy": POLICY, "name": "c1",
    }  # fmt: skip
    return candidate_kinds(**(given_ | changed))  # type: ignore[arg-type]  # a table


def test_there_are_as_many_of_each_kind_as_the_policy_says() -> None:
    assert Counter(kinds().values()) == {
        "touched": 2, "near": 4, "alike": 4, "drawn": 4, "further": 12,
    }  # fmt: skip


def test_near_ones_lie_in_the_same_folder_and_alike_ones_score_best() -> None:
    found = kinds()
    score = dict(zip(PATHS, SCORES, strict=True))
    alike = [path for path, kind in found.items() if kind == "alike"]

    assert all(path.startswith("pkg/a/") for path, kind in found.items() if kind == "near")
    assert min(score[path] for path in alike) >= 6.0 - 1


def test_the_draw_hangs_on_the_commit_and_the_seed_alone() -> None:
    backwards = kinds(paths=PATHS[::-1], scores=SCORES[::-1])

    assert kinds() == backwards
    assert kinds() != kinds(name="c2")
    assert kinds() != kinds(policy=CandidatePolicy(seed=2))


@given(st.integers(1, 12))
def test_small_trees_give_what_they_have(size: int) -> None:
    found = kinds(paths=PATHS[:size], scores=SCORES[:size], touched=PATHS[:1])

    assert set(found) == set(PATHS[:size])
    assert found[PATHS[0]] == "touched"
