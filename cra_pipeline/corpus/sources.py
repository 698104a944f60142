"""The list of repositories: seeds of the corpus, and the user's own entries over them.

Text in, records out; which addresses git may be given is decided in ``integrations.git``.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import tomlkit
import tomlkit.exceptions
from pydantic import ValidationError

from cra_pipeline.contracts.sources import SLUG, RepoSource

DEFAULT_FIELDS: Mapping[str, Any] = MappingProxyType(
    {"domain": "unsorted", "roles": ("P", "C"), "tier": "full", "licence": "unknown"}
)
"""What an entry says of which the user said nothing."""

_LONGEST_NAME = 80
_UPSTREAM = re.compile(r"(?:[a-z]+://)?(?:[^@/]*@)?(?P<rest>.*?)(?:\.git)?/*\Z", re.IGNORECASE)


def slug(text: str) -> str:
    """Nearest name that ``text`` can have: lower case, every other character a dash.

    Raises:
        ValueError: Nothing of it can stand in a name.
    """
    dashed = re.sub(r"[^a-z0-9._-]+", "-", text.lower()).lstrip("._-").rstrip("-.")
    if not dashed:
        raise ValueError(f"{text!r} gives no name: say one with --name, such as --name my-lib")
    return dashed[:_LONGEST_NAME]


def derived_name(url: str) -> str:
    """Name of a repository from its address or path: the last part that says something.

    Raises:
        ValueError: No part of it can stand in a name.
    """
    parts = [part for part in re.split(r"[/:\\]+", url) if part not in {"", ".git"}]
    return slug(parts[-1].removesuffix(".git") if parts else "")


def require_name(name: str) -> str:
    """The name a user chose, if it can be a key everywhere.

    Raises:
        ValueError: It is no slug; the message holds the nearest one.
    """
    if SLUG.match(name) and len(name) <= _LONGEST_NAME:
        return name
    nearest = slug(name)
    raise ValueError(
        f"{name!r} cannot name a repository: use at most {_LONGEST_NAME} lower-case letters, "
        f"digits, '.', '_' and '-', such as {nearest!r}"
    )


def parse_entries(text: str, *, where: str) -> tuple[dict[str, Any], ...]:
    """The ``[[repo]]`` tables of a TOML text, each with a usable and unique name.

    Raises:
        ValueError: No TOML, an unknown key, a missing or doubled name.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{where}: no TOML: {error}") from error
    odd = sorted(set(document) - {"repo"})
    tables = document.get("repo", [])
    if odd or not isinstance(tables, list) or not all(isinstance(item, dict) for item in tables):
        raise ValueError(
            f"{where}: found {', '.join(odd) or 'repo'}: expected [[repo]] tables only"
        )
    seen: set[str] = set()
    for number, table in enumerate(tables, 1):
        name = table.get("name")
        if not isinstance(name, str) or not SLUG.match(name):
            raise ValueError(f"{where}: repo {number}: name is {name!r}: expected a slug")
        if name in seen:
            raise ValueError(f"{where}: repo {number}: {name!r} stands there twice: rename one")
        seen.add(name)
    return tuple(tables)


def merged_sources(
    seeds: Iterable[Mapping[str, Any]], own: Iterable[Mapping[str, Any]], *, where: str
) -> tuple[RepoSource, ...]:
    """Seeds, overridden field by field by the user's entries of the same name, sorted by name.

    Raises:
        ValueError: An entry is incomplete or ill-formed, or two entries are one upstream.
    """
    tables = {str(table["name"]): dict(table) for table in seeds}
    for table in own:
        inherited = tables.get(str(table["name"]), {})
        if table.get("revision", inherited.get("revision")) != inherited.get("revision"):
            inherited.pop("committed_at", None)
        tables[str(table["name"])] = inherited | dict(table)
    sources = tuple(_source(tables[name], where) for name in sorted(tables))
    _refuse_doubles(sources, where)
    return sources


def inherited_fields(
    seeds: Iterable[Mapping[str, Any]],
    own: Iterable[Mapping[str, Any]],
    *,
    name: str,
    url: str,
    said: bool,
) -> dict[str, Any]:
    """What a new entry takes over from those of the same name.

    Args:
        seeds: Tables of the corpus.
        own: Tables of the user.
        name: Name of the new entry.
        url: Its address.
        said: Whether the user chose the name, and so means to override a seed.

    Raises:
        ValueError: Another upstream holds the name.
    """
    fields: dict[str, Any] = {}
    for table in seeds:
        if table["name"] == name:
            if upstream(str(table.get("url", ""))) != upstream(url) and not said:
                raise ValueError(
                    f"{name!r} is {table.get('url')} in the corpus: give another --name, or say "
                    f"--name {name} to put this source in its place"
                )
            fields |= table
    for table in own:
        if table["name"] == name:
            if upstream(str(table.get("url", ""))) != upstream(url):
                raise ValueError(
                    f"{name!r} is {table.get('url')} already: give another --name, or take that "
                    "entry out of sources.toml"
                )
            # Adding an own source again moves its pin; only a seed's pin is meant to stay.
            fields |= {key: value for key, value in table.items() if key != "revision"}
    return fields


def _source(table: Mapping[str, Any], where: str) -> RepoSource:
    roles = table.get("roles")
    values = dict(table) | ({"roles": tuple(roles)} if isinstance(roles, list | tuple) else {})
    try:
        return RepoSource(**values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"{where}: repo {table['name']!r}: {field}: {first['msg']}") from error


def _refuse_doubles(sources: Sequence[RepoSource], where: str) -> None:
    # One history under two names could be trained on as one and held out as the other.
    names: dict[str, str] = {}
    for source in sources:
        first = names.setdefault(upstream(source.url), source.name)
        if first != source.name:
            raise ValueError(
                f"{where}: {source.name!r} and {first!r} are one upstream, {source.url}: keep one"
            )


def upstream(url: str) -> str:
    """What stays of an address when scheme, user, ``.git``, case and ssh's colon are set aside."""
    if url.startswith("/"):
        return url.removesuffix("/").removesuffix("/.git")
    match = _UPSTREAM.fullmatch(url)
    return (match["rest"] if match else url).lower().replace(":", "/")


def public_url(source: RepoSource) -> str:
    """Address that rows and manifests show: no path of this machine stands in them."""
    return f"local:{source.name}" if source.url.startswith("/") else source.url


def with_entry(text: str, source: RepoSource) -> str:
    """The TOML text with ``source`` added or replaced; the rest stays as the user wrote it.

    Raises:
        ValueError: The text is no TOML.
    """
    try:
        document = tomlkit.parse(text)
    except tomlkit.exceptions.ParseError as error:
        raise ValueError(f"sources.toml: no TOML: {error}") from error
    tables = document.get("repo")
    if tables is None:
        tables = tomlkit.aot()
        document.append("repo", tables)
    entry = tomlkit.table()
    for field, value in source.model_dump(mode="json").items():
        entry.add(field, value)
    places = [place for place, table in enumerate(tables) if table.get("name") == source.name]
    if places:
        tables[places[0]].update(entry)
    else:
        tables.append(entry)
    return tomlkit.dumps(document)
