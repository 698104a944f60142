"""The filter, run by a little interpreter of its own kind of program."""

from __future__ import annotations

import errno
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.errors import SandboxError
from cra_pipeline.integrations.sandbox.seccomp import filter_program

ALLOW, KILL = 0x7FFF0000, 0x80000000
X86_64, AARCH64, I386 = 0xC000003E, 0xC00000B7, 0x40000003


def verdict(machine: str, audit: int, number: int, *arguments: int) -> int:
    """What the kernel would answer."""
    data = struct.pack("=IIQ6Q", number, audit, 0, *(*arguments, *[0] * (6 - len(arguments))))
    program = list(struct.iter_unpack("=HBBI", filter_program(machine)))
    loaded, line = 0, 0
    while True:
        code, yes, no, value = program[line]
        if code == 0x06:
            return int(value)
        if code == 0x20:
            loaded = struct.unpack_from("=I", data, value)[0]
            line += 1
            continue
        holds = {0x15: loaded == value, 0x35: loaded >= value, 0x45: bool(loaded & value)}[code]
        line += 1 + (yes if holds else no)


def refused(number: int) -> int:
    return 0x00050000 | number


@pytest.mark.parametrize(
    ("machine", "audit", "number", "arguments", "expected"),
    [
        ("x86_64", X86_64, 0, (), ALLOW),
        ("x86_64", X86_64, 101, (), refused(errno.EPERM)),
        ("x86_64", X86_64, 319, (), refused(errno.ENOSYS)),
        ("x86_64", X86_64, 435, (), refused(errno.ENOSYS)),
        ("x86_64", X86_64, 0x40000000, (), refused(errno.ENOSYS)),
        ("x86_64", X86_64, 0x40000000 | 101, (), refused(errno.ENOSYS)),
        ("x86_64", I386, 0, (), KILL),
        ("x86_64", AARCH64, 0, (), KILL),
        ("x86_64", X86_64, 56, (0x01200011,), ALLOW),
        ("x86_64", X86_64, 56, (0x10000011,), refused(errno.EPERM)),
        ("x86_64", X86_64, 272, (0x400,), ALLOW),
        ("x86_64", X86_64, 272, (0x80,), refused(errno.EPERM)),
        ("x86_64", X86_64, 41, (1, 1, 0), ALLOW),
        ("x86_64", X86_64, 41, (2, 1, 0), ALLOW),
        ("x86_64", X86_64, 41, (10, 1, 0), ALLOW),
        ("x86_64", X86_64, 41, (16, 3, 0), ALLOW),
        ("x86_64", X86_64, 41, (16, 3, 9), refused(errno.EAFNOSUPPORT)),
        ("x86_64", X86_64, 41, (40, 1, 0), refused(errno.EAFNOSUPPORT)),
        ("x86_64", X86_64, 16, (0, 0x5413), ALLOW),
        ("x86_64", X86_64, 16, (0, 0x5412), refused(errno.EPERM)),
        ("x86_64", X86_64, 16, (0, 0x541C), refused(errno.EPERM)),
        ("aarch64", AARCH64, 63, (), ALLOW),
        ("aarch64", AARCH64, 117, (), refused(errno.EPERM)),
        ("aarch64", AARCH64, 279, (), refused(errno.ENOSYS)),
        ("aarch64", AARCH64, 220, (0x10000011,), refused(errno.EPERM)),
        ("aarch64", AARCH64, 198, (17, 3, 0), refused(errno.EAFNOSUPPORT)),
        ("aarch64", X86_64, 0, (), KILL),
    ],
)
def test_each_call_gets_its_answer(
    machine: str, audit: int, number: int, arguments: tuple[int, ...], expected: int
) -> None:
    assert verdict(machine, audit, number, *arguments) == expected


@given(
    st.sampled_from([("x86_64", X86_64), ("aarch64", AARCH64)]),
    st.integers(0, 2**32 - 1),
    st.lists(st.integers(0, 2**64 - 1), max_size=6),
)
def test_every_call_is_answered(
    machine: tuple[str, int], number: int, arguments: list[int]
) -> None:
    answer = verdict(*machine, number, *arguments)

    assert answer == ALLOW or answer >> 16 == 5


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_the_high_half_of_an_argument_hides_nothing(flags: int, high: int) -> None:
    plain = verdict("x86_64", X86_64, 56, flags)

    assert verdict("x86_64", X86_64, 56, flags | high << 32) == plain


def test_an_unknown_machine_is_refused() -> None:
    with pytest.raises(SandboxError, match="riscv64"):
        filter_program("riscv64")
