"""One commit's project as the ladder sees it: what it declares, and the row it ends in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from cra_pipeline.contracts.commits import CommitRow
from cra_pipeline.contracts.packages import EnvironmentRow
from cra_pipeline.packages.climb import Climbed
from cra_pipeline.packages.declared import Declared
from cra_pipeline.packages.ladder import near_modules, probe_targets
from cra_pipeline.packages.leaks import own_modules
from cra_pipeline.packages.policy import PackagePolicy
from cra_pipeline.packages.shim import generated_files, project_version, shim_files


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A project at one commit.

    Attributes:
        commit: The commit's row.
        tree: All paths of its tree.
        declared: What its files say.
        described: ``git describe --tags --long`` of the commit; empty without tags.
    """

    commit: CommitRow
    tree: frozenset[str]
    declared: Declared
    described: str

    def targets(self, policy: PackagePolicy) -> tuple[str, ...]:
        """Test files that a probe collects."""
        return probe_targets(self.commit, self.tree, policy)

    def near(self, policy: PackagePolicy) -> frozenset[str]:
        """Top-level names that the tree itself provides."""
        return near_modules(self.tree, self.declared.roots, self.targets(policy))

    def row(self, climbed: Climbed, lock_hash: str, notes: tuple[str, ...] = ()) -> EnvironmentRow:
        """What the table keeps of a climb.

        Args:
            climbed: Where it ended.
            lock_hash: Of its lock; empty where there is none.
            notes: What is to be said before the climb's own notes.
        """
        version = project_version(self.declared, self.described)
        modules = own_modules(self.tree, self.declared.roots)
        top = {PurePosixPath(path).parts[0].removesuffix(".py") for path in modules}
        return EnvironmentRow(
            repo=self.commit.repo,
            sha=self.commit.sha,
            lock_hash=lock_hash,
            rung=climbed.rung,
            as_of=climbed.as_of,
            reason=climbed.reason,
            import_roots=self.declared.roots,
            shim=shim_files(self.declared, version, tuple(sorted(top))),
            generated=generated_files(self.declared, version, self.tree),
            test_args=climbed.test_args,
            leaks=climbed.leaks,
            notes=(*notes, *self.declared.notes, *climbed.notes),
        )
