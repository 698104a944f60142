"""The stage: one capped tmpfs with everything the sandbox may see, below a neutral path.

Runs inside the launcher, in its own mount namespace: nothing of it appears on the host, and all
of it goes when the last process does. Sources are opened before anything is mounted and shown
by number, so no host path is visible inside and folders above them need not be passable for
the user that the launcher becomes. Standard library only.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from cra_pipeline.integrations.sandbox import kernel
from cra_pipeline.integrations.sandbox.copying import copy_tree
from cra_pipeline.integrations.sandbox.plan import Plan

_ETC = {
    "group": "root:x:0:\nsandbox:x:1000:\nnogroup:x:65534:\n",
    "host.conf": "multi on\n",
    "hostname": "sandbox\n",
    "ld.so.cache": "",
    "hosts": "127.0.0.1 localhost sandbox\n::1 localhost sandbox\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
    "passwd": (
        "root:x:0:0:root:/root:/bin/sh\n"
        "sandbox:x:1000:1000:sandbox:/home/sandbox:/bin/sh\n"
        "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
    ),
    "resolv.conf": "",
}
_SCRATCH = {"tmp": 0o1777, "vartmp": 0o1777, "shm": 0o1777, "home": 0o755, "upper": 0o755}
# Room while a tree is copied; no number at all could not be lowered afterwards.
_VAST = 1 << 40


class Sources:
    """Descriptors of all host paths; the kernel binds only what this mount namespace opened.

    Args:
        plan: The run.
        maps: By owner, the user namespace that makes its files the sandbox's own.
    """

    def __init__(self, plan: Plan, maps: dict[tuple[int, int], int]) -> None:
        self.tree = _opened(plan.tree)
        self.layers = [_opened(path) for path in plan.layers]
        self.binds = [_opened(path) for path in plan.binds]
        self.program = [_opened(path) for path in plan.program]
        self._maps = maps

    def owner_map(self, descriptor: int) -> int | None:
        """User namespace that maps this source's owner to the sandbox's user, if there is one."""
        found = os.fstat(descriptor)
        return self._maps.get((found.st_uid, found.st_gid))


def set_stage(plan: Plan, sources: Sources) -> str:
    """Mount everything; the caller is in a mount namespace of its own.

    Returns:
        How the tree became writable: ``overlay`` or ``copy``.

    Raises:
        OSError: The kernel refused a step; the message names it.
    """
    kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    options = f"mode=0755,size={plan.disk},nr_inodes={plan.inodes}"
    kernel.mount("stage", plan.stage, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, options)
    os.chdir(plan.stage)
    _make_folders(plan)
    for number, descriptor in enumerate(sources.binds):
        _show_bind(sources, descriptor, f"{plan.stage}/bind/{number}", f"{plan.stage}/raw{number}")
    for name, descriptor in zip(plan.program_names, sources.program, strict=True):
        target = f"{plan.stage}/program/{name}"
        Path(target).mkdir(parents=True)
        _show(sources, descriptor, target)
    return _lay_tree(plan, sources)


def _make_folders(plan: Plan) -> None:
    for name in ("bind", "program", "etc", "lower", "none", "work", "repo"):
        Path(name).mkdir()
    for name, mode in _SCRATCH.items():
        Path(name).mkdir()
        Path(name).chmod(mode)
        if plan.user >= 0:
            os.chown(name, plan.user, plan.user)
    # Mount points of the two parts of the host's own that programs need.
    Path("etc/alternatives").mkdir()
    for name, text in _ETC.items():
        Path("etc", name).write_text(text, encoding="ascii")


def _lay_tree(plan: Plan, sources: Sources) -> str:
    """The tree at ``repo``: an overlay where the kernel has it, else a copy."""
    lowers = [sources.tree, *sources.layers]
    try:
        _overlay_tree(plan, sources, lowers)
    except OSError:
        # Old kernels, overlays on overlays, network file systems: slower, with equal results.
        _resize(plan, _VAST, _VAST)
        for descriptor in lowers:
            copy_tree(descriptor, "repo", plan.user)
        used = os.statvfs(".")
        size = plan.disk + (used.f_blocks - used.f_bfree) * used.f_frsize
        _resize(plan, size, plan.inodes + used.f_files - used.f_ffree)
        return "copy"
    return "overlay"


def _resize(plan: Plan, size: int, inodes: int) -> None:
    flags = kernel.MS_REMOUNT | kernel.MS_NOSUID | kernel.MS_NODEV
    kernel.mount("stage", plan.stage, "tmpfs", flags, f"size={size},nr_inodes={inodes}")


def _overlay_tree(plan: Plan, sources: Sources, lowers: list[int]) -> None:
    names: list[str] = []
    for number, descriptor in enumerate(lowers):
        target = f"{plan.stage}/lower/{number}"
        Path(target).mkdir()
        kernel.mount_tree(descriptor, target, sources.owner_map(descriptor))
        # The leftmost lower folder wins.
        names.insert(0, f"lower/{number}")
    dialect = "redirect_dir=on"
    if plan.user < 0:
        # Without these attributes a folder that was removed cannot be made again.
        os.setxattr("upper", "user.probe", b"1")
        os.removexattr("upper", "user.probe")
        dialect = "userxattr"
    options = f"lowerdir={':'.join(names)},upperdir=upper,workdir=work,{dialect}"
    flags = kernel.MS_NOSUID | kernel.MS_NODEV
    kernel.mount("repo", f"{plan.stage}/repo", "overlay", flags, options)


def _show_bind(sources: Sources, descriptor: int, target: str, raw: str) -> None:
    """A bind behind a read-only overlay, so that mountinfo has no host path of it."""
    if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
        Path(target).touch()
        _show(sources, descriptor, target)
        return
    Path(target).mkdir()
    Path(raw).mkdir()
    _show(sources, descriptor, raw)
    flags = kernel.MS_RDONLY | kernel.MS_NOSUID | kernel.MS_NODEV
    try:
        kernel.mount("bind", target, "overlay", flags, f"lowerdir={raw}:none")
    except OSError:
        _show(sources, descriptor, target)


def _show(sources: Sources, descriptor: int, target: str) -> None:
    """Bind read-only; where owners cannot be mapped, only what all may read is readable."""
    try:
        kernel.mount_tree(descriptor, target, sources.owner_map(descriptor))
    except OSError:
        source = f"/proc/self/fd/{descriptor}"
        kernel.mount(source, target, None, kernel.MS_BIND | kernel.MS_REC)
        flags = kernel.MS_RDONLY | kernel.MS_NOSUID | kernel.MS_NODEV
        kernel.mount("none", target, None, kernel.MS_REMOUNT | kernel.MS_BIND | flags)


def _opened(path: str) -> int:
    return os.open(path, os.O_PATH | os.O_CLOEXEC)
