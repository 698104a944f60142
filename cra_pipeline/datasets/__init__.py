"""Datasets: which examples a round trains each kind of adapter on, and why."""
