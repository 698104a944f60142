"""Gates on disk: reading evidence, writing reports, and checking them again."""
