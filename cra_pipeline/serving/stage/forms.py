"""In which form a version was gated, and that it serves in no other without somebody's word."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from cra_pipeline.contracts.gates import HoldoutAttempt
from cra_pipeline.contracts.serving import Routes, ServedAdapter
from cra_pipeline.contracts.workspace import MULTI, Layout
from cra_pipeline.integrations.files import read_table
from cra_pipeline.integrations.serving.line_up import Wanted, kept


def gated_as(layout: Layout, adapter: ServedAdapter) -> str:
    """Precision of the form in which a version was gated; empty where its attempts are gone."""
    path = layout.table("holdout_attempts", f"{adapter.adapter_kind}{MULTI}{adapter.round}")
    if not path.exists():
        return ""
    forms = {row.served_as for row in read_table(path, HoldoutAttempt) if row.arm == "candidate"}
    return ", ".join(sorted(forms))


def of_other_form(layout: Layout, adapters: Iterable[ServedAdapter], form: str) -> dict[str, str]:
    """Versions that were gated in another form, each with both forms in words.

    Where the attempts are gone nothing is known to differ; the check of the deployment finds that.

    Args:
        layout: The workspace.
        adapters: To be served.
        form: In which they would be.

    Raises:
        StoreError: Attempts cannot be read.
    """
    gated = {adapter.version: gated_as(layout, adapter) for adapter in adapters}
    return {
        version: f"gated as {found}, would be served as {form}"
        for version, found in sorted(gated.items())
        if found not in {"", form}
    }


def held_back(wanted: Wanted, before: Routes, reasons: Mapping[str, str]) -> Wanted:
    """The same without some versions: what answered before goes on, or nobody answers.

    Args:
        wanted: What should serve.
        before: The routes as they are.
        reasons: Why not, by version.
    """
    of_them = frozenset(key for key in wanted.routes.models if key[1] in reasons)
    routes = kept(wanted.routes, before, of_them)
    told = {
        kind: f"{route.model} is in service, but {reasons[route.model]}"
        for kind, route in wanted.routes.by_kind.items()
        if kind in routes.refused and route.model in reasons
    }
    return replace(wanted, routes=replace(routes, refused={**routes.refused, **told}))
