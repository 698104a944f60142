"""System prompts by call kind, worded here: none of them is the agent's.

Each text is different, because calls are told apart by it.
"""

from __future__ import annotations

_JUDGE = "Judge one question of a code search. {} Answer with the bare word yes or no."
_PLAN = "Plan a change of a Python repository. {} Answer with one JSON object and nothing else: {}"
_STEPS = (
    '{"part_id", "task_summary", "steps": [{"id", "description", "target_files", '
    '"target_symbols", "depends_on"}], "rationale"}'
)
_EDITS = (
    'Answer with blocks <edit file="PATH"><search>…</search><replacement>…</replacement></edit>; '
    "each search text stands exactly once in its file, and tags stand on lines of their own."
)


def _judge(question: str) -> str:
    return _JUDGE.format(question)


def _plan(wish: str, shape: str) -> str:
    return _PLAN.format(wish, shape)


SYSTEM_PROMPTS = {
    "task_analysis": "Say in one or two sentences what this task wants to have changed.",
    "stage_routing": _judge("Does the task need this stage of the search?"),
    "scope": _judge("Does whoever does the task have to see this file?"),
    "precision_pass1": _judge("Has this symbol anything to do with the task?"),
    "precision_pass2": _judge("Will the task change the text of this symbol?"),
    "precision_pass3": _judge("Is the text of this symbol needed, or is its signature enough?"),
    "similarity": _judge("Do these two functions have to be changed alike?"),
    "assembly_refilter": (
        "Too many files were found. Answer with a JSON array of the paths that are worth their "
        "tokens, within the budget."
    ),
    "meta_plan": _plan(
        "Part the task into pieces that can be tested one by one.",
        '{"task_summary", "parts": [{"id", "description", "affected_files", "depends_on"}], '
        '"rationale"}',
    ),
    "part_plan": _plan("Part one piece of the task into steps.", _STEPS),
    "test_plan": _plan("Part the tests of a finished piece into steps.", _STEPS),
    "adjustment": _plan(
        "Look at the finished steps and say which of the rest change; an empty list keeps them.",
        '{"revised_steps": [steps], "rationale", "changes_made"}',
    ),
    "implement": f"Edit the code of one step. {_EDITS}",
    "test_implement": f"Edit the tests of one step. {_EDITS}",
    "documentation": f"Mend comments and docstrings of one file, if they are wrong. {_EDITS}",
    "change_point_enum": _plan(
        "List every place that changes.",
        '{"task_summary", "change_points": [{"file_path", "symbol", "change_type", "rationale"}]}',
    ),
    "part_grouping": _plan(
        "Group the listed places, each into one part.",
        '{"parts": [{"id", "description", "change_point_indices", "affected_files"}]}',
    ),
    "part_grouping_binary": _judge("Do these two places belong to one part of the work?"),
    "part_dependency": _judge("Must the first part be done before the second?"),
    "symbol_targeting": _plan(
        "List every symbol that one piece touches.",
        '{"part_id", "targets": [{"file_path", "symbol", "action", "rationale"}]}',
    ),
    "step_design": _plan("Make steps of the listed symbols of one piece.", _STEPS),
    "step_dependency": _judge("Must the first step be done before the second?"),
    "enrichment": (
        "Describe one file. Answer with one JSON object: "
        '{"purpose", "module", "domain", "concepts", "public_api_surface"}'
    ),
}  # fmt: skip
"""Text by call kind, for every kind that the agent has for Python."""

_CODING = frozenset({"implement", "test_implement"})
_CLASSIFIER = frozenset({"scope", "similarity"})
_ITSELF = frozenset({
    "task_analysis", "stage_routing", "scope", "similarity", "assembly_refilter", "documentation",
})  # fmt: skip


def role_of(kind: str) -> str:
    """The configured model role that answers a kind."""
    return "coding" if kind in _CODING else "classifier" if kind in _CLASSIFIER else "reasoning"


def logged_as(kind: str) -> tuple[str, str, str | None]:
    """Call type, stage name and sub-stage under which a call is logged."""
    if kind in _ITSELF:
        stage = "assembly" if kind == "assembly_refilter" else kind
        return kind, stage, "routing" if kind == "stage_routing" else None
    if kind.startswith("precision_"):
        return "precision", "precision", None
    if kind in _CODING or kind == "adjustment":
        name = "execute_adjust" if kind == "adjustment" else f"execute_{kind}"
        return name, name, None
    plain = kind in {"meta_plan", "part_plan", "test_plan"}
    return "execute_plan", "execute_plan", None if plain else kind
