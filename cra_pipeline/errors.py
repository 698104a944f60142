"""Errors named by the boundary that was crossed.

A failed attempt is an ``Outcome`` and never one of these. Every message says where, what was
found, what was expected and what to do; rules raise ``ValueError`` instead.
"""


class PipelineError(Exception):
    """Work cannot go on; the message is meant for the user."""


class SourceError(PipelineError):
    """A repository cannot be named, reached, cloned or pinned as asked."""


class GitError(PipelineError):
    """Git ended with a failure, or its output was not what its protocol promises."""


class StoreError(PipelineError):
    """A file of the workspace is missing, damaged, of another schema, or cannot be written."""


class PackageError(PipelineError):
    """A repo package or a wheel is incomplete, forged or unsafe."""


class EnvironmentBuildError(PipelineError):
    """No environment could be resolved or installed."""


class SandboxError(PipelineError):
    """The sandbox cannot be had on this machine, or ended without keeping its promises."""


class RoundError(PipelineError):
    """A training round is unknown, closed to a repository, or contradicts its record."""


class CheckError(PipelineError):
    """An upstream check is missing, failed, or judged other bytes than those on disk."""


class BusyError(PipelineError):
    """Another process holds the same partition."""


class ModelError(PipelineError):
    """A model server refused, was too slow, broke off, or answered something unusable."""


class AgentError(PipelineError):
    """The coding agent is missing, of another version, or did not do what its contract promises."""


class DatasetError(PipelineError):
    """No dataset can be made of what there is without breaking a rule; the message has numbers."""


class TrainingError(PipelineError):
    """An adapter cannot be trained as asked, or a run went wrong in a way that no retry mends."""


class GuardError(PipelineError):
    """A guard refuses: the message names the rule, what broke it and what would satisfy it."""


class RegistryError(PipelineError):
    """The ledger is damaged, or a version cannot go where it was sent."""
