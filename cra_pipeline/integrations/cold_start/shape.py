"""What a reader has to know of a published data set."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedSet:
    """A data set and the columns that are read of it; its other columns are let be.

    Attributes:
        name: Key in ``table.SETS``.
        source: Address of its card, where the columns are documented.
        licence: Of the whole set, as its card states; empty where it states none.
        columns: Text columns that must be there.
        optional: Text columns that some files of the set lack.
        own: Column of anything that holds each row's own licence; empty where there is none.
        own_licence: Reads that column's value, which is not null.
    """

    name: str
    source: str
    licence: str
    columns: tuple[str, ...]
    optional: tuple[str, ...] = ()
    own: str = ""
    own_licence: Callable[[object], str] = str

    def licence_of(self, values: Mapping[str, object], named: str) -> str:
        """Licence of one row: its own, else the set's, else the one that the user named.

        Where rows say their own, the set's is that of the collection alone, and does not stand in.
        """
        if not self.own:
            return self.licence or named
        value = values[self.own]
        return ("" if value is None else self.own_licence(value)) or named
