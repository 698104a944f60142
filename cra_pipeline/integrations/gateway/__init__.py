"""The agent's own protocol: questions come in, a responder answers, every one is logged."""
