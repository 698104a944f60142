"""The text of every file while an attempt runs, kept by simulating what the agent applies.

The oracle cannot look into the agent's sandbox. Where a prompt shows a file whole, that text is
believed before the simulation: so the oracle notices when the agent took a part back.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping

from cra_pipeline.gold.documentation import documents
from cra_pipeline.gold.edits import applied, read


class Worktree:
    """Texts of one attempt."""

    def __init__(self, before: Mapping[str, str]) -> None:
        self._before = dict(before)
        self._now: dict[str, str] = {}
        self._past: dict[str, dict[str, None]] = {}
        self._asked: dict[str, dict[str, str]] = {}

    def texts(self, prompt: str) -> Mapping[str, str]:
        """Text of every file as the prompt found it; a prompt asked before finds the same again."""
        edited = self._asked.get(prompt)
        if edited is None:
            edited = self._now | self._taken_back(prompt)
        return ChainMap(edited, self._before) if edited else self._before

    def final(self) -> dict[str, str]:
        """Text of every file that an answer edited, as it stands after the last one."""
        return dict(self._now)

    def _taken_back(self, prompt: str) -> dict[str, str]:
        """Files that the prompt shows whole with an earlier text than the latest."""
        found = {}
        for path, past in self._past.items():
            texts = [*reversed(past), self._before[path]]
            shown = next((text for text in texts if shows_whole(prompt, path, text)), None)
            if shown is not None:
                found[path] = shown
        return found

    def edit(self, call_kind: str, prompt: str, response: str) -> None:
        """Apply an answer to an edit call if the agent would; else nothing changes."""
        known = self.texts(prompt)
        earlier = {path: known[path] for path in self._past}
        self._asked[prompt] = earlier
        try:
            edits = read(response)
            if call_kind == "documentation" and not documents(prompt, known, edits):
                edits = ()
            fresh = applied(edits, known)
        except ValueError:
            fresh = {}
        self._now = earlier | fresh
        for path, text in fresh.items():
            past = self._past.setdefault(path, {})
            past.pop(text, None)
            past[text] = None


def shows_whole(prompt: str, path: str, text: str) -> bool:
    """Whether a prompt shows a file whole, with exactly this text."""
    heading = f"## {path} [python] (primary)\n"
    start = prompt.find(heading)
    if start < 0:
        return False
    opening = '<code lang="python">\n'
    at = prompt.find(opening, start + len(heading))
    # One line about the file's purpose may stand between.
    between = prompt[start + len(heading) : at]
    return (
        at >= 0
        and between.count("\n") <= 1
        and prompt.startswith(f"{text}\n</code>\n", at + len(opening))
    )
