"""Environments of commits, the ladder that finds them, and the repo package that carries them."""
