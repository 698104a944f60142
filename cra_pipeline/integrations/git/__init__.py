"""Git as a tool: one file per kind of work, all through ``run``."""
