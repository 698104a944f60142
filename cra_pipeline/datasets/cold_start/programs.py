"""Rows that pair an instruction with an answer: the one Python program in the answer.

An answer that shows several programs, or none that this interpreter reads, is no example: which of
them was meant cannot be told.
"""

from __future__ import annotations

import ast
import re

from cra_pipeline.contracts.cold_start import PublishedRow
from cra_pipeline.datasets.cold_start.wanted import PROGRAM, STUB, Dropped, Wanted
from cra_pipeline.gold.syntax import parsed

_FENCED = re.compile(r"^```[ \t]*([\w+#.-]*)[^\n]*\n(.*?)^```[ \t]*$", re.MULTILINE | re.DOTALL)
_PYTHON = frozenset({"", "python", "python3", "py"})
_QUESTION = {
    "codefeedback": ("query", "answer"),
    "evol_instruct_code_80k": ("instruction", "output"),
    "magicoder_evol_instruct": ("instruction", "response"),
    "magicoder_oss_instruct": ("problem", "solution"),
    "opencodeinstruct": ("input", "output"),
    "opencoder_sft_stage2": ("instruction", "output"),
}
"""Column of the instruction and of the answer, by set."""
PROGRAM_SETS = frozenset(_QUESTION)


def wanted_program(row: PublishedRow, *, least_test_score: float) -> Wanted | Dropped:
    """The program that answers an instruction, to be written in place of a stub.

    Args:
        row: Of one of ``PROGRAM_SETS``.
        least_test_score: Share of its tests that a program has to pass, where the set says it.
    """
    question, answer = _QUESTION[row.dataset]
    language = row.texts.get("lang", "python")
    if language.lower() not in _PYTHON:
        return Dropped("other_language", language)
    if "average_test_score" in row.texts and not _passes(
        row.texts["average_test_score"], least_test_score
    ):
        return Dropped("tests_fail", row.texts["average_test_score"])
    program = row.texts.get("code", "") or the_program(row.texts[answer])
    if isinstance(program, Dropped):
        return program
    if not is_program(program):
        return Dropped("not_python", program.partition("\n")[0])
    return Wanted(
        task=row.texts[question], path=PROGRAM, before=STUB, after=program.strip("\n") + "\n"
    )


def _passes(score: str, least: float) -> bool:
    try:
        return float(score) >= least
    except ValueError:
        return False


def the_program(answer: str) -> str | Dropped:
    """The only Python block of an answer, or the answer itself where it is all code."""
    found: list[tuple[str, str]] = _FENCED.findall(answer)
    fenced = [(name.lower(), text) for name, text in found]
    programs = [text for name, text in fenced if name in _PYTHON and is_program(text)]
    if not fenced and is_program(answer):
        return answer
    if len(programs) > 1:
        return Dropped("several_programs", str(len(programs)))
    if not programs:
        named = {name for name, _ in fenced} - _PYTHON
        return Dropped("other_language", min(named)) if named else Dropped("no_program")
    return programs[0]


def is_program(text: str) -> bool:
    """Whether a text is Python that does or defines something: a lone word is Python too."""
    tree = parsed(text)
    return tree is not None and any(
        not isinstance(node, ast.Expr) or isinstance(node.value, ast.Call) for node in tree.body
    )
