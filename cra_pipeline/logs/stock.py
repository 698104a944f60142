"""What there is to train on, by adapter kind and source."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, cast

from cra_pipeline.contracts.logs import StockGroup
from cra_pipeline.contracts.plans import Stock
from cra_pipeline.kinds import AdapterKind
from cra_pipeline.logs.targets import call_kinds_of

Form = Literal["sft", "dpo"]
_ORDER = ("synthetic", "harness", "logged", "cold_start")
"""Sources by trust: what the diff knows before what tests have passed before what users kept."""


def form_of(kind: AdapterKind) -> Form:
    """The form of rows without which it cannot be trained."""
    return "dpo" if kind.technique == "dpo" else "sft"


def stock_of(kind: AdapterKind, groups: Iterable[StockGroup]) -> tuple[Stock, ...]:
    """Candidates of one adapter kind, the form that it needs first, then by trust in the source."""
    names = set(call_kinds_of(kind))
    forms = (form_of(kind), *(("dpo",) if kind.technique == "sft_dpo" else ()))
    found = [group for group in groups if group.call_kind in names]
    return tuple(
        _stock(source, cast("Form", form), chosen)
        for form in forms
        for source in _ORDER
        if (chosen := [row for row in found if (row.source, row.form) == (source, form)])
    )


def _stock(source: str, form: Form, groups: Sequence[StockGroup]) -> Stock:
    return Stock(
        source=source,
        form=form,
        rows=sum(group.rows for group in groups),
        repos=len({group.repo for group in groups}),
        domains=len({group.domain for group in groups if group.domain}),
    )
