"""A dataset that cannot be had: said with numbers, before anything is written."""

from __future__ import annotations


class Refusal(ValueError):  # noqa: N818  # it is the outcome's name, not a fault of the program
    """The rows that there are cannot become a dataset that keeps the rules."""
