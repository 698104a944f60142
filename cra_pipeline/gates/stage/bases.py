"""Gate 1's base half, when a tuned base comes back: read, judged, and handed to who imports it."""

from __future__ import annotations

from cra_pipeline.contracts.gates import GateReport
from cra_pipeline.contracts.manifests import Input
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import CheckError
from cra_pipeline.gates.case import Case
from cra_pipeline.gates.gate_1 import judge_base
from cra_pipeline.gates.policy import BASE_HALF, round_policy_of
from cra_pipeline.gates.stage.reading import heard, key_of, round_record
from cra_pipeline.integrations.evidence import command_of


def base_report(
    layout: Layout, round_name: str, *, untuned: str, tuned: str, role: str
) -> GateReport:
    """Judge a tuned base by its attempts on a round's holdout.

    Nothing is written: the importer lays the report beside the base as ``gate_1.json`` and names
    its digest in ``BaseRecord.gate_1``.

    Args:
        layout: The workspace.
        round_name: Whose holdout was asked; the attempts lie under ``gate_1_base_half|round``.
        untuned: Content id of the base that was sent out.
        tuned: Content id of what came back.
        role: Of both.

    Raises:
        CheckError: The attempts are missing, unchecked, changed since, or no evidence.
        RoundError: The round is not opened.
    """
    record, key = round_record(layout, round_name), key_of(BASE_HALF, round_name)
    evidence = heard(layout, key)
    case = Case(
        adapter_kind=BASE_HALF,
        round=round_name,
        base_digest=untuned,
        adapter_digest=tuned,
        attempts=evidence.attempts,
        answers=evidence.answers,
        inputs=(evidence.source, Input(name=f"rounds/{round_name}", content_id=record.digest())),
    )
    try:
        return judge_base(case, round_policy_of(role))
    except ValueError as error:
        raise CheckError(
            f"{error}: these rows are no evidence; run: {command_of('holdout_attempts', key)}"
        ) from error
