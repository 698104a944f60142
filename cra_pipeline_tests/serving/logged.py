"""Triples with prompts that an agent sent."""

from __future__ import annotations

from cra_pipeline.contracts.gates import HoldoutAttempt
from cra_pipeline.contracts.manifests import AssetManifest
from cra_pipeline.contracts.triples import TripleRow, prompt_hash
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.integrations.files import write_record, write_table
from cra_pipeline_tests.contracts.regenerate import example

SYSTEMS = {
    "scope": "You judge files.",
    "implement": "You edit code.",
    "task_analysis": "You analyse tasks.",
}


def log_prompts(
    layout: Layout,
    *prompts: str,
    call_kind: str = "scope",
    repo: str = "till",
    source: str = "logged",
) -> None:
    """Write a table of triples with these prompts."""
    made = example(TripleRow)
    assert isinstance(made, TripleRow)
    system = SYSTEMS[call_kind]
    rows = [
        made.model_copy(
            update={
                "triple_id": f"{call_kind}{number}", "call_kind": call_kind, "system": system,
                "prompt": prompt, "prompt_hash": prompt_hash(system, prompt),
                "prompt_source": source, "repo": repo, "round": "r01",
            }
        )
        for number, prompt in enumerate(prompts)
    ]  # fmt: skip
    write_table(layout.table("triples", f"{repo}|r01"), rows, TripleRow)


def held(layout: Layout, kind: str, round_name: str, served_as: str = "float32") -> None:
    """Write the candidate's attempts of a gate."""
    made = example(HoldoutAttempt)
    row = made.model_copy(update={"arm": "candidate", "served_as": served_as})
    assert isinstance(row, HoldoutAttempt)
    write_table(layout.table("holdout_attempts", f"{kind}|{round_name}"), [row], HoldoutAttempt)


def entry(layout: Layout, kind: str, round_name: str) -> None:
    """Write the manifest of a registry entry."""
    made = example(AssetManifest)
    write_record(layout.manifest("registry_entry", f"{kind}|{round_name}"), made)
