"""Whether a model's files give numbers: its tensors read one by one, and one pass through it."""

from __future__ import annotations

from pathlib import Path

from cra_pipeline.errors import StoreError

_TEXT = "def add(first, second):\n    return first + second\n"


def tensor_shapes(folder: Path, *, finite: bool) -> dict[str, tuple[int, ...]]:
    """Shapes of all tensors of a model's folder, by name; one tensor is in memory at a time.

    Args:
        folder: Holds safetensors files.
        finite: Whether to read every number.

    Raises:
        StoreError: A file is damaged, or a number is not finite.
    """
    import torch
    from safetensors import SafetensorError, safe_open

    found: dict[str, tuple[int, ...]] = {}
    for path in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(path, framework="pt") as file:
                for name in file.keys():  # noqa: SIM118  # no mapping: the library's own object
                    found[name] = tuple(file.get_slice(name).get_shape())
                    if finite and not bool(torch.isfinite(file.get_tensor(name)).all()):
                        raise StoreError(f"{path}: tensor {name} holds numbers that are none")
        except (OSError, SafetensorError) as error:
            raise StoreError(f"{path}: cannot be read ({error}): copy it again") from error
    return found


def require_forward(folder: Path) -> None:
    """One pass through the model gives finite numbers over the tokenizer's whole vocabulary.

    Raises:
        StoreError: The model cannot be loaded, or gives none.
    """
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()  # type: ignore[no-untyped-call]  # the library's
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise StoreError(f"{folder}: the model cannot be loaded ({error})") from error
    ids = tokenizer(_TEXT, add_special_tokens=False)["input_ids"]
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([ids])).logits
    if not bool(torch.isfinite(logits).all()) or logits.shape[-1] < len(tokenizer):
        raise StoreError(
            f"{folder}: a forward pass gives {tuple(logits.shape)} numbers, not all of them finite "
            f"or not for each of {len(tokenizer)} tokens"
        )
