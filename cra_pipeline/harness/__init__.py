"""Tasks that were proven, and attempts on them that were judged."""
