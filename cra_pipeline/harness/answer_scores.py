"""How near an answer comes to the right one, for call kinds that are not answered by yes or no.

Pure. Every measure is a balanced share (F1) in [0, 1] of what both name: lines of edits, files and
symbols of plans, paths of a list. What cannot be read as an answer of its kind is worth 0.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Hashable, Mapping

from cra_pipeline.gold.answers import files_in
from cra_pipeline.harness.plan_answers import read_points, read_targets
from cra_pipeline.kinds import CALL_KINDS

_BLOCK = re.compile(
    r'<edit file="(?P<edit>[^"\n]+)">\s*<search>\n?(?P<search>.*?)</search>\s*'
    r"<replacement>\n?(?P<replacement>.*?)</replacement>"
    r'|<create file="(?P<create>[^"\n]+)">\n?(?P<text>.*?)</create>',
    re.DOTALL,
)

Named = Counter[Hashable]


def score(call_kind: str, response: str, right: str) -> float | None:
    """The measure of one answer.

    Args:
        call_kind: Key of ``CALL_KINDS``.
        response: What was said.
        right: What the commit says; empty where it knows nothing.

    Returns:
        None where nothing is measured: kinds of yes/no and of prose, and calls without a right
        answer.
    """
    if not right or call_kind not in CALL_KINDS:
        return None
    read = _READERS.get(call_kind) or _OF_FORM.get(CALL_KINDS[call_kind].form)
    if read is None or call_kind == "enrichment":
        return None
    try:
        wanted = read(call_kind, right)
    except ValueError:
        return None
    try:
        found = read(call_kind, response)
    except ValueError:
        return 0.0
    return _f1(found, wanted)


def _f1(found: Named, wanted: Named) -> float:
    both, common = found.total() + wanted.total(), (found & wanted).total()
    # Nothing is right where nothing was to be named.
    return 2 * common / both if both else 1.0


def _edits(call_kind: str, answer: str) -> Named:
    """Lines that edits take away and put in, by file; a line that stays is no change."""
    del call_kind
    named: Named = Counter()
    for block in _BLOCK.finditer(answer):
        path = block["edit"] or block["create"]
        before = _lines(block["search"] or "")
        after = _lines(block["replacement"] or block["text"] or "")
        named.update(("-", path, line) for line in (before - after).elements())
        named.update(("+", path, line) for line in (after - before).elements())
    return named


def _lines(text: str) -> Counter[str]:
    return Counter(stripped for line in text.split("\n") if (stripped := line.strip()))


def _files(call_kind: str, answer: str) -> Named:
    return Counter(dict.fromkeys(files_in(call_kind, answer), 1))


def _points(call_kind: str, answer: str) -> Named:
    reader = read_points if call_kind == "change_point_enum" else read_targets
    return Counter({(point.file, point.symbol): 1 for point in reader(answer)})


def _paths(call_kind: str, answer: str) -> Named:
    del call_kind
    try:
        found = json.loads(answer)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(found, list) or not all(isinstance(path, str) for path in found):
        raise ValueError(f"expected a list of paths, found {type(found).__name__}")
    return Counter(dict.fromkeys(found, 1))


_OF_FORM: Mapping[str, Callable[[str, str], Named]] = {"edits": _edits, "json": _files}
_READERS: Mapping[str, Callable[[str, str], Named]] = {
    "change_point_enum": _points,
    "symbol_targeting": _points,
    "assembly_refilter": _paths,
}
