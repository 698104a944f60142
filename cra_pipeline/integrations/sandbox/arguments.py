"""Bubblewrap's options for one request: what the inside looks like. Pure."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path, PurePosixPath

from cra_pipeline.contracts.sandbox import Bind, SandboxRequest
from cra_pipeline.errors import SandboxError
from cra_pipeline.integrations.sandbox.plan import CHANNEL, FILTER, SECRET, STATUS

_ISOLATION = (
    *("--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent", "--new-session"),
    *("--uid", "1000", "--gid", "1000", "--hostname", "sandbox", "--clearenv"),
    *("--seccomp", str(FILTER), "--json-status-fd", str(STATUS)),
)
_SYSTEM = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
# Foreign code controls what lies in these, or the sandbox itself made them: a mount point there
# could be led elsewhere by a link (CVE-2026-87766).
_OWN = frozenset(
    (
        *("bin", "boot", "dev", "etc", "home", "lib", "lib32", "lib64", "libx32", "proc"),
        *("repo", "root", "run", "sbin", "sys", "tmp", "usr", "var"),
    )
)
_PACKAGES = ("site-packages", "dist-packages")
# Name on the stage, and where it appears inside, in the order of mounting.
_WRITABLE = (
    ("shm", "/dev/shm"),  # noqa: S108  # a path inside
    ("repo", "/repo"),
    ("tmp", "/tmp"),  # noqa: S108  # a path inside
    ("vartmp", "/var/tmp"),  # noqa: S108  # a path inside
    ("home", "/home/sandbox"),
)


def require_sound(request: SandboxRequest) -> None:
    """Refuse what could not be shown safely.

    Raises:
        SandboxError: A source is missing, or a mount point lies where foreign code could move it.
    """
    if not request.argv:
        raise SandboxError("sandbox: no command was given; expected at least a program's name")
    for folder in (request.tree, *request.layers):
        if not folder.is_dir():
            raise SandboxError(f"sandbox: {folder}: no folder; check out the tree first")
    _require_shown(request)
    for outer, inner in pairwise(sorted(f"{bind.target}/" for bind in shown_binds(request))):
        if inner.startswith(outer):
            raise SandboxError(
                f"sandbox: bind targets {outer[:-1]} and {inner[:-1]}: one lies in the other; "
                "choose separate ones"
            )
    for name, value in request.env:
        if "\0" in name + value or "=" in name or not name:
            raise SandboxError(f"sandbox: {name!r} cannot be an environment variable")


def _require_shown(request: SandboxRequest) -> None:
    for bind in shown_binds(request):
        _require_target(bind)
    for bind in request.binds:
        _require_plain(bind)
    for bind in request.sockets:
        if not bind.source.is_socket():
            raise SandboxError(f"sandbox: {bind.source}: no socket; start what listens on it first")


def shown_binds(request: SandboxRequest) -> tuple[Bind, ...]:
    """Everything that is shown beside the tree, in the order of its numbers on the stage."""
    return (*request.binds, *request.sockets)


def _require_target(bind: Bind) -> None:
    target = PurePosixPath(bind.target)
    plain = str(target) == bind.target and ".." not in target.parts and len(target.parts) > 1
    if not (plain and target.is_absolute()):
        raise SandboxError(
            f"sandbox: bind target {bind.target!r}: expected a plain absolute path such as /env"
        )
    if target.parts[1] in _OWN:
        raise SandboxError(
            f"sandbox: bind target {bind.target}: /{target.parts[1]} is the sandbox's own; bind "
            "to a folder of another name, or add files to the tree as a layer"
        )


def _require_plain(bind: Bind) -> None:
    if not (bind.source.is_dir() or bind.source.is_file()):
        # A socket leads out of the sandbox through a read-only mount: only a named one may.
        raise SandboxError(
            f"sandbox: {bind.source}: missing, or neither a file nor a folder; only these can be "
            "shown inside"
        )


def bubblewrap_options(request: SandboxRequest, stage: str) -> bytes:
    """Options before the command, each ended by a NUL, as ``--args`` reads them.

    Args:
        request: A sound request.
        stage: Where the launcher sets its stage; ``mounts`` names what lies below it.
    """
    options = [*_ISOLATION, *_environment(request), *_system(), *_etc(stage)]
    options += ["--proc", "/proc", "--ro-bind", "/proc/sys", "/proc/sys"]
    options += ["--dev", "/dev"]
    for name, target in _WRITABLE:
        options += ["--bind", f"{stage}/{name}", target]
    for number, bind in enumerate(shown_binds(request)):
        options += ["--ro-bind", f"{stage}/bind/{number}", bind.target]
    for target in _foreign_packages(request):
        options += ["--ro-bind", f"{stage}/none", target]
    # Both are file systems of bubblewrap's own, which have no size.
    options += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", request.cwd]
    return b"".join(os.fsencode(option) + b"\0" for option in options)


def _environment(request: SandboxRequest) -> list[str]:
    variables = dict(request.env)
    libraries = [bind.target for bind in request.binds if _has_libpython(bind.source)]
    if libraries:
        # An interpreter built with a shared library looks for it where it was built.
        variables.setdefault("LD_LIBRARY_PATH", f"{libraries[0]}/lib")
    if request.channel:
        variables["CRA_CHANNEL_FD"] = str(CHANNEL)
    if request.secret:
        variables["CRA_SECRET_FD"] = str(SECRET)
    options = []
    for name, value in variables.items():
        options += ["--setenv", name, value]
    return options


def _foreign_packages(request: SandboxRequest) -> list[str]:
    """Folders inside where the host's own packages lie; nothing of the host is to be imported.

    An environment has packages too, but no standard library beside them: it stays as it is.
    """
    shown = [(Path("/usr"), "/usr"), *((bind.source, bind.target) for bind in request.binds)]
    found: list[str] = []
    for source, target in shown:
        if any(source.glob("lib*/python3*/os.py")) or target == "/usr":
            found += [f"{target}/{place.relative_to(source)}" for place in _packages(source)]
    return sorted(found)


def _packages(prefix: Path) -> Iterator[Path]:
    """Package folders below an interpreter's prefix, those behind links left out."""
    for library in prefix.glob("lib*"):
        for version in library.glob("python3*") if _is_real_folder(library) else ():
            for name in _PACKAGES if _is_real_folder(version) else ():
                if _is_real_folder(version / name):
                    yield version / name
    if _is_real_folder(prefix / "local"):
        yield prefix / "local"


def _is_real_folder(place: Path) -> bool:
    return place.is_dir() and not place.is_symlink()


def _has_libpython(source: Path) -> bool:
    return any((source / "lib").glob("libpython*.so*"))


def _system() -> list[str]:
    """The host's programs and libraries, laid out as the host has them."""
    options = ["--ro-bind", "/usr", "/usr"]
    for path in map(Path, _SYSTEM):
        if path.is_symlink():
            options += ["--symlink", str(path.readlink()), str(path)]
        elif path.is_dir():
            options += ["--ro-bind", str(path), str(path)]
    return options


def _etc(stage: str) -> list[str]:
    options = ["--ro-bind", f"{stage}/etc", "/etc"]
    for path in ("/etc/ld.so.cache", "/etc/alternatives"):
        options += ["--ro-bind-try", path, path]
    return options
