"""Preference pairs: which of two answers to one prompt won, and why the other lost."""
