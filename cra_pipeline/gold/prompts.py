"""What the agent's prompts say, read back from their text.

The shapes are the agent's; nothing is kept of it but the words that part one section from the
next. Who is meant by a text belongs to ``ledger``.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from itertools import zip_longest

_ENVIRONMENT = "</environment>"
_JUDGED_TASK = re.compile(
    r"Task: (?P<task>.*?)"
    r"(?:\nIntent: |\nType: |\nBudget: |\n\nExtracted files: |\n\n(?:Part|Change Point) A)",
    re.DOTALL,
)
_CONTEXT_TASK = re.compile(r"# Task\n(?P<task>.*?)\n(?:\n# Intent\n|\n## |\Z)", re.DOTALL)
_FILE = re.compile(r"(?P<path>.+) \(language=\w+, tier=\d+\)")
_SYMBOL = re.compile(
    r"(?P<name>\S+) \((?P<kind>\w+)\) in (?P<path>.+):(?P<start>\d+)-(?P<stop>\d+)"
)
_FUNCTION = re.compile(r"(?P<name>\S+) \((?P<kind>\w+), (?P<lines>\d+) lines\)")
_POINT = re.compile(r"\[[^\]]*\] (?P<path>.+?) :: ")
_STEP = re.compile(r"\n# (?:Test )?Step to Implement\nID: ")
_SHOWN = re.compile(
    r"^## (?P<path>.+) \[\w+\] \((?:primary|supporting|type_context)\)\n"
    # One line about the file's purpose may stand between.
    r"(?:(?!<code)[^\n]*\n)?<code lang=\"[^\"\n]*\">\n",
    re.MULTILINE,
)
_LISTED = re.compile(r"- (?P<path>.+) \[\w+\] ~(?P<tokens>\d+) tokens")


@dataclass(frozen=True, slots=True)
class AskedSymbol:
    """The symbol that a precision prompt asks about, by lines of the prepared base."""

    path: str
    name: str
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class AskedFunction:
    """One of two functions that a similarity prompt compares."""

    name: str
    kind: str
    lines: int


@dataclass(frozen=True, slots=True)
class AskedStep:
    """The step that an edit prompt asks for.

    Attributes:
        before: The prompt before the step's section: what shows code.
        number: The step's id.
        text: Its description.
        targets: Files that it names as targets.
        symbols: Names that it names as targets.
    """

    before: str
    number: str
    text: str
    targets: tuple[str, ...]
    symbols: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AskedFiles:
    """Files that compete for a budget, with their sizes in tokens."""

    budget: int
    sizes: tuple[tuple[str, int], ...]


def body(prompt: str) -> str:
    """The prompt without the description of the environment."""
    head, _, rest = prompt.partition(_ENVIRONMENT)
    return rest.lstrip("\n") if head.startswith("<environment>") else prompt


def task_text(prompt: str) -> str:
    """Text of the task, part or step for which the prompt's pass runs.

    Raises:
        ValueError: The prompt names none.
    """
    text = body(prompt)
    found = _CONTEXT_TASK.match(text) or _JUDGED_TASK.match(text)
    if found is None:
        raise ValueError(f"no task in a prompt that begins {text[:60]!r}")
    return found["task"]


def asked_path(prompt: str) -> str:
    """The file that a scope prompt asks about.

    Raises:
        ValueError: It asks about none.
    """
    return _last("\n\nFile: ", _FILE, prompt)["path"]


def asked_symbol(prompt: str) -> AskedSymbol:
    """The symbol that a precision prompt asks about.

    Raises:
        ValueError: It asks about none.
    """
    found = _last("\n\nSymbol: ", _SYMBOL, prompt)
    return AskedSymbol(found["path"], found["name"], int(found["start"]), int(found["stop"]))


def asked_functions(prompt: str) -> tuple[AskedFunction, AskedFunction]:
    """Both functions of a similarity prompt.

    Raises:
        ValueError: One is missing.
    """
    return _function("\nFunction A: ", prompt), _function("\nFunction B: ", prompt)


def _function(marker: str, prompt: str) -> AskedFunction:
    found = _last(marker, _FUNCTION, prompt)
    return AskedFunction(found["name"], found["kind"], int(found["lines"]))


def asked_step(prompt: str) -> AskedStep:
    """The step that an edit prompt asks for.

    Raises:
        ValueError: It asks for none.
    """
    places = list(_STEP.finditer(prompt))
    if not places:
        raise ValueError("no step in the prompt")
    section = prompt[places[-1].end() :].partition("\n<plan_constraints>\n")[0]
    number, _, text = section.partition("\n<prior_changes>\n")[0].partition("\n")
    lines = text.rstrip("\n").split("\n")
    symbols = _listed(lines, "Target symbols: ")
    targets = _listed(lines, "Target files: ")
    return AskedStep(prompt[: places[-1].start()], number, "\n".join(lines), targets, symbols)


def _listed(lines: list[str], label: str) -> tuple[str, ...]:
    """Take the last line off if it is a list with this label."""
    if lines and lines[-1].startswith(label):
        return tuple(lines.pop().removeprefix(label).split(", "))
    return ()


def asked_files(prompt: str) -> AskedFiles:
    """Files and budget of a refilter prompt.

    Raises:
        ValueError: The budget is missing.
    """
    budget = re.search(r"\nBudget: (\d+) tokens available\n", prompt)
    if budget is None:
        raise ValueError("no budget in the prompt")
    listed = (_LISTED.fullmatch(line) for line in prompt[budget.end() :].split("\n"))
    return AskedFiles(
        int(budget[1]), tuple((item["path"], int(item["tokens"])) for item in listed if item)
    )


def asked_pair(prompt: str, label: str) -> tuple[str, str]:
    """Texts of both sides that a question about dependency or grouping names.

    Args:
        prompt: The prompt.
        label: ``Part``, ``Step`` or ``Change Point``.

    Raises:
        ValueError: A side is missing.
    """
    # By plain searches: a pattern would try every pair of lines of a long prompt.
    first, second = f"\n{label} A", f"\n{label} B"
    start = prompt.find(first)
    middle = prompt.find(second, start + 1)
    ends = (prompt.rfind(f"\n{word} ") for word in ("Does", "Should"))
    end = max(ends)
    if not 0 <= start < middle < end:
        raise ValueError(f"no pair of {label} A and B in the prompt")
    sides = prompt[start + len(first) : middle], prompt[middle + len(second) : end]
    return _worded(sides[0].rstrip("\n")), _worded(sides[1].rstrip("\n"))


def asked_points(prompt: str) -> tuple[str, str]:
    """Files of both change points that a grouping question compares.

    Raises:
        ValueError: A point is missing.
    """
    sides = [_POINT.match(side) for side in asked_pair(prompt, "Change Point")]
    if sides[0] is None or sides[1] is None:
        raise ValueError("a change point without its file in the prompt")
    return sides[0]["path"], sides[1]["path"]


def _worded(side: str) -> str:
    """The side without its id."""
    return re.sub(r"\A(?: — [^:\n]*: | \(index \d+\): )", "", side).rstrip("\n")


def analysed(prompt: str) -> list[dict[str, object]]:
    """Entries of the earlier analysis that a decomposed planning prompt carries.

    Raises:
        ValueError: There is none, or it is no list of objects.
    """
    inner = prompt.rpartition("\n<prior_analysis>\n")[2].partition("\n</prior_analysis>\n")[0]
    try:
        entries = json.loads(inner)
    except (ValueError, RecursionError) as error:
        raise ValueError("no earlier analysis in the prompt") from error
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ValueError("the earlier analysis is no list of objects")
    return entries


def shown_code(prompt: str) -> dict[str, str]:
    """What the prompt shows of each file, in order: whole texts, excerpts or signatures.

    A file that is headed without any code has an empty text.
    """
    places = list(_SHOWN.finditer(prompt))
    found: dict[str, str] = {}
    for place, following in zip_longest(places, places[1:]):
        end = following.start() if following else len(prompt)
        code = prompt[place.end() - 1 : end].rpartition("\n</code>")[0].removeprefix("\n")
        found[place["path"]] = found.get(place["path"], "") + code
    return found


def mentions(text: str, path: str) -> bool:
    """Whether a path stands in a text as a whole, not as the end or start of a longer one."""
    return re.search(rf"(?<![\w./-]){re.escape(path)}(?![\w/-])", text) is not None


def _last(marker: str, shape: re.Pattern[str], prompt: str) -> re.Match[str]:
    found = shape.match(prompt.rpartition(marker)[2])
    if found is None:
        raise ValueError(f"nothing is asked after {marker.strip()!r}")
    return found
