"""Optional rewriting of a poor task statement by a model, judged and checked for disclosures.

Pure but for the question that is handed in. The model sees the statement and the names that exist
before the change, never code; the original is kept whatever becomes of the rewriting.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from cra_pipeline.errors import ModelError
from cra_pipeline.harness.disclosure import DisclosurePolicy, disclosures, words
from cra_pipeline.harness.statement import FALLBACK

Ask = Callable[[str, str], Awaitable[str]]
"""Puts system and user text to a model and returns its answer; raises ``ModelError``."""

REWRITE = (
    "You word tasks for programmers. You get a terse note on a change to a Python repository, the "
    "files that it touches and the names in them. Say in one to three plain sentences what is "
    "wanted and where, so that somebody who knows the repository but not the change can do it. "
    "Do not invent behaviour. Do not say how it is to be done. Write no code, no new names, no "
    "numbers of issues, no links. Answer with the sentences alone."
)
JUDGE = (
    "You compare two wordings of one programming task. Answer with a JSON object and nothing "
    'else: {"same_task": true or false, "clear": true or false, "gives_away": true or false}. '
    "same_task: the second asks for what the first asks for, and for nothing that contradicts it. "
    "clear: a programmer could begin with the second. gives_away: the second says how the change "
    "is to be made and not only what is wanted."
)

_WORD = re.compile(r"[^\W\d_][\w'.-]*")
_PREFIX = re.compile(r"\A\s*(?:\[[^\]]*\]|[\w/-]+(?:\([^)]*\))?!?:)\s+")
_OBJECT = re.compile(r"\{.*?\}", re.DOTALL)
# What stands in a subject without saying what is meant.
_VAGUE = frozenset(
    _WORD.findall(
        "a again all also an and another any at better big bit bug bugfix bugs by case cases "
        "change changes cleanup code commit correct error errors few final first fix fixed "
        "fixes fixup for from good improve improved improvement improvements in into is issue "
        "issues it its last little lots make making many minor misc more new now of on once one "
        "oops other problem problems quick refactor remaining review second several simple "
        "small some something stuff test tests that the them these thing things this those to "
        "try tweak tweaks typo typos update updated updates various version with work working "
        "wrong"
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RewordingPolicy:
    """When a statement is poor, and how long a better one may be.

    Attributes:
        least_words: A statement of fewer words is too short.
        least_objects: Words that name something, beside the first, which is mostly a verb.
        most_chars: Longest rewritten statement.
        most_names: Most symbols that the model is told.
        disclosure: What gives the solution away.
    """

    least_words: int = 4
    least_objects: int = 2
    most_chars: int = 800
    most_names: int = 40
    disclosure: DisclosurePolicy = field(default_factory=DisclosurePolicy)


@dataclass(frozen=True, slots=True)
class Question:
    """What a model is asked."""

    system: str
    prompt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewording:
    """A statement and what became of it.

    Attributes:
        original: As it was.
        text: The one to use: the rewritten one where it was accepted, else the original.
        proposed: What the model wrote; empty where it was not asked or did not answer.
        reason: ``accepted``, ``not_poor``, ``no_answer``, ``too_long``, ``still_poor``,
            ``disclosure``, ``judge_silent``, ``judge_unreadable`` or ``judge_refused``; after a
            colon what exactly.
    """

    original: str
    text: str
    proposed: str
    reason: str


def poverty(statement: str, policy: RewordingPolicy) -> str:
    """Why a statement is too poor to work from: ``empty``, ``short``, ``no_object``; or nothing."""
    if statement.strip() in {"", FALLBACK}:
        return "empty"
    found = [word.strip(".'-") for word in _WORD.findall(_PREFIX.sub("", statement))]
    if len(found) < policy.least_words:
        return "short"
    objects = {word.lower() for word in found[1:]} - _VAGUE
    return "" if len(objects) >= policy.least_objects else "no_object"


def rewrite_question(statement: str, paths: Iterable[str], symbols: Iterable[str]) -> Question:
    """Asks for a better statement.

    Args:
        statement: The poor one.
        paths: Changed files that exist before the change.
        symbols: Changed symbols that exist before the change.
    """
    told = [f"Note: {statement}", f"Files: {_listed(paths)}", f"Names: {_listed(symbols)}"]
    return Question(REWRITE, "\n".join(told) + "\n")


def judge_question(statement: str, proposed: str) -> Question:
    """Asks whether a rewritten statement is a fair one."""
    return Question(JUDGE, f"First wording:\n{statement}\n\nSecond wording:\n{proposed}\n")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(set(names))) or "(none)"


def read_judgement(answer: str) -> str | None:
    """What a judge objects to: ``other_task``, ``unclear``, ``gives_away``; empty for nothing.

    The first JSON object in the answer counts, whatever stands around it; None where it cannot
    be read.
    """
    found = _OBJECT.search(answer)
    try:
        verdict = json.loads(found.group()) if found else None
    except ValueError:
        return None
    if not isinstance(verdict, dict):
        return None
    said = [verdict.get(name) for name in ("same_task", "clear", "gives_away")]
    if not all(isinstance(value, bool) for value in said):
        return None
    faults = zip(said, (False, False, True), ("other_task", "unclear", "gives_away"), strict=True)
    return next((name for value, bad, name in faults if value is bad), "")


def known_names(
    before: Mapping[str, str], symbols: Collection[str], policy: RewordingPolicy
) -> tuple[str, ...]:
    """Of the changed symbols, those whose every part the texts before the change hold; sorted."""
    known = words(" ".join(before.values()))
    held = [name for name in symbols if words(name.replace(".", " ")) <= known]
    return tuple(sorted(held)[: policy.most_names])


async def reword(  # noqa: PLR0913  # one keyword per thing that is known
    statement: str,
    *,
    before: Mapping[str, str],
    after: Mapping[str, str],
    symbols: Collection[str],
    ask: Ask,
    policy: RewordingPolicy,
) -> Rewording:
    """Rewrite a poor statement; whatever goes wrong, the original stands.

    Args:
        statement: Cleaned of ids and links.
        before: Earlier text of the changed files by path; added files are absent.
        after: Their later text; deleted files are absent.
        symbols: Names of the changed symbols, dotted; new ones are not told to the model.
        ask: Puts the questions.
        policy: When to rewrite, and what is refused.
    """

    def kept(reason: str, proposed: str = "") -> Rewording:
        return Rewording(original=statement, text=statement, proposed=proposed, reason=reason)

    if not poverty(statement, policy):
        return kept("not_poor")
    question = rewrite_question(statement, before, known_names(before, symbols, policy))
    try:
        proposed = (await ask(question.system, question.prompt)).strip()
    except ModelError as error:
        return kept(f"no_answer: {error}")
    objection = _objection(statement, proposed, before, after, policy)
    if objection:
        return kept(objection, proposed)
    objection = await _judged(statement, proposed, ask)
    if objection:
        return kept(objection, proposed)
    return Rewording(original=statement, text=proposed, proposed=proposed, reason="accepted")


def _objection(
    statement: str,
    proposed: str,
    before: Mapping[str, str],
    after: Mapping[str, str],
    policy: RewordingPolicy,
) -> str:
    if len(proposed) > policy.most_chars:
        return f"too_long: {len(proposed)} characters"
    if poor := poverty(proposed, policy):
        return f"still_poor: {poor}"
    found = disclosures(
        proposed, original=statement, before=before, after=after, policy=policy.disclosure
    )
    return f"disclosure: {found[0]}" if found else ""


async def _judged(statement: str, proposed: str, ask: Ask) -> str:
    question = judge_question(statement, proposed)
    try:
        objection = read_judgement(await ask(question.system, question.prompt))
    except ModelError as error:
        return f"judge_silent: {error}"
    if objection is None:
        return "judge_unreadable"
    return f"judge_refused: {objection}" if objection else ""
