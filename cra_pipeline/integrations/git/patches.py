"""Patches from outside, applied by git to a scratch index: the snapshot is never written to."""

from __future__ import annotations

import os
from pathlib import Path

from cra_pipeline.diffs import TreeChange
from cra_pipeline.errors import GitError
from cra_pipeline.integrations.git.run import git
from cra_pipeline.integrations.git.trees import GITLINK, LINK, raw_change


class PatchError(GitError):
    """A patch is empty, does not apply, or holds what a patch may not hold."""


def apply_patch(scratch: Path, snapshot: Path, base: str, patch: bytes) -> TreeChange:
    """What a patch makes of a commit's tree, byte for byte.

    Args:
        scratch: A folder of the caller's own; index and new objects go there.
        snapshot: Bare clone that holds ``base``.
        base: Commit that the patch starts from.
        patch: Unified diff, git's binary patches included.

    Raises:
        PatchError: It does not apply, leaves the tree, enters ``.git``, or brings a symbolic link
            or a submodule.
    """
    if not patch.strip():
        # No change at all is a change to judge like any other; git refuses an empty patch.
        return TreeChange({}, {})
    extra = _scratch_store(scratch, snapshot)
    git(snapshot, "read-tree", base, extra=extra)
    try:
        git(snapshot, "apply", "--cached", "--whitespace=nowarn", "-", stdin=patch, extra=extra)
        listing = git(
            snapshot,
            "diff-index",
            "--cached",
            "-r",
            "-z",
            "--no-renames",
            "--raw",
            base,
            extra=extra,
        )
        found = raw_change(snapshot, listing, where="patch", extra=extra)
    except GitError as error:
        raise PatchError(f"the patch does not apply to {base[:12]}: {error}") from error
    _refuse_special(found)
    return found


def _scratch_store(scratch: Path, snapshot: Path) -> dict[str, str]:
    objects = scratch / "objects"
    objects.mkdir(parents=True, exist_ok=True)
    (scratch / "index").unlink(missing_ok=True)
    # Quoted, because a ':' separates alternates.
    alternate = str((snapshot / "objects").absolute()).replace("\\", "\\\\").replace('"', '\\"')
    return {
        "GIT_INDEX_FILE": os.fspath((scratch / "index").absolute()),
        "GIT_OBJECT_DIRECTORY": os.fspath(objects.absolute()),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": f'"{alternate}"',
    }


def _refuse_special(found: TreeChange) -> None:
    if not found.paths:
        raise PatchError("the patch changes nothing")
    for path, blob in sorted(found.after.items()):
        if blob.mode in {LINK, GITLINK}:
            what = "a symbolic link" if blob.mode == LINK else "a submodule"
            raise PatchError(f"the patch makes {path!r} {what}: only ordinary files are accepted")
