"""What serves by the ledger, with what servers have to know of it."""

from __future__ import annotations

from cra_pipeline.contracts.serving import InService, ServedAdapter
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import RegistryError
from cra_pipeline.integrations.adapter_files import WEIGHTS
from cra_pipeline.registry.stage.book import Book, head_path, read_book
from cra_pipeline.registry.stage.keeping import kept_manifest


def in_service(layout: Layout) -> InService:
    """The versions that are active as of the ledger's last line; nothing is settled.

    An act that is under way counts once it is done: its intent switches nothing.

    Raises:
        RegistryError: The ledger is damaged, or knows no version that serves.
        StoreError: A version's kept manifest is missing or damaged.
    """
    book = read_book(layout)
    adapters = tuple(served(book, version) for _, version in sorted(book.standing.active.items()))
    return InService(ledger=len(book.lines) - 1, adapters=adapters)


def registered(layout: Layout, version: str) -> ServedAdapter:
    """Any version that the ledger knows and that may still serve, such as one for a canary.

    Raises:
        RegistryError: There is none of this name, or it is retired or void.
        StoreError: Its kept manifest is missing or damaged.
    """
    book = read_book(layout)
    row = book.version(version)
    if row.state in {"retired", "void"}:
        raise RegistryError(f"{version} is {row.state}: it serves never again; name another")
    return served(book, version)


def served(book: Book, version: str) -> ServedAdapter:
    """A version of the ledger as servers know it.

    Raises:
        RegistryError: The ledger knows none of this name.
        StoreError: Its kept manifest is missing or damaged.
    """
    row = book.version(version)
    manifest = kept_manifest(book.layout, version)
    path = book.layout.adapter_version(version) / WEIGHTS
    return ServedAdapter(
        version=version,
        adapter_kind=row.adapter_kind,
        round=row.round,
        base_id=manifest.recipe.base_id,
        base_digest=row.base_digest,
        adapter_digest=row.adapter_digest,
        gate_report=row.gate_report,
        rank=manifest.recipe.rank,
        size_bytes=path.stat().st_size if path.exists() else 0,
    )


def mark(layout: Layout) -> bytes:
    """Changes with every line of the ledger, and is cheap to read; empty before the first."""
    path = head_path(layout)
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
