"""Published rows and histories as examples in the agent's own format; pure."""
