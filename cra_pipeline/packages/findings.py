"""What the metadata files of one project say, gathered before any of it is judged."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Findings:
    """Filled by one reader after the other; what an earlier one said stands.

    Attributes:
        name: Distribution name; empty until some file states it.
        version: Static version; empty where it is dynamic.
        version_sources: Files, or dotted attributes, that hold a dynamic version.
        runtime: Requirement lines of the project itself.
        runtime_files: Requirement files that hold such lines.
        extras: Requirement lines by extra.
        extra_files: Requirement files by extra.
        groups: Requirement lines by dependency group, of whichever tool.
        needs_extras: Extras that the test environments of tox, nox or hatch install.
        needs_groups: Groups that they install.
        tools: Requirement lines that tox and nox install.
        tool_files: Requirement files that they install.
        entry_points: Name to object, by entry-point group.
        roots: Folders of importable code, relative to the project's folder.
        version_files: Path and template (may be empty) of files that a build would write.
        headers: Lines of METADATA, as key and value.
        build_requires: What the build backend needs.
        native: Signs of a compiled part.
    """

    name: str = ""
    version: str = ""
    version_sources: list[str] = field(default_factory=list)
    runtime: list[str] = field(default_factory=list)
    runtime_files: list[str] = field(default_factory=list)
    extras: dict[str, list[str]] = field(default_factory=dict)
    extra_files: dict[str, list[str]] = field(default_factory=dict)
    groups: dict[str, list[str]] = field(default_factory=dict)
    needs_extras: list[str] = field(default_factory=list)
    needs_groups: list[str] = field(default_factory=list)
    tools: list[str] = field(default_factory=list)
    tool_files: list[str] = field(default_factory=list)
    entry_points: dict[str, dict[str, str]] = field(default_factory=dict)
    roots: list[str] = field(default_factory=list)
    version_files: list[tuple[str, str]] = field(default_factory=list)
    headers: list[tuple[str, str]] = field(default_factory=list)
    build_requires: list[str] = field(default_factory=list)
    native: list[str] = field(default_factory=list)
