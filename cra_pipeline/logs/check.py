"""Whether a snapshot and a plan still say what the evidence says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from cra_pipeline.contracts.logs import SnapshotTable
from cra_pipeline.contracts.plans import AdapterPlan, TrainingPlan


def snapshot_findings(
    rows: Sequence[SnapshotTable],
    found: Mapping[tuple[str, str], tuple[int, str]],
    tables: Iterable[str],
) -> list[str]:
    """What does not hold of a snapshot.

    Args:
        rows: As they are listed.
        found: Rows and content id of each file that lies there, by table and database.
        tables: Names that every database has.
    """
    listed = {(row.table, row.database): (row.rows, row.content_id) for row in rows}
    findings = [] if len(listed) == len(rows) else ["a table is listed twice"]
    for key in sorted(listed.keys() | found.keys()):
        name = f"{key[0]} of {key[1]}"
        if key not in found:
            findings.append(f"{name}: its copy is gone")
        elif key not in listed:
            findings.append(f"{name}: its copy is not listed")
        elif found[key] != listed[key]:
            findings.append(
                f"{name}: listed are {listed[key][0]} rows ({listed[key][1][:12]}), the copy "
                f"holds {found[key][0]} ({found[key][1][:12]})"
            )
    wanted = sorted(tables)
    for database in sorted({row.database for row in rows}):
        have = sorted(row.table for row in rows if row.database == database)
        if have != wanted:
            odd = sorted(set(have) ^ set(wanted))
            findings.append(f"{database}: tables differ at {', '.join(odd)}")
    return findings


def plan_findings(
    plan: TrainingPlan, rows: Sequence[AdapterPlan], again: TrainingPlan
) -> list[str]:
    """What does not hold of a plan.

    Args:
        plan: As it is stored.
        rows: Its table.
        again: Made once more from the evidence.
    """
    findings = [] if tuple(rows) == plan.adapters else ["the table and plan.json differ"]
    names = sorted(TrainingPlan.model_fields)
    odd = [name for name in names if getattr(plan, name) != getattr(again, name)]
    return findings + [f"{name}: the evidence gives something else than plan.json" for name in odd]
