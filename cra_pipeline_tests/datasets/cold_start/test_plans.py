"""A plan is as good as what followed it."""

from __future__ import annotations

import pytest

from cra_pipeline.datasets.cold_start.plans import (
    Followed,
    PlanDocument,
    PlanVerdict,
    judged_plan,
    plan_document,
)

DAY = 24 * 3600
TEXT = "# Plan\n\n- [ ] read `cart.py`\n- [ ] change shop/till.py\n- [ ] test it\n"
FILES = ("shop/cart.py", "shop/till.py", "README.md")


def document(sha: str = "p", day: int = 0, names: tuple[str, ...] = FILES[:2]) -> PlanDocument:
    return PlanDocument(path="docs/plan.md", sha=sha, committed_at=day * DAY, names=names)


def commit(
    sha: str, day: int, *paths: str, subject: str = "Add", added: int = 10, deleted: int = 0
) -> Followed:
    lines = tuple((path, added, deleted) for path in paths)
    return Followed(sha=sha, committed_at=day * DAY, subject=subject, lines=lines)


BOTH = FILES[:2]
CASES = {
    "clean": ([commit("a", 1, *BOTH), commit("b", 2, BOTH[0])], (), "good", (True, True, False)),
    "mended": (
        [commit("a", 1, *BOTH), commit("b", 2, BOTH[0], subject="Fix the cart")],
        (),
        "fine",
        (True, False, False),
    ),
    "mended more than built": (
        [
            commit("a", 1, *BOTH),
            commit("b", 2, BOTH[0], subject="Fix the cart"),
            commit("c", 3, BOTH[0], subject="fixes the cart again"),
        ],
        (),
        "bad",
        (False, False, False),
    ),
    "rewritten": (
        [commit("a", 1, *BOTH), commit("b", 2, BOTH[0], deleted=12)],
        (),
        "bad",
        (False, False, False),
    ),
    "planned anew": (
        [commit("a", 1, *BOTH)],
        [document("q", 2)],
        "bad",
        (False, False, True),
    ),
    "left": ([commit("a", 1, "other.py")], (), "abandoned", (False, False, False)),
    "left for another": ([], [document("q", 2)], "abandoned", (False, False, True)),
    "followed too late": ([commit("a", 60, *BOTH)], (), "abandoned", (False, False, False)),
}


@pytest.mark.parametrize("case", sorted(CASES))
def test_a_plan_is_judged_by_what_followed(case: str) -> None:
    later, others, label, uses = CASES[case]

    found = judged_plan(document(), later, others)

    assert (found.label, (found.imitate, found.prefer, found.reject)) == (label, uses)
    assert found.reason


def test_a_plan_of_other_files_or_before_it_replaces_nothing() -> None:
    later = [commit("a", 1, *BOTH)]
    others = [document("q", 2, ("else.py",)), document("r", -1), document()]

    assert judged_plan(document(), later, others) == PlanVerdict(
        label="good", reason="1 commits, no mend", followed_by=("a",)
    )


def test_a_plan_names_files_by_path_or_by_name() -> None:
    found = plan_document("docs/PLAN.md", TEXT, sha="p", committed_at=0, files=FILES)

    assert found is not None
    assert found.names == ("shop/cart.py", "shop/till.py")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("docs/plan.py", TEXT),
        ("docs/planet.md", TEXT),
        ("docs/notes.md", TEXT),
        ("docs/plan.md", "# Plan\n\n- change cart.py\n"),
        ("docs/plan.md", "# Plan\n\n- one\n- two\n- three\n"),
    ],
)
def test_other_documents_are_no_plans(path: str, text: str) -> None:
    assert plan_document(path, text, sha="p", committed_at=0, files=FILES) is None
