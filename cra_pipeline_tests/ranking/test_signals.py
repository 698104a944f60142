"""Features of files, and their ranks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.ranking.messages import TaskText
from cra_pipeline.ranking.prompts import QUESTION, scope_prompt
from cra_pipeline.ranking.signals import COLUMNS, NEVER_DAYS, Past, signals
from cra_pipeline.ranking.sources import source_file

DAY = 86_400
FILES = [
    source_file("pkg/parser.py", "def read_line(): ..."),
    source_file("pkg/writer.py", "def write(): parser"),
    source_file("pkg/other.py", "nothing"),
]
TASK = TaskText("Read lines in the parser")
PAST = {"pkg/parser.py": Past(3, 10 * DAY), "pkg/writer.py": Past(5, 11 * DAY)}


def test_signals_are_those_of_the_whole_tree() -> None:
    parser, writer, other = signals(TASK, FILES, PAST, now=12 * DAY)

    assert (parser.text, parser.ranks) == (1.0, (1, 1, 2, 2))
    assert (writer.changes, writer.days, writer.ranks) == (5, 1.0, (2, 2, 1, 1))
    assert (other.score, other.days, other.ranks) == (0.0, NEVER_DAYS, (3, 2, 3, 3))
    assert parser.path > writer.path == 0.0
    assert len(parser.row) == len(COLUMNS)


@given(st.permutations(range(len(FILES))))
def test_signals_do_not_depend_on_the_order_of_files(order: list[int]) -> None:
    plain = signals(TASK, FILES, PAST, now=12 * DAY)
    found = signals(TASK, [FILES[at] for at in order], PAST, now=12 * DAY)

    assert found == [plain[at] for at in order]


def test_a_prompt_tells_task_file_and_ranks_and_can_leave_the_ranks_out() -> None:
    found = signals(TASK, FILES, PAST, now=12 * DAY)[0]
    prompt = scope_prompt(TASK, FILES[0], found, ["parser", "line"])
    bare = scope_prompt(TASK, FILES[0], found, ["parser", "line"], ranks=False)
    lines = prompt.split("\n")

    assert lines == [
        "Task: Read lines in the parser",
        "",
        "File: pkg/parser.py",
        "Defines: read_line",
        "Mentions: read_line",
        "Ranks of 3: text 1 (9), path 1 (1), often 2 (3), recent 2 (2 days)",
        QUESTION,
    ]
    assert bare.split("\n") == [line for line in lines if not line.startswith("Ranks")]
