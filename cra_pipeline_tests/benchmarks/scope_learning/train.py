"""Third step: train LoRA adapters on packed rows, choose by validation, score the rest once.

Run on any machine with torch, transformers, peft and numpy; nothing else of this project is
imported::

    python train.py explore PACKED BASE TRIED [--seconds 120]
    python train.py final   PACKED BASE OUT --tried TRIED [--fit 240] [--seconds 300]

``explore`` trains short runs that differ in one setting each and writes the best by validation
(``best.json``). ``final`` trains that recipe at length, keeps the epoch that is best on validation,
and only then scores the rows outside the training split, with the adapter and the untuned base.
Of validation, only every n-th commit's full list is scored. The adapter is an ordinary PEFT folder.

LoRA's product is added to the frozen weight before the matrix product, which gives the same
gradients at the speed of full fine-tuning; rows lie end to end, so that no token is padding.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

SPLITS = ("train", "val", "test", "unseen")
TOUCHED, HARD, ANY = (0,), (1, 2), (3, 4)
"""Kinds by number, as ``pack`` writes them."""

CANDIDATES = 4
"""Kinds below this number make the candidate list."""

PROJECTIONS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
START = time.monotonic()
Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Recipe:
    """Every number of a run.

    Attributes:
        rank: Of the adapter; alpha is twice as large.
        lr: Highest learning rate.
        epochs: How often each training commit is seen; a share for less.
        listwise: Weight of the listwise loss beside the cross-entropy.
        hard: Near and alike files a commit, drawn anew each epoch.
        drawn: Other files a commit.
        ranks: Whether prompts tell the ranks.
        tokens: In a step, at most.
        seed: Of draws and weights.
    """

    rank: int = 64
    lr: float = 1e-3
    epochs: float = 4
    listwise: float = 1.0
    hard: int = 6
    drawn: int = 6
    ranks: bool = True
    tokens: int = 32768
    seed: int = 0


class Rows:
    """Packed rows; positions are those of the packed file."""

    def __init__(self, path: Path, *, ranks: bool) -> None:
        held = np.load(path)
        self.tokens, self.lengths = held["tokens"], held["lengths"].astype(np.int64)
        self.starts = np.cumsum(self.lengths) - self.lengths
        self.lists, self.touched = held["lists"], held["touched"]
        self.kind, self.split = held["kind"], held["split"]
        if not ranks:
            self._drop(held["cuts"])

    def _drop(self, cuts: Array) -> None:
        """Without the line that tells the ranks."""
        place = np.arange(len(self.tokens)) - np.repeat(self.starts, self.lengths)
        first, last = (np.repeat(cuts[:, side], self.lengths) for side in (0, 1))
        kept = (place < first) | (place >= last)
        self.tokens = self.tokens[kept]
        self.lengths = self.lengths - (cuts[:, 1] - cuts[:, 0])
        self.starts = np.cumsum(self.lengths) - self.lengths

    def where(self, split: str, *, candidates: bool) -> Array:
        """Rows of a split."""
        held = self.split == SPLITS.index(split)
        return np.flatnonzero(held & (self.kind < CANDIDATES) if candidates else held)

    def epoch(self, lists: Array, recipe: Recipe, draw: np.random.Generator) -> Iterator[Array]:
        """Steps of one epoch: whole commits, in a new order, with negatives drawn anew."""
        step: list[Array] = []
        size = 0
        for one in draw.permutation(lists):
            rows = self._drawn(self.of_list[one], recipe, draw)
            need = int(self.lengths[rows].sum()) + len(rows)
            if step and size + need > recipe.tokens:
                yield np.concatenate(step)
                step, size = [], 0
            step.append(rows)
            size += need
        yield np.concatenate(step)

    def group(self, rows: Array) -> None:
        """Prepare ``epoch`` for lists among these rows."""
        order = rows[np.argsort(self.lists[rows], kind="stable")]
        names, first = np.unique(self.lists[order], return_index=True)
        self.of_list = dict(zip(names.tolist(), np.split(order, first[1:]), strict=True))

    def _drawn(self, rows: Array, recipe: Recipe, draw: np.random.Generator) -> Array:
        kind = self.kind[rows]
        parts = [rows[np.isin(kind, TOUCHED)]]
        for kinds, most in ((HARD, recipe.hard), (ANY, recipe.drawn)):
            found = rows[np.isin(kind, kinds)]
            parts.append(draw.permutation(found)[:most])
        return np.concatenate(parts)


@dataclass
class Batch:
    """Rows end to end on the device, and how attention finds them."""

    ids: torch.Tensor
    places: torch.Tensor
    padded: torch.Tensor
    back: torch.Tensor
    last: torch.Tensor


def batch(rows: Rows, at: Array, answers: Array | None) -> Batch:
    """Lay rows end to end, with their answers' tokens where those are given."""
    more = 0 if answers is None else 1
    lengths = rows.lengths[at] + more
    starts = np.cumsum(lengths) - lengths
    row = np.repeat(np.arange(len(at)), lengths)
    place = np.arange(int(lengths.sum())) - starts[row]
    inside = place < rows.lengths[at][row]
    source = rows.starts[at][row] + np.where(inside, place, 0)
    ids = rows.tokens[source].astype(np.int64)
    if answers is not None:
        ids[~inside] = answers
    longest = int(lengths.max())
    padded = np.full((len(at), longest), 0)
    padded[row, place] = np.arange(len(ids))
    arrays = ids[None], place[None], padded, row * longest + place, starts + rows.lengths[at] - 1
    return Batch(*(torch.from_numpy(array).to(DEVICE, non_blocking=True) for array in arrays))


NOW: dict[str, Batch] = {}
"""The batch that attention is to take apart."""


class Apart(torch.autograd.Function):
    """Rows end to end into padded rows; plain indexing would add up gradients one by one."""

    @staticmethod
    def forward(context: Any, states: torch.Tensor) -> torch.Tensor:  # noqa: ANN401  # torch's own
        """From (tokens, heads, width) to (rows, longest, heads, width)."""
        context.now = NOW["batch"]
        return states[context.now.padded]

    @staticmethod
    def backward(context: Any, gradient: torch.Tensor) -> torch.Tensor:  # noqa: ANN401  # torch's own
        """Each token's own place."""
        return gradient.flatten(0, 1)[context.now.back]


class Joined(torch.autograd.Function):
    """Padded rows into rows end to end."""

    @staticmethod
    def forward(context: Any, states: torch.Tensor) -> torch.Tensor:  # noqa: ANN401  # torch's own
        """From (rows, longest, heads, width) to (tokens, heads, width)."""
        context.now, context.shape = NOW["batch"], states.shape
        return states.flatten(0, 1)[context.now.back]

    @staticmethod
    def backward(context: Any, gradient: torch.Tensor) -> torch.Tensor:  # noqa: ANN401  # torch's own
        """Zero where a row is filled up."""
        whole = gradient.new_zeros(context.shape)
        whole.flatten(0, 1).index_copy_(0, context.now.back, gradient)
        return whole


def packed_attention(
    _module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    _mask: torch.Tensor | None,
    scaling: float | None = None,
    **_rest: object,
) -> tuple[torch.Tensor, None]:
    """Causal attention within each row; what fills a row up comes after it and is never seen."""
    rows = [
        Apart.apply(states[0].transpose(0, 1)).transpose(1, 2) for states in (query, key, value)
    ]
    found = functional.scaled_dot_product_attention(
        *rows, is_causal=True, scale=scaling, enable_gqa=True
    )
    return Joined.apply(found.transpose(1, 2))[None], None


class Judge:
    """A frozen base with one adapter, asked for yes or no."""

    def __init__(self, base: Path, recipe: Recipe) -> None:
        from peft import LoraConfig, get_peft_model
        from transformers import AttentionInterface, AutoModelForCausalLM

        torch.manual_seed(recipe.seed)
        AttentionInterface.register("packed", packed_attention)
        model = AutoModelForCausalLM.from_pretrained(
            base, dtype=torch.bfloat16, attn_implementation="packed"
        )
        config = LoraConfig(
            r=recipe.rank,
            lora_alpha=2 * recipe.rank,
            lora_dropout=0.0,
            target_modules=PROJECTIONS,
            task_type="CAUSAL_LM",
        )
        self.peft = get_peft_model(model, config).to(DEVICE)
        self.inner = self.peft.get_base_model()
        self.weights = [p for p in self.peft.parameters() if p.requires_grad]
        for module in self.peft.modules():
            if hasattr(module, "lora_A"):
                module.forward = added(module)
            if type(module).__name__.endswith("RMSNorm"):
                module.forward = fused_norm(module)
        special = json.loads((base / "tokenizer.json").read_text())["model"]["vocab"]
        self.yes, self.no = special["yes"], special["no"]
        self.end = self.inner.config.eos_token_id

    def hidden(self, found: Batch) -> torch.Tensor:
        """Last layer at every token."""
        NOW["batch"] = found
        states: torch.Tensor = self.inner.model(
            input_ids=found.ids, position_ids=found.places, use_cache=False
        ).last_hidden_state[0]
        return states

    def loss(self, rows: Rows, at: Array, recipe: Recipe) -> torch.Tensor:
        """Cross-entropy of answer and end of turn, and the listwise loss over each commit."""
        touched = torch.from_numpy(rows.touched[at]).to(DEVICE)
        answers = np.where(rows.touched[at], self.yes, self.no)
        found = batch(rows, at, answers)
        states = self.hidden(found)
        head = self.inner.lm_head.weight.float()
        said = states[found.last].float() @ head.T
        ended = states[found.last + 1].float() @ head.T
        wanted = torch.from_numpy(answers).to(DEVICE)
        entropy = functional.cross_entropy(said, wanted)
        ending = functional.cross_entropy(ended, torch.full_like(wanted, self.end))
        margin = said[:, self.yes] - said[:, self.no]
        group = torch.from_numpy(np.unique(rows.lists[at], return_inverse=True)[1]).to(DEVICE)
        return entropy + 0.1 * ending + recipe.listwise * listwise(margin, touched, group)

    @torch.no_grad()
    def scores(self, rows: Rows, at: Array, tokens: int) -> Array:
        """Logit of yes less that of no, in fp32, in the order of ``at``."""
        scores = np.zeros(len(at), np.float32)
        order = np.argsort(rows.lengths[at], kind="stable")
        rough = np.cumsum(rows.lengths[at][order]) // tokens
        head = self.inner.lm_head.weight.float()
        apart = head[self.yes] - head[self.no]
        for part in np.split(order, np.flatnonzero(np.diff(rough)) + 1):
            found = batch(rows, at[part], None)
            scores[part] = (self.hidden(found)[found.last].float() @ apart).cpu().numpy()
        return scores

    def forget(self) -> None:
        """Be the untuned base again."""
        with torch.no_grad():
            for weight in self.weights:
                weight.zero_()

    def save(self, folder: Path) -> None:
        """As an ordinary PEFT folder, in bf16."""
        from safetensors.torch import load_file, save_file

        self.peft.save_pretrained(folder)
        file = folder / "adapter_model.safetensors"
        held = {name: tensor.to(torch.bfloat16) for name, tensor in load_file(file).items()}
        save_file(held, file, metadata={"format": "pt"})


def added(module: Any) -> Any:  # noqa: ANN401  # a layer of peft, which has no types
    """Forward of a LoRA layer with its product added to the frozen weight."""
    base = module.base_layer.weight
    a, b = module.lora_A["default"].weight, module.lora_B["default"].weight
    scale = module.scaling["default"]

    def forward(states: torch.Tensor) -> torch.Tensor:
        return functional.linear(states, base + (scale * (b @ a)).to(base.dtype))

    return forward


def fused_norm(module: Any) -> Any:  # noqa: ANN401  # a layer of transformers, which has no types
    """Forward of a norm in one kernel."""
    weight, eps = module.weight, module.variance_epsilon

    def forward(states: torch.Tensor) -> torch.Tensor:
        return functional.rms_norm(states, weight.shape, weight, eps)

    return forward


def listwise(margin: torch.Tensor, touched: torch.Tensor, group: torch.Tensor) -> torch.Tensor:
    """Mean over touched files of the log of their share in the softmax over their commit."""
    lists = int(group.max()) + 1
    top = torch.full((lists,), -torch.inf, device=margin.device)
    top = top.scatter_reduce(0, group, margin.detach(), "amax")
    total = torch.zeros(lists, device=margin.device).index_add(
        0, group, (margin - top[group]).exp()
    )
    share = margin - top[group] - total.log()[group]
    return -share[touched].mean()


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
            loss.backward()
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
    told = {}
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
        say(name, "validation", curve[-1]["map"], curve[-1]["map_all"])
    best = max(
        told, key=lambda name: told[name]["curve"][-1]["map"] + told[name]["curve"][-1]["map_all"]
    )
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
            np.savez_compressed(args.out / "scores.npz", **kept)
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
