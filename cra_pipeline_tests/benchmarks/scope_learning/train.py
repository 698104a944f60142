"""Third step: train LoRA adapters on packed rows, choose by validation, score the rest once.

Run on any machine with torch, transformers, peft and numpy, from the top of a checkout; nothing of
``cra_pipeline`` is imported (as ``python -m cra_pipeline_tests.benchmarks.scope_learning.train``)::

    train explore PACKED BASE TRIED [--seconds 120]
    train final   PACKED BASE OUT --tried TRIED [--fit 240] [--seconds 300]

``explore`` trains short runs that differ in one setting each and writes the best by validation
(``best.json``). ``final`` trains that recipe at length, keeps the epoch that is best on validation,
and only then scores the rows outside the training split, with the adapter and the untuned base.
Of validation, only every n-th commit's full list is scored. The adapter is an ordinary PEFT folder.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch

from cra_pipeline_tests.benchmarks.scope_learning.judge import DEVICE, Judge
from cra_pipeline_tests.benchmarks.scope_learning.packed import (
    CANDIDATES,
    SPLITS,
    Array,
    Recipe,
    Rows,
)

START = time.monotonic()


def mean_precision(scores: Array, touched: Array, lists: Array) -> float:
    """Mean over lists of the average precision."""
    order = np.lexsort((-scores, lists))
    right, name = touched[order], lists[order]
    first = np.r_[0, np.flatnonzero(np.diff(name)) + 1]
    found = []
    for part in np.split(right, first[1:]):
        hits = np.flatnonzero(part)
        found.append(np.mean((np.arange(len(hits)) + 1) / (hits + 1)))
    return float(np.mean(found))


def say(*told: object) -> None:
    """Print with the seconds since the start."""
    print(f"[{time.monotonic() - START:6.1f}]", *told, flush=True)


@dataclass
class Checked:
    """Validation rows: candidate lists, and full lists of some commits."""

    candidates: Array
    full: Array

    def of(self, judge: Judge, rows: Rows, tokens: int) -> tuple[float, float]:
        """Mean average precision on both."""
        found = []
        for at in (self.candidates, self.full):
            scores = judge.scores(rows, at, tokens)
            found.append(mean_precision(scores, rows.touched[at], rows.lists[at]))
        return found[0], found[1]


def checked(rows: Rows, *, some: int) -> Checked:
    """Every n-th validation commit in full."""
    whole = rows.where("val", candidates=False)
    names = np.unique(rows.lists[whole])
    part = names[:: max(1, len(names) // some)]
    return Checked(rows.where("val", candidates=True), whole[np.isin(rows.lists[whole], part)])


@dataclass(frozen=True)
class Limits:
    """When to stop.

    Attributes:
        until: Seconds since the start after which no step begins.
        least: Tokens a second below which a run is given up after 30 steps.
    """

    until: float
    least: float = 0.0


def train(
    rows: Rows, judge: Judge, recipe: Recipe, check: Checked, limits: Limits
) -> list[dict[str, float]]:
    """Train to the end or to a limit, and leave the weights of the best epoch."""
    draw = np.random.default_rng(recipe.seed)
    rows.group(rows.where("train", candidates=False))
    names = np.array(sorted(rows.of_list))
    plan: list[list[Array]] = []
    left = recipe.epochs
    while left > 0:
        part = draw.permutation(names)[: round(min(1.0, left) * len(names))]
        plan.append(list(rows.epoch(part, recipe, draw)))
        left -= 1
    total = sum(map(len, plan))
    optimizer = torch.optim.AdamW(
        judge.weights, lr=recipe.lr, weight_decay=0.0, betas=(0.9, 0.98), fused=DEVICE == "cuda"
    )
    curve, best, step = [], (-1.0, [p.detach().clone() for p in judge.weights]), 0
    for number, steps in enumerate(plan, 1):
        begun, seen, told = time.monotonic(), 0, torch.zeros((), device=DEVICE)
        for at in steps:
            share = step / total
            factor = min(1.0, (step + 1) / (0.05 * total + 1))
            factor *= 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * share))
            optimizer.param_groups[0]["lr"] = recipe.lr * factor
            loss = judge.loss(rows, at, recipe)
            loss.backward()  # type: ignore[no-untyped-call]  # torch has no type for it
            torch.nn.utils.clip_grad_norm_(judge.weights, 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            told += loss.detach()
            step, seen = step + 1, seen + int(rows.lengths[at].sum())
            if step in {5, 30}:
                torch.cuda.synchronize() if DEVICE == "cuda" else None
                pace = seen / (time.monotonic() - begun)
                say(f"step {step}/{total} loss {told.item() / step:.3f} {pace:.0f} tokens/s")
                if step > 5 and pace < limits.least:
                    raise SystemExit(f"fewer than {limits.least:.0f} tokens/s: not worth it")
            if time.monotonic() - START > limits.until:
                say("time is up at step", step)
                break
        took = time.monotonic() - begun
        some, every = check.of(judge, rows, 4 * recipe.tokens)
        curve.append({
            "epoch": number, "step": step, "loss": told.item() / len(steps), "map": some,
            "map_all": every, "seconds": took, "tokens_per_s": seen / took,
        })  # fmt: skip
        say(json.dumps(curve[-1]))
        if some + every > best[0]:
            best = (some + every, [p.detach().clone() for p in judge.weights])
        if time.monotonic() - START > limits.until:
            break
    with torch.no_grad():
        for weight, kept in zip(judge.weights, best[1], strict=True):
            weight.copy_(kept)
    return curve


def explore(args: argparse.Namespace) -> None:
    """Short runs; the best by validation goes into ``best.json``."""
    short = Recipe(epochs=args.epochs, tokens=args.tokens, rank=args.rank)
    tried = {
        "lr 1e-3": short,
        "lr 4e-4": replace(short, lr=4e-4),
        "no ranks": replace(short, ranks=False),
        "no listwise": replace(short, listwise=0.0),
    }
    told: dict[str, dict[str, object]] = {}
    quality: dict[str, float] = {}
    for name, recipe in tried.items():
        spent = time.monotonic() - START
        if told and spent + spent / len(told) > args.seconds:
            say("no time for", name)
            continue
        rows = Rows(args.packed, ranks=recipe.ranks)
        judge = Judge(args.base, recipe)
        curve = train(
            rows, judge, recipe, checked(rows, some=args.some), Limits(args.seconds, args.least)
        )
        told[name] = {"recipe": asdict(recipe), "curve": curve}
        quality[name] = curve[-1]["map"] + curve[-1]["map_all"]
        say(name, "validation", curve[-1]["map"], curve[-1]["map_all"])
    best = max(quality, key=lambda name: quality[name])
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "explored.json").write_text(json.dumps(told, indent=1))
    (args.out / "best.json").write_text(json.dumps(told[best]["recipe"]))
    say("best", best)


def fitting(recipe: Recipe, rows: Rows, explored: Path, seconds: float) -> Recipe:
    """The recipe with as many epochs as fit, at the pace of the short runs, up to its own."""
    runs = json.loads(explored.read_text()).values()
    pace = max(run["curve"][-1]["tokens_per_s"] for run in runs)
    lists = len(np.unique(rows.lists[rows.split == SPLITS.index("train")]))
    share = recipe.hard + recipe.drawn + 1.5
    mean = rows.lengths[rows.split == SPLITS.index("train")].mean()
    return replace(recipe, epochs=min(recipe.epochs, seconds * pace / (lists * share * mean)))


def outside(rows: Rows, check: Checked) -> list[Array]:
    """What is scored in the end: candidate lists first, then the rest of the full lists."""
    held = np.isin(rows.split, [SPLITS.index(name) for name in ("test", "unseen")])
    first = held & (rows.kind < CANDIDATES)
    chosen = np.union1d(check.candidates, check.full)
    return [np.union1d(chosen, np.flatnonzero(first)), np.flatnonzero(held & ~first)]


def final(args: argparse.Namespace) -> None:
    """Train the chosen recipe at length, then score everything else once."""
    recipe = replace(
        Recipe(**json.loads((args.tried / "best.json").read_text())), epochs=args.epochs
    )
    rows = Rows(args.packed, ranks=recipe.ranks)
    recipe = fitting(recipe, rows, args.tried / "explored.json", args.fit)
    say(asdict(recipe))
    judge = Judge(args.base, recipe)
    args.out.mkdir(parents=True, exist_ok=True)
    check = checked(rows, some=args.some)
    curve = train(rows, judge, recipe, check, Limits(args.seconds))
    judge.save(args.out / "adapter")
    told = {"recipe": asdict(recipe), "curve": curve}
    (args.out / "final.json").write_text(json.dumps(told, indent=1))
    say("adapter saved")
    scores: dict[str, list[Array]] = {"adapter": [], "base": [], "rows": outside(rows, check)}
    for name in ("adapter", "base"):
        for at in scores["rows"]:
            scores[name].append(judge.scores(rows, at, 4 * recipe.tokens))
            kept = {key: np.concatenate(found) for key, found in scores.items() if found}
            np.savez_compressed(args.out / "scores.npz", allow_pickle=False, **kept)
            say(name, "scored", len(at))
        judge.forget()


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["explore", "final"])
    for name in ("packed", "base", "out"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--tried", type=Path, help="folder that explore wrote")
    parser.add_argument("--fit", type=float, default=1e9, help="seconds of training")
    parser.add_argument("--least", type=float, default=0, help="tokens a second, or give up")
    parser.add_argument("--seconds", type=float, default=1e9)
    parser.add_argument("--epochs", type=float, default=4)
    parser.add_argument("--tokens", type=int, default=Recipe.tokens)
    parser.add_argument("--rank", type=int, default=Recipe.rank)
    parser.add_argument("--some", type=int, default=150)
    args = parser.parse_args()
    {"explore": explore, "final": final}[args.what](args)


if __name__ == "__main__":
    main()
