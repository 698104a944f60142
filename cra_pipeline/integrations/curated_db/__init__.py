"""The agent's curated database of the workspace, in which one table is ours."""
