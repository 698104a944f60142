"""Loss curves in words and as series to be drawn. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from cra_pipeline.contracts.adapters import AdapterManifest, MemoryAnswer, TrainingEvent

Series = tuple[str, tuple[tuple[float, float], ...]]
"""A name and its points."""


def series(events: Sequence[TrainingEvent]) -> tuple[Series, ...]:
    """Training and validation loss of each phase, one phase behind the other."""
    found: dict[str, list[tuple[float, float]]] = {}
    offset = 0
    last = ("", 0)
    for event in events:
        if event.phase != last[0]:
            offset += last[1]
        last = (event.phase, event.step)
        name = f"{event.phase} {'training' if event.eval_loss is None else 'validation'}"
        value = event.loss if event.eval_loss is None else event.eval_loss
        found.setdefault(name, []).append((float(offset + event.step), value))
    return tuple((name, tuple(points)) for name, points in found.items())


def preview(manifest: AdapterManifest, notes: Sequence[str]) -> tuple[dict[str, str], ...]:
    """What a reader wants to know first."""
    recipe = manifest.recipe
    validation = manifest.validation_loss
    lines = [
        ("base", f"{recipe.base_id} ({recipe.base_digest[:12]})"),
        ("trainer", manifest.trainer),
        ("technique", recipe.technique),
        ("rank, alpha", f"{recipe.rank}, {recipe.alpha}"),
        ("quantisation, precision", f"{recipe.quantisation}, {recipe.precision}"),
        ("steps", f"{manifest.steps}{', stopped early' if manifest.stopped_early else ''}"),
        ("training loss", f"{manifest.training_loss:.4f}"),
        ("validation loss", "none held back" if validation is None else f"{validation:.4f}"),
        *(("rows", f"{split}: {count}") for split, count in manifest.rows),
        *(
            ("memory", _memory(item))
            for item in manifest.memory_answers
        ),
        *(("note", note) for note in notes),
    ]  # fmt: skip
    return tuple({"what": what, "value": value} for what, value in lines)


def _memory(item: MemoryAnswer) -> str:
    return (
        f"{item.phase}: micro-batch {item.from_micro_batch} did not fit, {item.to_micro_batch} "
        "with accumulation did"
    )


def told(event: TrainingEvent, steps: int, *, seconds: float, tokens: int) -> str:
    """One step in words, for progress: loss, tokens per second, time left.

    Args:
        event: What the step showed.
        steps: Of its phase.
        seconds: Since this run began the phase.
        tokens: Read since then.
    """
    done = f"{event.phase} step {event.step} of {steps}, loss {event.loss:.3f}"
    if event.eval_loss is not None:
        done += f", validation {event.eval_loss:.3f}"
    if seconds <= 0 or not tokens:
        return done
    left = seconds * (steps - event.step) / max(1, event.step)
    return f"{done}, {tokens / seconds:,.0f} tokens/s, {left:,.0f} s left"
