"""Trainers of adapters, and a tiny base for machines that hold no model."""
