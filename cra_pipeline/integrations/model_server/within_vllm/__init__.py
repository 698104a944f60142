"""What runs inside of vLLM's own process: the standard library, and nothing of this project."""
