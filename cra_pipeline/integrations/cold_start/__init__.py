"""Readers of published data sets, from files that a user has: one module for each set."""
