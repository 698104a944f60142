"""Edits that forge a green result: the controls that every task must refuse."""
