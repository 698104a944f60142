"""Agent backends, one per file, imported when they are used."""
