"""Words of which names of sentinels are made, so that they look like their neighbours."""

from __future__ import annotations

_NOUN_LIST = (
    "border bucket cache chunk clock column cursor digest entry field frame index label layer "
    "limit marker matrix merge number offset option order packet parser prefix range record "
    "region ring row scale scope section shape slice slot span step stream suffix table token "
    "total tree value vector window"
)
_ADJECTIVE_LIST = (
    "broken closed deep default double early empty equal exact fixed folded full global inner "
    "joined large late last linear lower mixed narrow nested next outer packed plain quoted "
    "rounded shared short simple single small sorted split strict upper wide"
)
NOUNS, ADJECTIVES = _NOUN_LIST.split(), _ADJECTIVE_LIST.split()
"""Each its own list, all of small letters."""
