"""Makes the agent's raw database where no agent has left one yet, from its declared columns."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from cra_pipeline.integrations.raw_db.columns import COLUMNS
from cra_pipeline.integrations.raw_db.merge import OWN_TABLES
from cra_pipeline.integrations.raw_db.opening import at_once, writable
from cra_pipeline.integrations.raw_db.schema import TABLES, Table, require_schema, tables_in

_WORDS = {
    "task_runs.task_id": " UNIQUE",
    "training_plans.source": " DEFAULT 'logged'",
    "training_datasets.source": " DEFAULT 'logged'",
    "training_datasets.format": " DEFAULT 'jsonl'",
    "adapter_registry.deployed": " DEFAULT 0",
}
"""What a column has beside type and NOT NULL, as far as rows of ours depend on it."""


def ensure_raw(home: Path) -> None:
    """All of the agent's tables are there afterwards, the ones that an agent made as they were.

    Raises:
        StoreError: The database is damaged, held too long, or of another schema.
    """
    with writable(home) as connection, at_once(connection):
        if not tables_in(connection) & set(COLUMNS):
            for table in TABLES:
                connection.execute(definition(table))
        require_schema(connection, home, also=OWN_TABLES)


def definition(table: Table) -> str:
    """CREATE TABLE of one table, with the links that SQLite is to enforce."""
    columns = ["id INTEGER PRIMARY KEY"]
    for column in COLUMNS[table.name][1:]:
        link = table.links.get(column.name)
        more = _WORDS.get(f"{table.name}.{column.name}", "")
        more += f" REFERENCES {link}(id)" if link else ""
        columns.append(f"{column.name} {column.words}{more}")
    return f"CREATE TABLE {table.name} ({', '.join(columns)})"


def is_made(connection: sqlite3.Connection) -> bool:
    """Whether the database holds the agent's tables."""
    return set(COLUMNS) <= tables_in(connection)
