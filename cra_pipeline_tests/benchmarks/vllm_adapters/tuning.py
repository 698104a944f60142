"""Find quick settings of vLLM's two LoRA kernels for a card, and write them in vLLM's own format.

    python -m cra_pipeline_tests.benchmarks.vllm_adapters.tuning FOLDER

writes the files that ``VLLM_TUNED_CONFIG_FOLDER=FOLDER`` makes vLLM read (0.26's
``lora/ops/triton_ops/README_TUNING.md``), for the projections of ``shape`` and eight slots. Each
setting is timed as one captured graph; the default is always among those that are tried.
"""

from __future__ import annotations

import itertools
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cra_pipeline_tests.benchmarks.vllm_adapters.shape import HEAD, HEADS, HIDDEN, INNER, RANKS

SLOTS = 8
TOKENS = (16, 64, 128, 2048)
"""Of a step: three sizes of decoding, one of reading prompts."""
SHRINKS = ((3, HIDDEN), (1, HEADS * HEAD), (2, HIDDEN), (1, INNER))
"""Slices and inputs: queries with keys and values, output, gate with up, down."""
EXPANDS = ((3, HEADS * HEAD), (1, HIDDEN), (2, INNER))
"""Slices and largest outputs."""

Setting = dict[str, int | None]


def shrink_settings(tokens: int) -> Iterator[Setting]:
    """The default first, then those worth a trial."""
    few = tokens < 128  # vLLM's own border between its two defaults
    yield _setting((32, 16, 256 if few else 32), 64 if few else 8, warps=4, stages=2)
    splits = (4, 8, 16, 32) if tokens <= 128 else (1, 4)
    for block_m, block_k, split in itertools.product((16, 32), (64, 128, 256), splits):
        yield _setting((block_m, 16, block_k), split, warps=4, stages=3)


def expand_settings(slices: int) -> Iterator[Setting]:
    """The default first, then those worth a trial."""
    yield _setting((64, 64 if slices > 1 else 128, 32), None, warps=4, stages=2)
    for block_m, block_n, warps in itertools.product((16, 32, 64), (64, 128, 256), (4, 8)):
        yield _setting((block_m, block_n, 16), None, warps=warps, stages=2)


def _setting(
    blocks: tuple[int, int, int], split_k: int | None, *, warps: int, stages: int
) -> Setting:
    block_m, block_n, block_k = blocks
    found: Setting = {
        "block_m": block_m, "block_n": block_n, "block_k": block_k, "num_warps": warps,
        "num_ctas": 1, "num_stages": stages, "max_nreg": None,
    }  # fmt: skip
    if split_k is not None:
        found |= {"split_k": split_k, "group_size_m": 8}
    return found


class Bench:
    """Times a kernel under a setting that is put in vLLM's place."""

    def __init__(self) -> None:
        """Looks up vLLM's modules."""
        from vllm.lora.ops.triton_ops import lora_expand_op, lora_shrink_op

        self.modules = {"shrink": lora_shrink_op, "expand": lora_expand_op}
        self.setting: Setting = {}
        for module in self.modules.values():
            module.get_lora_op_configs = lambda *_, **__: self.setting

    def microseconds(self, kernel: str, call: Any, setting: Setting) -> float:  # noqa: ANN401  # a closure
        """Of one call; infinite where the card refuses the setting."""
        import torch
        from triton.testing import do_bench_cudagraph

        self.setting = setting
        try:
            call()
            torch.cuda.synchronize()
            return 1000.0 * float(do_bench_cudagraph(call, rep=10))
        except Exception as error:  # noqa: BLE001  # compilers and drivers raise what they like
            print(json.dumps({"kernel": kernel, "setting": setting, "refused": repr(error)[:120]}))
            return float("inf")


def _meta(tokens: int) -> Any:  # noqa: ANN401  # vLLM's type
    """As in a step whose tokens are shared by all slots."""
    import torch
    from vllm.lora.ops.triton_ops.lora_kernel_metadata import LoRAKernelMeta

    meta = LoRAKernelMeta.make(SLOTS, tokens, "cuda")
    meta.prepare_tensors((torch.arange(tokens, device="cuda") % SLOTS).to(torch.int32))
    return meta.meta_args(tokens, specialize_active_lora=False)


def shrink_call(tokens: int, slices: int, inputs: int, rank: int) -> Any:  # noqa: ANN401
    """A call of the kernel that goes down to the rank."""
    import torch
    from vllm.lora.ops.triton_ops.lora_shrink_op import _lora_shrink

    x = torch.randn(tokens, inputs, device="cuda", dtype=torch.bfloat16)
    weights = [
        torch.randn(SLOTS, 1, rank, inputs, device="cuda", dtype=torch.bfloat16)
        for _ in range(slices)
    ]
    out = torch.zeros(slices, tokens, rank, device="cuda", dtype=torch.float32)
    meta = _meta(tokens)
    return lambda: _lora_shrink(x, weights, out, *meta, 1.0)


def expand_call(tokens: int, slices: int, outputs: int, rank: int) -> Any:  # noqa: ANN401
    """A call of the kernel that goes up from the rank; slices as wide as the widest."""
    import torch
    from vllm.lora.ops.triton_ops.lora_expand_op import _lora_expand

    x = torch.randn(slices, tokens, rank, device="cuda", dtype=torch.float32)
    weights = [
        torch.randn(SLOTS, 1, outputs, rank, device="cuda", dtype=torch.bfloat16)
        for _ in range(slices)
    ]
    out = torch.zeros(tokens, slices * outputs, device="cuda", dtype=torch.bfloat16)
    meta = _meta(tokens)
    return lambda: _lora_expand(x, weights, out, *meta, offset_start=0, add_inputs=True)


def best(bench: Bench, kernel: str, call: Any, settings: Iterator[Setting]) -> tuple[Setting, Any]:  # noqa: ANN401
    """The quickest setting, and its time beside the default's."""
    timed = [(bench.microseconds(kernel, call, one), one) for one in settings]
    quickest = min(timed, key=lambda item: item[0])
    return quickest[1], {"default_us": round(timed[0][0], 2), "best_us": round(quickest[0], 2)}


def main(folder: Path) -> None:
    """Tune both kernels and write the files; a line for each cell."""
    import torch

    began, bench = time.monotonic(), Bench()
    found: dict[str, dict[str, Any]] = {"shrink": {}, "expand": {}}
    for kernel, shapes in (("shrink", SHRINKS), ("expand", EXPANDS)):
        for rank, tokens, (slices, width) in itertools.product(RANKS, TOKENS, shapes):
            if kernel == "shrink":
                call = shrink_call(tokens, slices, width, rank)
                setting, times = best(bench, kernel, call, shrink_settings(tokens))
                k, n = width, rank
            else:
                call = expand_call(tokens, slices, width, rank)
                setting, times = best(bench, kernel, call, expand_settings(slices))
                k, n = rank, width
            cell = found[kernel].setdefault(str(SLOTS + 1), {}).setdefault(str(slices), {})
            cell.setdefault(str(tokens), {}).setdefault(str(k), {})[str(n)] = setting
            row = {"kernel": kernel, "rank": rank, "tokens": tokens, "slices": slices}
            print(json.dumps({**row, "width": width, **times, "setting": setting}), flush=True)
    card = torch.cuda.get_device_name().replace(" ", "_").replace("-", "_")
    folder.mkdir(parents=True, exist_ok=True)
    for name, kernel in (
        ("SHRINK", "shrink"),
        ("EXPAND_TRUE", "expand"),
        ("EXPAND_FALSE", "expand"),
    ):
        (folder / f"{card}_{name}.json").write_text(json.dumps(found[kernel], sort_keys=True))
    print(json.dumps({"seconds": round(time.monotonic() - began, 1)}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
