"""A small model that is asked for yes or no, its adapter, and the losses it learns by.

LoRA's product is added to the frozen weight before the matrix product, which gives the same
gradients at the speed of full fine-tuning; rows lie end to end, so that no token is padding. Needs
torch, transformers and peft.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from cra_pipeline_tests.benchmarks.scope_learning.packed import Array, Recipe, Rows

PROJECTIONS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


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
    split, join = _function(Apart), _function(Joined)
    first, second, third = (
        split(states[0].transpose(0, 1)).transpose(1, 2) for states in (query, key, value)
    )
    found = functional.scaled_dot_product_attention(
        first, second, third, is_causal=True, scale=scaling, enable_gqa=True
    )
    return join(found.transpose(1, 2))[None], None


def _function(kind: type[torch.autograd.Function]) -> Callable[[torch.Tensor], torch.Tensor]:
    """What torch leaves without types."""
    made: Callable[[torch.Tensor], torch.Tensor] = kind.apply
    return made


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
        self.peft: Any = get_peft_model(model, config).to(DEVICE)
        self.inner: Any = self.peft.get_base_model()
        self.weights = [p for p in self.peft.parameters() if p.requires_grad]
        for module in self.peft.modules():
            if hasattr(module, "lora_A"):
                module.forward = added(module)
            if type(module).__name__.endswith("RMSNorm"):
                module.forward = fused_norm(module)
        special = json.loads((base / "tokenizer.json").read_text())["model"]["vocab"]
        self.yes, self.no = special["yes"], special["no"]
        self.end = int(model.config.eos_token_id)

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
