"""A plain OpenAI-compatible server of one base model and adapters by name, on any machine."""
