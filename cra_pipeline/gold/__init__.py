"""The right answers to the agent's calls, from the diff of a commit."""
