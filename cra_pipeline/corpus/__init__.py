"""Sources, pinned snapshots, rounds, and the recipes of the tiny demo histories."""
