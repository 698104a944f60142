"""The agent's logs: snapshots of its raw databases, what they say, and what to train next."""
