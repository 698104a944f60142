"""Which kind of plan a qualified commit teaches.

A change of many files that defines new symbols is planned in parts (meta-plan), a narrower one
in steps (step-plan), tests alone as a test-plan. Where source and tests changed together every
kind that fits is kept: the first is the type, the others are ``also_types``.
"""

from __future__ import annotations

from cra_pipeline.commits.facts import Facts
from cra_pipeline.commits.policy import FilterPolicy
from cra_pipeline.contracts.commits import PlanningType


def planning_types(facts: Facts, policy: FilterPolicy) -> tuple[PlanningType, ...]:
    """Planning types of a qualified commit, the leading one first."""
    if not facts.paths.sources:
        return ("test-plan",)
    types: list[PlanningType] = []
    # Without new symbols even four or five files are one line of thought: steps.
    in_parts = facts.python_files >= policy.meta_min_files and bool(facts.new_symbols)
    if in_parts:
        types.append("meta-plan")
    if not in_parts or facts.touched_tests:
        types.append("step-plan")
    if facts.touched_tests:
        types.append("test-plan")
    return tuple(types)
