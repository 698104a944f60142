"""Rows of published files, streamed, each with its licence and its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from cra_pipeline.contracts.cold_start import ColdStartFile, PublishedRow
from cra_pipeline.errors import SourceError
from cra_pipeline.integrations.cold_start.formats import objects
from cra_pipeline.integrations.cold_start.shape import PublishedSet

_RENAMED = "search_replace"
"""The set whose columns the user names."""


def files_of(entry: ColdStartFile, root: Path) -> tuple[Path, ...]:
    """The files that an entry names, sorted by name.

    Args:
        entry: Of ``cold_start.toml``.
        root: What relative paths start from.

    Raises:
        SourceError: No file is there, or two have one name, so that rows could not be told apart.
    """
    pattern = Path(entry.path)
    anchor = Path(pattern.anchor) if pattern.is_absolute() else root
    relative = pattern.relative_to(pattern.anchor) if pattern.is_absolute() else pattern
    found = sorted(
        (path for path in anchor.glob(str(relative)) if path.is_file()), key=lambda path: path.name
    )
    if not found:
        raise SourceError(
            f"{entry.set}: no file at {entry.path} (from {root}): give a file or a pattern, such "
            "as data/train-*.parquet"
        )
    names = [path.name for path in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise SourceError(f"{entry.set}: {entry.path} names several files {', '.join(twice)}")
    return tuple(found)


def published_rows(
    published: PublishedSet, entry: ColdStartFile, paths: Sequence[Path]
) -> Iterator[PublishedRow]:
    """All rows of some files, in order; one with a null column, or without licence, has a fault.

    Raises:
        SourceError: A file is empty, breaks off, or has other columns; the message names file,
            line and column. The columns of a set that documents none are not named, or nobody
            states a licence.
    """
    names = _columns(published, entry)
    if not (published.licence or published.own or entry.licence):
        raise SourceError(
            f"{published.name}: the set states no licence: find out which it is, and give it as "
            "licence in cold_start.toml"
        )
    wanted = [*names.values(), *filter(None, [published.own])]
    for path in paths:
        for number, values in objects(path, wanted, published.optional):
            empty = [column for column in names.values() if values[column] is None]
            licence = published.licence_of(values, entry.licence)
            yield PublishedRow(
                dataset=published.name,
                licence=licence,
                row=f"{path.name}:{number}",
                texts={} if empty else _texts(values, names, published, f"{path}:{number}"),
                fault=f"null_column {empty[0]}" if empty else "" if licence else "no_licence",
            )


def _columns(published: PublishedSet, entry: ColdStartFile) -> Mapping[str, str]:
    """Column in the file by the name under which it is handed on."""
    if published.name != _RENAMED:
        return {name: name for name in published.columns}
    if not (entry.prompt_column and entry.completion_column):
        raise SourceError(
            f"{published.name}: its columns are not documented: name them as prompt_column and "
            "completion_column in cold_start.toml"
        )
    return {"prompt": entry.prompt_column, "completion": entry.completion_column}


def _texts(
    values: Mapping[str, object], names: Mapping[str, str], published: PublishedSet, where: str
) -> dict[str, str]:
    there = {name: name for name in published.optional if values.get(name) is not None}
    texts: dict[str, str] = {}
    for name, column in {**names, **there}.items():
        value = values[column]
        if not isinstance(value, str):
            raise SourceError(
                f"{where}: column {column} holds {type(value).__name__}, expected text as "
                f"{published.source} documents it: is it another set, or another version?"
            )
        texts[name] = value
    return texts
