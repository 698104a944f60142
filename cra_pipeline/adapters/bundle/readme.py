"""The page that travels with a bundle. Pure."""

from __future__ import annotations

from cra_pipeline.contracts.bundles import BundleManifest, BundleRecipe

_PAGE = """# Base bundle {round}

A full fine-tune of {name} ({role}), to be run once on {devices} cards of 80 GB. Everything that
is needed lies here, but the base itself: its {files} files must have the SHA-256 that
`manifest.json` names under `base_files`.

    python -m venv env && . env/bin/activate
    pip install -r requirements.txt
    python check.py --base BASE            # before anything is paid for
    ./launch.sh BASE OUT                   # checks again, then trains under ZeRO-2

Send back `OUT` whole: `model/` and `result.json`, which names every file's hash. Nothing of it may
be changed, renamed or converted. `python check.py --base BASE --any-machine` and
`python train.py --base BASE --out OUT --most-steps 3` try it out on any machine; the result of a
run that was cut short is not taken back.

## Data

| part | rows | what |
|---|---|---|
{rows}

{reasoned} planning rows hold a teacher's reasoning, which is trained before the answer. Rows of
`evaluation` are those of the newest commits; they are never trained, and give the validation
loss. No row comes from a repository that is held out, or from after the round's cut-off.

{notes}

## Numbers

Window {window} tokens{own}; learning rate {rate:g}, {schedule}, warmup {warmup:g}; {epochs:g} \
epochs; {batch} rows to a step; {precision}; ZeRO-{zero}, never 3. All of them stand in
`recipe.json`, which must not be changed either.
"""
_WHAT = {
    "evaluation": "rows of the other parts that only judge",
    "plan_document": "plans that histories hold, judged good by what followed them",
    "planning": "the three planning types (meta-plan, step-plan, test-plan)",
    "positional": "a question whose answer lies in one short segment anywhere in the window",
    "role": "the agent's other calls, evenly by model role",
    "style": "changes that leave a file which lets errors show",
}


def readme(recipe: BundleRecipe, manifest: BundleManifest) -> str:
    """``README.md``."""
    own = "".join(f", {most} for {kind}" for kind, most in recipe.windows)
    return _PAGE.format(
        round=recipe.round, name=recipe.base_name, role=recipe.role, devices=recipe.devices,
        files=len(manifest.base_files),
        rows="\n".join(
            f"| {item.label} | {item.count} | {_WHAT[item.label]} |" for item in manifest.counts
        ),
        reasoned=manifest.reasoned,
        notes="\n".join(f"- {note}" for note in manifest.notes) or "Every part has rows.",
        window=recipe.window, own=own, rate=recipe.learning_rate, schedule=recipe.schedule,
        warmup=recipe.warmup, epochs=recipe.epochs, batch=recipe.batch,
        precision=recipe.precision, zero=recipe.zero_stage,
    )  # fmt: skip
