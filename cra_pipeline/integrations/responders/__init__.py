"""Who answers the agent's calls, one per file, imported when used."""
