"""The agent's raw database: reading what one attempt logged, merging it into the home."""
