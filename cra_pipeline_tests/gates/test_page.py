"""Pages: what a person is shown, and that foreign text stays text."""

from __future__ import annotations

from cra_pipeline.gates.page import examples, gate_page
from cra_pipeline.gates.policy import GatePolicy
from cra_pipeline.gates.verdict import judge
from cra_pipeline_tests.gates.arms import answers, attempts, case

POLICY = GatePolicy(draws=200, least_tasks=20, least_per_class=10, least_forgetting_tasks=5)
ROWS = [*attempts("base", "p" * 30, kind="scope"), *attempts("candidate", "p" * 30, kind="scope")]
SAID = [*answers("base", ["ny"] * 15 + ["yn"] * 15), *answers("candidate", ["yn"] * 29 + ["y?"])]
REPORT = judge(case(ROWS, SAID, kind="scope"), POLICY)


def test_examples_show_what_changed_on_tasks_won_and_lost() -> None:
    found = examples(REPORT, SAID)

    assert [item.verdict for item in found].count("won") == 5
    (lost,) = [item for item in found if item.verdict == "lost"]
    assert (lost.task_id, lost.right, lost.before, lost.after) == (
        "task-029", "no", "no", "perhaps",
    )  # fmt: skip


def test_the_order_of_answers_changes_no_page() -> None:
    assert gate_page(REPORT, SAID[::-1]) == gate_page(REPORT, SAID)


def test_a_page_shows_decision_requirements_intervals_and_tasks() -> None:
    page = gate_page(REPORT, SAID)

    for told in (
        '<strong class="passed">passed</strong>',
        "not_below_base:f1",
        '<td class="holds">holds</td>',
        "bootstrap by task, 200 draws, seed 0",
        "always_no",
        "<code>task-029</code>",
        REPORT.policy.replace('"', "&#34;"),
    ):
        assert told in page


def test_what_a_model_said_is_no_markup() -> None:
    loud = [
        row.model_copy(update={"response": "<script>x</script>" * 60})
        if row.arm == "candidate"
        else row
        for row in SAID
    ]
    page = gate_page(REPORT, loud)

    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "…" in page
