"""The registry's acts on disk: ledger, kept versions and the agent's two databases."""
