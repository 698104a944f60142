"""The system-call filter of the sandbox, assembled by hand as classic BPF.

A deny list: tests use much of the kernel, and namespaces already hold them in. What is refused is
what namespaces do not cover (keyring, memory that no process shows, odd sockets) and what has
been a way out of them before (namespaces in namespaces, ptrace, bpf, io_uring, mounts).
"""

from __future__ import annotations

import errno
import platform
import struct
from dataclasses import dataclass

from cra_pipeline.errors import SandboxError

_LOAD = 0x20
_JUMP_EQUAL = 0x15
_JUMP_AT_LEAST = 0x35
_JUMP_ANY_BIT = 0x45
_RETURN = 0x06

_ALLOW = 0x7FFF0000
_ERRNO = 0x00050000
_KILL_PROCESS = 0x80000000

# Offsets in struct seccomp_data; both machines are little-endian, so an argument's low half
# comes first.
_NUMBER = 0
_ARCHITECTURE = 4
_ARGUMENTS = 16

_X32_BIT = 0x40000000
# CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET.
_CLONE_NAMESPACES = 0x7E020000
# CLONE_NEWTIME shares its bit with a signal number of clone(2), so only unshare tests it.
_NEWTIME = 0x00000080
_AF_UNIX, _AF_INET, _AF_INET6, _AF_NETLINK = 1, 2, 10, 16
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C


@dataclass(frozen=True, slots=True)
class _Machine:
    audit: int
    x32: bool
    unavailable: dict[str, int]
    """Answered with ENOSYS: libraries then take their older way."""
    forbidden: dict[str, int]
    """Answered with EPERM."""
    clone: int
    unshare: int
    socket: int
    ioctl: int


# Numbers from 424 on are the same on every machine.
_COMMON_UNAVAILABLE = {
    "io_uring_setup": 425,
    "io_uring_enter": 426,
    "io_uring_register": 427,
    "clone3": 435,
    "memfd_secret": 447,
}
_COMMON_FORBIDDEN = {
    "open_tree": 428,
    "move_mount": 429,
    "fsopen": 430,
    "fsconfig": 431,
    "fsmount": 432,
    "fspick": 433,
    "pidfd_getfd": 438,
    "mount_setattr": 442,
    "quotactl_fd": 443,
    "open_tree_attr": 467,
}

_X86_64 = _Machine(
    audit=0xC000003E,
    x32=True,
    unavailable=_COMMON_UNAVAILABLE
    | {
        "shmget": 29,
        "semget": 64,
        "msgget": 68,
        "add_key": 248,
        "request_key": 249,
        "keyctl": 250,
        "perf_event_open": 298,
        "memfd_create": 319,
        "bpf": 321,
        "userfaultfd": 323,
    },
    forbidden=_COMMON_FORBIDDEN
    | {
        "ptrace": 101,
        "syslog": 103,
        "modify_ldt": 154,
        "pivot_root": 155,
        "adjtimex": 159,
        "chroot": 161,
        "acct": 163,
        "settimeofday": 164,
        "mount": 165,
        "umount2": 166,
        "swapon": 167,
        "swapoff": 168,
        "reboot": 169,
        "sethostname": 170,
        "setdomainname": 171,
        "iopl": 172,
        "ioperm": 173,
        "init_module": 175,
        "delete_module": 176,
        "quotactl": 179,
        "clock_settime": 227,
        "kexec_load": 246,
        "migrate_pages": 256,
        "move_pages": 279,
        "fanotify_init": 300,
        "open_by_handle_at": 304,
        "clock_adjtime": 305,
        "setns": 308,
        "process_vm_readv": 310,
        "process_vm_writev": 311,
        "kcmp": 312,
        "finit_module": 313,
        "kexec_file_load": 320,
    },
    clone=56,
    unshare=272,
    socket=41,
    ioctl=16,
)

_AARCH64 = _Machine(
    audit=0xC00000B7,
    x32=False,
    unavailable=_COMMON_UNAVAILABLE
    | {
        "msgget": 186,
        "semget": 190,
        "shmget": 194,
        "add_key": 217,
        "request_key": 218,
        "keyctl": 219,
        "perf_event_open": 241,
        "memfd_create": 279,
        "bpf": 280,
        "userfaultfd": 282,
    },
    forbidden=_COMMON_FORBIDDEN
    | {
        "umount2": 39,
        "mount": 40,
        "pivot_root": 41,
        "chroot": 51,
        "quotactl": 60,
        "acct": 89,
        "kexec_load": 104,
        "init_module": 105,
        "delete_module": 106,
        "clock_settime": 112,
        "syslog": 116,
        "ptrace": 117,
        "reboot": 142,
        "sethostname": 161,
        "setdomainname": 162,
        "settimeofday": 170,
        "adjtimex": 171,
        "swapon": 224,
        "swapoff": 225,
        "migrate_pages": 238,
        "move_pages": 239,
        "fanotify_init": 262,
        "open_by_handle_at": 265,
        "clock_adjtime": 266,
        "setns": 268,
        "process_vm_readv": 270,
        "process_vm_writev": 271,
        "kcmp": 272,
        "finit_module": 273,
        "kexec_file_load": 294,
    },
    clone=220,
    unshare=97,
    socket=198,
    ioctl=29,
)

_MACHINES = {"x86_64": _X86_64, "aarch64": _AARCH64}


def filter_program(machine: str | None = None) -> bytes:
    """The filter as an array of ``struct sock_filter``, ready for bubblewrap's ``--seccomp``.

    Args:
        machine: As ``uname -m`` says it; None means this one.

    Raises:
        SandboxError: There are no numbers for this machine.
    """
    name = machine or platform.machine()
    try:
        numbers = _MACHINES[name]
    except KeyError as error:
        raise SandboxError(
            f"sandbox: no system-call filter for machine {name!r}; expected "
            f"{' or '.join(sorted(_MACHINES))}: run on such a machine"
        ) from error
    return b"".join(_program(numbers))


def _program(machine: _Machine) -> list[bytes]:
    lines = [
        _step(_LOAD, _ARCHITECTURE),
        _step(_JUMP_EQUAL, machine.audit, yes=1),
        _step(_RETURN, _KILL_PROCESS),
        _step(_LOAD, _NUMBER),
    ]
    if machine.x32:
        lines += [_step(_JUMP_AT_LEAST, _X32_BIT, no=1), _refuse(errno.ENOSYS)]
    for number in sorted(machine.unavailable.values()):
        lines += [_step(_JUMP_EQUAL, number, no=1), _refuse(errno.ENOSYS)]
    for number in sorted(machine.forbidden.values()):
        lines += [_step(_JUMP_EQUAL, number, no=1), _refuse(errno.EPERM)]
    lines += _when_bits(machine.clone, _CLONE_NAMESPACES)
    lines += _when_bits(machine.unshare, _CLONE_NAMESPACES | _NEWTIME)
    lines += _ioctl(machine.ioctl)
    lines += _socket(machine.socket)
    return [*lines, _step(_RETURN, _ALLOW)]


def _when_bits(number: int, bits: int) -> list[bytes]:
    body = [
        _step(_LOAD, _ARGUMENTS),
        _step(_JUMP_ANY_BIT, bits, no=1),
        _refuse(errno.EPERM),
        _step(_RETURN, _ALLOW),
    ]
    return [_step(_JUMP_EQUAL, number, no=len(body)), *body]


def _ioctl(number: int) -> list[bytes]:
    body = [
        _step(_LOAD, _ARGUMENTS + 8),
        _step(_JUMP_EQUAL, _TIOCSTI, yes=1),
        _step(_JUMP_EQUAL, _TIOCLINUX, no=1),
        _refuse(errno.EPERM),
        _step(_RETURN, _ALLOW),
    ]
    return [_step(_JUMP_EQUAL, number, no=len(body)), *body]


def _socket(number: int) -> list[bytes]:
    body = [
        _step(_LOAD, _ARGUMENTS),
        _step(_JUMP_EQUAL, _AF_UNIX, yes=6),
        _step(_JUMP_EQUAL, _AF_INET, yes=5),
        _step(_JUMP_EQUAL, _AF_INET6, yes=4),
        # Of netlink only routes (protocol 0): name look-ups list the interfaces with it.
        _step(_JUMP_EQUAL, _AF_NETLINK, no=2),
        _step(_LOAD, _ARGUMENTS + 16),
        _step(_JUMP_EQUAL, 0, yes=1),
        _refuse(errno.EAFNOSUPPORT),
        _step(_RETURN, _ALLOW),
    ]
    return [_step(_JUMP_EQUAL, number, no=len(body)), *body]


def _refuse(number: int) -> bytes:
    return _step(_RETURN, _ERRNO | number)


def _step(code: int, value: int, *, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("=HBBI", code, yes, no, value)
