"""Runs a repository's tests in the sandbox and believes only what can be checked."""
