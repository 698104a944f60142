"""The Clean Room Agent as its user installed it, reached through its own interpreter only."""
