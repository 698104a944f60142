"""``round_gate``: Gates 1 and 2 over everything new in a round, with the check that repeats it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cra_pipeline.contracts.adapters import AdapterManifest
from cra_pipeline.contracts.gates import GateReport, RoundGateReport
from cra_pipeline.contracts.manifests import AssetManifest, CheckReport, Input
from cra_pipeline.contracts.reports import StageReport
from cra_pipeline.contracts.rounds import round_number
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import CheckError, GuardError, PipelineError
from cra_pipeline.gates.gate_2 import LoopFacts, Set
from cra_pipeline.gates.ledger import Known, broken, earlier_versions
from cra_pipeline.gates.page import round_page
from cra_pipeline.gates.policy import BASE_HALF, TOGETHER, RoundPolicy, round_policy_of
from cra_pipeline.gates.round_verdict import RoundCase, judge_round
from cra_pipeline.gates.stage.reading import (
    ATTEMPTS,
    adapter_of,
    base_of,
    heard,
    key_of,
    ledger_lines,
    round_record,
)
from cra_pipeline.gates.stage.reports import (
    manifest_of,
    preview_of,
    read_gates,
    require_unedited,
)
from cra_pipeline.integrations.adapter_files import adapter_digest
from cra_pipeline.integrations.evidence import require_checked, write_check
from cra_pipeline.integrations.files import (
    partition_lock,
    read_record,
    write_bytes,
    write_record,
)

ASSET = "round_gate"
REPORT, PAGE = "round_gate.json", "round_gate.html"


def round_gate(layout: Layout, round_name: str) -> StageReport:
    """Judge everything new of a round together.

    Raises:
        CheckError: A gate report, or the attempts of the new set, are missing, unchecked, edited
            or no evidence.
        RoundError: The round is not opened.
        StoreError: A file is missing or damaged, or the disk is full.
        BusyError: Another run is at work on this round.
    """
    with partition_lock(layout, ASSET, round_name):
        report = _judged(layout, round_name)
        folder = layout.partition(ASSET, round_name)
        layout.manifest(ASSET, round_name).unlink(missing_ok=True)
        write_record(folder / REPORT, report)
        write_bytes(folder / PAGE, round_page(report).encode())
        manifest = manifest_of(ASSET, round_name, report, rows=report.tasks)
        write_record(layout.manifest(ASSET, round_name), manifest)
    return StageReport(manifest=manifest, preview=preview_of(report.requirements))


def check_round_gate(layout: Layout, round_name: str) -> CheckReport:
    """Decide again from reports and tables, and compare; store the result.

    A ledger that grew since changes nothing, as long as it is whole.

    Raises:
        StoreError: The report is missing or damaged.
    """
    manifest = read_record(layout.manifest(ASSET, round_name), AssetManifest)
    folder = layout.partition(ASSET, round_name)
    report = read_record(folder / REPORT, RoundGateReport)
    found = []
    if report.digest() != manifest.content_id:
        found.append(f"{REPORT} is {report.digest()[:12]}, its manifest says "
                     f"{manifest.content_id[:12]}: it was edited")  # fmt: skip
    try:
        again = _judged(layout, round_name)
    except PipelineError as error:
        return write_check(layout, manifest, [*found, f"nothing can be decided any more: {error}"])
    if again.digest() != manifest.content_id:
        found.append(
            f"reports and tables give {again.gate_1} and {again.gate_2} ({again.digest()[:12]}), "
            f"the report says {report.gate_1} and {report.gate_2} ({manifest.content_id[:12]})"
        )
    page = folder / PAGE
    if not page.exists() or page.read_text(encoding="utf-8") != round_page(again):
        found.append(f"{PAGE} does not show what reports and tables give")
    return write_check(layout, manifest, found)


def read_round_gate(layout: Layout, round_name: str) -> RoundGateReport:
    """A report as it was written.

    Raises:
        StoreError: Missing, or edited since.
    """
    path = layout.partition(ASSET, round_name) / REPORT
    report = read_record(path, RoundGateReport)
    require_unedited(path, report, read_record(layout.manifest(ASSET, round_name), AssetManifest))
    return report


def read_round_gates(layout: Layout, round_name: str = "") -> tuple[RoundGateReport, ...]:
    """Reports of one round, or of all, in order.

    Raises:
        StoreError: One was edited.
    """
    found = [
        read_round_gate(layout, path.parent.name)
        for path in (layout.root / ASSET).glob(f"{round_name or 'r*'}/asset.json")
    ]
    return tuple(sorted(found, key=lambda item: round_number(item.round)))


def _judged(layout: Layout, round_name: str) -> RoundGateReport:
    record = round_record(layout, round_name)
    reports = read_gates(layout, round_name)
    for report in reports:
        require_checked(layout, "gate_report", key_of(report.adapter_kind, round_name))
    passed = [report for report in reports if report.decision == "passed"]
    adapters = [adapter_of(layout, key_of(item.adapter_kind, round_name)) for item in passed]
    bases = [base_of(layout, adapter) for adapter in adapters]
    source = _source(layout, round_name, passed)
    evidence = heard(layout, source) if source else None
    case = RoundCase(
        round=round_name,
        reports=reports,
        active=dict(record.incumbents),
        base_reports=tuple(base.gate_1 for base in bases),
        base_waiver=dict(record.waivers).get(BASE_HALF, ""),
        new=Set(
            candidates={item.adapter_kind: item.adapter_digest for item in adapters},
            attempts=evidence.attempts if evidence else (),
        ),
        facts=_facts(layout, round_name, adapters),
        inputs=(
            *(
                Input(
                    name=f"gate_report/{key_of(item.adapter_kind, round_name)}",
                    content_id=item.digest(),
                )
                for item in reports
            ),
            *([evidence.source] if evidence else []),
            Input(name=f"rounds/{round_name}", content_id=record.digest()),
        ),
        waivers=tuple(f"{what}: {why}" for what, why in record.waivers),
    )  # fmt: skip
    try:
        return judge_round(case, _policy(base.role for base in bases))
    except ValueError as error:
        raise CheckError(f"{ASSET} of {round_name}: {error}: these rows are no evidence") from error


def _policy(roles: Iterable[str]) -> RoundPolicy:
    """The house's numbers, unless everything new is of the tiny base."""
    found = set(roles)
    return round_policy_of("tiny" if found == {"tiny"} else "")


def _source(layout: Layout, round_name: str, passed: list[GateReport]) -> str:
    """Key of the attempts that judge the new set; empty where there are none.

    One candidate alone is the whole new set: its own attempts have everything else from the
    commits, in all arms.
    """
    together = key_of(TOGETHER, round_name)
    if layout.manifest(ATTEMPTS, together).exists():
        return together
    return key_of(passed[0].adapter_kind, round_name) if len(passed) == 1 else ""


def _facts(layout: Layout, round_name: str, adapters: list[AdapterManifest]) -> LoopFacts:
    lines = ledger_lines(layout)
    return LoopFacts(
        train_plan=_unchecked(layout, "training_plan", round_name),
        curate_data=next(filter(None, _unsound_datasets(layout, adapters)), ""),
        versioning=broken(lines),
        rollback=next(filter(None, _lost(layout, earlier_versions(lines))), ""),
    )


def _unchecked(layout: Layout, asset: str, partition: str) -> str:
    """Why a partition cannot be built on; empty where it can."""
    try:
        require_checked(layout, asset, partition)
    except CheckError as error:
        return str(error)
    return ""


def _unsound_datasets(layout: Layout, adapters: list[AdapterManifest]) -> Iterator[str]:
    for adapter in adapters:
        for item in adapter.recipe.datasets:
            asset, _, partition = item.name.partition("/")
            if finding := _unchecked(layout, asset, partition):
                yield finding
                continue
            now = read_record(layout.manifest(asset, partition), AssetManifest).content_id
            if now != item.content_id:
                yield (
                    f"{item.name} is {now[:12]} now, {adapter.adapter_kind} was trained from "
                    f"{item.content_id[:12]}"
                )


def _lost(layout: Layout, earlier: Iterable[Known]) -> Iterator[str]:
    """Versions that could not be gone back to, as their files are gone or are others."""
    for known in earlier:
        # Its own copy: training the round again takes nothing away from a version.
        folder = layout.adapter_version(known.version)
        try:
            found, _ = adapter_digest(folder)
        except GuardError as error:
            yield f"{known.version} cannot be gone back to: {error}"
            continue
        if found != known.adapter:
            yield (
                f"{known.version} cannot be gone back to: {folder} holds {found[:12]}, the ledger "
                f"knows {known.adapter[:12]}"
            )
