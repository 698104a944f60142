"""Versions of adapters: which are registered, which is active, and how that came about."""
