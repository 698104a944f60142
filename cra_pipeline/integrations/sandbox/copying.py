"""The slow way to a writable tree: copy it into the stage.

Runs inside the launcher, where the kernel cannot overlay the tree: standard library only.
"""

from __future__ import annotations

import os
import stat

_COPY_CHUNK = 1 << 24


def copy_tree(descriptor: int, target: str, user: int) -> None:
    """Copy files, folders and links over ``target``; what is none of these is left out.

    Modes and times are kept, because byte-compiled modules are matched by them. Nothing is
    followed: neither a link in the source nor one that an earlier layer left in the target.

    Args:
        descriptor: The source folder.
        target: Existing folder; what is in the way is replaced.
        user: Owner and group of the copies; negative leaves the caller's own.
    """
    source = os.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY | os.O_DIRECTORY)
    folder = os.open(target, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        _copy_entries(source, folder, user)
        _finish_folder(source, folder, user)
    finally:
        os.close(source)
        os.close(folder)


def _copy_entries(source: int, folder: int, user: int) -> None:
    with os.scandir(source) as entries:
        for entry in entries:
            if entry.is_symlink():
                _clear(entry.name, folder)
                os.symlink(os.readlink(entry.name, dir_fd=source), entry.name, dir_fd=folder)
                if user >= 0:
                    os.chown(entry.name, user, user, dir_fd=folder, follow_symlinks=False)
            elif entry.is_dir(follow_symlinks=False):
                _copy_folder(entry.name, source, folder, user)
            elif entry.is_file(follow_symlinks=False):
                _copy_file(entry.name, source, folder, user)


def _copy_folder(name: str, source: int, folder: int, user: int) -> None:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
    inner = os.open(name, flags, dir_fd=source)
    try:
        if not _is_folder(name, folder):
            _clear(name, folder)
            os.mkdir(name, dir_fd=folder)
        outer = os.open(name, flags, dir_fd=folder)
        try:
            _copy_entries(inner, outer, user)
            _finish_folder(inner, outer, user)
        finally:
            os.close(outer)
    finally:
        os.close(inner)


def _finish_folder(source: int, folder: int, user: int) -> None:
    found = os.fstat(source)
    if user >= 0:
        os.chown(folder, user, user)
    os.fchmod(folder, found.st_mode & 0o7777)
    os.utime(folder, ns=(found.st_atime_ns, found.st_mtime_ns))


def _copy_file(name: str, source: int, folder: int, user: int) -> None:
    _clear(name, folder)
    reader = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=source)
    writer = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=folder)
    try:
        found = os.fstat(reader)
        while os.sendfile(writer, reader, None, _COPY_CHUNK):
            pass
        if user >= 0:
            os.chown(writer, user, user)
        os.fchmod(writer, found.st_mode & 0o777)
        os.utime(writer, ns=(found.st_atime_ns, found.st_mtime_ns))
    finally:
        os.close(reader)
        os.close(writer)


def _is_folder(name: str, folder: int) -> bool:
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return stat.S_ISDIR(found.st_mode)


def _clear(name: str, folder: int) -> None:
    """Remove what an earlier layer left under this name."""
    if _is_folder(name, folder):
        inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
        try:
            with os.scandir(inner) as entries:
                for entry in list(entries):
                    _clear(entry.name, inner)
        finally:
            os.close(inner)
        os.rmdir(name, dir_fd=folder)
        return
    try:
        os.unlink(name, dir_fd=folder)
    except FileNotFoundError:
        return
