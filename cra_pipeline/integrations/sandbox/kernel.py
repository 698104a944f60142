"""System calls that Python 3.11 lacks, through libc.

Runs inside the launcher: standard library only.
"""

from __future__ import annotations

import ctypes
import os

CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000

MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_REMOUNT = 32
MS_BIND = 4096
MS_REC = 16384
MS_PRIVATE = 1 << 18

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_SIGKILL = 9
_SIGCHLD = 17
_SIG_DFL = 0

_SYS_CLONE = {"x86_64": 56, "aarch64": 220}
# These three numbers are the same on x86_64 and aarch64.
_SYS_OPEN_TREE = 428
_SYS_MOVE_MOUNT = 429
_SYS_MOUNT_SETATTR = 442

_AT_FDCWD = -100
_AT_EMPTY_PATH = 0x1000
_OPEN_TREE_CLONE = 1
_MOVE_MOUNT_F_EMPTY_PATH = 4
_MOUNT_ATTR_RDONLY = 0x1
_MOUNT_ATTR_NOSUID = 0x2
_MOUNT_ATTR_NODEV = 0x4
_MOUNT_ATTR_IDMAP = 0x00100000

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def unshare(flags: int) -> None:
    """Leave the caller's namespaces."""
    _checked(_libc.unshare(ctypes.c_int(flags)), "unshare")


def fork_into(flags: int) -> int:
    """Fork into new namespaces; the caller has a single thread.

    One step instead of ``unshare`` and ``fork``: a process cannot enter a second process
    namespace for its children, and the nursery has many.

    Returns:
        0 in the child, else the child's process id.
    """
    number = _SYS_CLONE[os.uname().machine]
    zero = ctypes.c_ulong(0)
    result = _libc.syscall(
        ctypes.c_long(number), ctypes.c_ulong(flags | _SIGCHLD), zero, zero, zero, zero
    )
    return _checked(result, "clone")


def mount(source: str, target: str, kind: str | None, flags: int, options: str = "") -> None:
    """Add a file system, bind a path or change flags, as the system call of that name."""
    result = _libc.mount(
        os.fsencode(source),
        os.fsencode(target),
        None if kind is None else kind.encode(),
        ctypes.c_ulong(flags),
        os.fsencode(options),
    )
    _checked(result, f"mount {kind or 'bind'} on {target}")


def mount_tree(descriptor: int, target: str, namespace: int | None) -> None:
    """Show what ``descriptor`` names at ``target``, read-only, with owners mapped.

    Args:
        descriptor: From ``os.open`` with O_PATH, so folders above it need not be passable.
        target: Existing mount point.
        namespace: Descriptor of the user namespace whose map the owners go through; None
            leaves them as they are.
    """
    clone = _checked(
        _libc.syscall(
            ctypes.c_long(_SYS_OPEN_TREE),
            ctypes.c_int(descriptor),
            b"",
            ctypes.c_uint(_AT_EMPTY_PATH | _OPEN_TREE_CLONE | os.O_CLOEXEC),
        ),
        "open_tree",
    )
    attributes = _MOUNT_ATTR_RDONLY | _MOUNT_ATTR_NOSUID | _MOUNT_ATTR_NODEV
    if namespace is not None:
        attributes |= _MOUNT_ATTR_IDMAP
    # struct mount_attr: attr_set, attr_clr, propagation, userns_fd.
    words = (ctypes.c_uint64 * 4)(attributes, 0, 0, namespace or 0)
    try:
        _checked(
            _libc.syscall(
                ctypes.c_long(_SYS_MOUNT_SETATTR),
                ctypes.c_int(clone),
                b"",
                ctypes.c_uint(_AT_EMPTY_PATH),
                ctypes.byref(words),
                ctypes.c_size_t(ctypes.sizeof(words)),
            ),
            "mount_setattr",
        )
        _checked(
            _libc.syscall(
                ctypes.c_long(_SYS_MOVE_MOUNT),
                ctypes.c_int(clone),
                b"",
                ctypes.c_int(_AT_FDCWD),
                os.fsencode(target),
                ctypes.c_uint(_MOVE_MOUNT_F_EMPTY_PATH),
            ),
            f"move_mount to {target}",
        )
    finally:
        os.close(clone)


def die_with_parent() -> None:
    """Be killed when the thread that started this process ends.

    Every change of user forgets it, and it does not see a parent that is dead already: the
    caller sets it again and looks.
    """
    _checked(_libc.prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0), "prctl")


def forbid_new_privileges() -> None:
    """Make setuid programs and file capabilities ordinary."""
    _checked(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl")


def default_signals() -> None:
    """Undo what the interpreter and the user's shell ignore; the next program inherits it."""
    for number in range(1, 32):
        # SIGKILL and SIGSTOP refuse, which is what they should do.
        _libc.signal(number, ctypes.c_void_p(_SIG_DFL))
