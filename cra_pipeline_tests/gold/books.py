"""Books and prompts for tests of the oracle, shaped as the agent shapes them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from hypothesis import strategies as st

from cra_pipeline.contracts.calls import CallRecord, IndexedSymbol
from cra_pipeline.gold.book import Budget, GoldBook
from cra_pipeline.gold.syntax import definitions

WIDE = Budget(context_window=32_768, reserved_tokens=8_192, max_tokens=4_096)
ENVIRONMENT = "<environment>\nOS: Linux\nFiles indexed: 3\n</environment>\n"

_names = st.sampled_from(["alpha", "beta_gamma", "delta", "epsilon_zeta"])
_bodies = st.lists(
    st.sampled_from(["x = 1", "return delta(x)", "y = [1]", "# note", "pass", "z = alpha"]),
    max_size=4,
)
_imports = st.sampled_from(["", "import pkg.two\n", "from pkg import one\n", "import os\n"])


def _function(name: str, body: list[str]) -> str:
    return "\n".join([f"def {name}(x):", *(f"    {line}" for line in body), "    return x"])


modules = st.builds(
    lambda head, parts, end: head + "\n\n\n".join(parts) + end,
    _imports,
    st.lists(st.builds(_function, _names, _bodies) | st.just("VALUE = 1"), min_size=1, max_size=6),
    st.sampled_from(["\n", "", "\n\n"]),
)
"""Texts of small modules, repeated names and lines among them."""

PATHS = ("src/pkg/__init__.py", "src/pkg/one.py", "src/pkg/two.py", "tests/test_one.py")


@st.composite
def books(draw: st.DrawFn, budget: Budget = WIDE) -> GoldBook:
    """Books of up to four files, at least one of them changed."""
    paths = draw(st.lists(st.sampled_from(PATHS), min_size=1, unique=True))
    before = {path: draw(modules) for path in paths}
    changed = draw(st.lists(st.sampled_from(paths), min_size=1, unique=True))
    after = {path: draw(modules) for path in changed}
    # An equal text would be no change.
    after = {
        path: text if text != before[path] else f"{text}END = 1\n" for path, text in after.items()
    }
    return book(before, after, budget=budget)


def symbols_of(before: Mapping[str, str]) -> tuple[IndexedSymbol, ...]:
    """A symbol table like the agent's."""
    return tuple(
        IndexedSymbol(
            path=path, name=item.name, kind="function", start_line=item.start, end_line=item.stop
        )
        for path, text in sorted(before.items())
        for item in definitions(text)
    )


def book(
    before: Mapping[str, str],
    after: Mapping[str, str],
    *,
    statement: str = "Make it so",
    budget: Budget = WIDE,
) -> GoldBook:
    """A book whose tests lie in ``tests/``."""
    return GoldBook(
        statement=statement,
        subject="Make it so",
        before=before,
        after=after,
        symbols=symbols_of(before),
        test_files=frozenset(path for path in before if path.startswith("tests/")),
        budget=budget,
    )


def context(task: str, shown: Mapping[str, str]) -> str:
    """A prompt's context with whole files."""
    files = "".join(
        f'\n## {path} [python] (primary)\n<code lang="python">\n{text}\n</code>\n'
        for path, text in shown.items()
    )
    return f"{ENVIRONMENT}# Task\n{task}\n\n# Intent\nDo it.\n{files}"


def step_prompt(
    text: str,
    targets: Sequence[str],
    shown: Mapping[str, str],
    *,
    number: str = "s1",
    symbols: Sequence[str] = (),
) -> str:
    """An edit prompt; ids of test steps begin with ``t``."""
    head = "Test Step to Implement" if number.startswith("t") else "Step to Implement"
    listed = f"Target files: {', '.join(targets)}\n" if targets else ""
    listed += f"Target symbols: {', '.join(symbols)}\n" if symbols else ""
    plan = (
        f"\n<plan_constraints>\nPart: p1\nGoal: g\n  - s1: {text} (current)\n</plan_constraints>\n"
    )
    return f"{context(text, shown)}\n# {head}\nID: {number}\n{text}\n{listed}{plan}"


def judged(task: str, item: str) -> str:
    """A yes/no prompt of a retrieval pass."""
    return f"{ENVIRONMENT}\nTask: {task}\nIntent: Do it.\n\n{item}"


def scope_prompt(task: str, path: str) -> str:
    """Is the file wanted?"""
    return judged(task, f"File: {path} (language=python, tier=2)\nconcepts=[]")


def symbol_prompt(task: str, symbol: IndexedSymbol) -> str:
    """Is the symbol wanted?"""
    lines = f"{symbol.start_line}-{symbol.end_line}"
    return judged(
        task, f"Symbol: {symbol.name} ({symbol.kind}) in {symbol.path}:{lines}\n[no connections]"
    )


def call(kind: str, prompt: str, response: str) -> CallRecord:
    """A log line."""
    return CallRecord(
        attempt="a",
        number=0,
        call_kind=kind,
        system="",
        prompt=prompt,
        response=response,
        thinking="",
        prompt_tokens=None,
        completion_tokens=None,
        latency_ms=0,
        responder="gold",
        model="",
        temperature=0.0,
        seed=0,
        finish="stop",
        error="",
    )


def steps_of(plan: str) -> Iterable[dict[str, list[str]]]:
    """Steps of a plan in the order in which the agent takes them."""
    left = list(json.loads(plan)["steps"])
    done: set[str] = set()
    while left:
        step = next(item for item in left if done.issuperset(item["depends_on"]))
        left.remove(step)
        done.add(step["id"])
        yield step
