"""Prompt of an implement step about one file, laid out as the agent lays it out.

Only what a published row can fill: there is no description of an environment, no plan and no
earlier change. The system prompt is the agent's and comes from outside. ``gold.prompts`` reads
the layout back, which is the proof that it is the agent's.
"""

from __future__ import annotations

from cra_pipeline.datasets.cold_start.wanted import Dropped, Wanted
from cra_pipeline.gold.prompts import asked_step, shown_code

_STEP = "s1"


def user_message(wanted: Wanted) -> str | Dropped:
    """The user message, or why the agent would read another one in it."""
    task = wanted.task.strip()
    if not task:
        return Dropped("no_task")
    targets = f"Target files: {wanted.path}\n"
    if wanted.symbols:
        targets += f"Target symbols: {', '.join(wanted.symbols)}\n"
    prompt = (
        f"# Task\n{task}\n\n"
        f'## {wanted.path} [python] (primary)\n<code lang="python">\n{wanted.before}\n</code>\n'
        f"\n# Step to Implement\nID: {_STEP}\n{task}\n{targets}"
    )
    return prompt if _read_back(prompt, wanted, task) else Dropped("breaks_prompt")


def _read_back(prompt: str, wanted: Wanted, task: str) -> bool:
    """Whether the parts of the prompt are read as what they are; text may imitate a heading."""
    step = asked_step(prompt)
    return (
        shown_code(step.before) == {wanted.path: wanted.before}
        and (step.number, step.text, step.targets) == (_STEP, task, (wanted.path,))
        and step.symbols == wanted.symbols
    )
