"""The secret that clients of a shared address must show, and the file that keeps it."""

from __future__ import annotations

import os
import re
import secrets
import stat
from pathlib import Path

from cra_pipeline.errors import StoreError

_TOKEN = re.compile(r"[A-Za-z0-9_-]{16,256}")
_BYTES = 32
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def obtain_token(path: Path) -> str:
    """Read the token, or make one that only this user can read.

    Raises:
        StoreError: The file cannot be read or made, others may read it, or it holds no token; its
            text is in no message.
    """
    try:
        if not path.exists():
            _make(path)
        content = path.read_text(encoding="ascii")
        mode = path.stat().st_mode
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(
            f"{path}: no token can be had there ({type(error).__name__}): mend the folder's "
            "rights, or remove the file to have it made anew"
        ) from None
    if mode & _OTHERS:
        raise StoreError(f"{path}: others may read this token: chmod 600 {path}")
    token = content.strip()
    if not _TOKEN.fullmatch(token):
        raise StoreError(
            f"{path}: holds no token; expected 16 to 256 letters, digits, - and _: remove the "
            "file to have it made anew"
        )
    return token


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Made with its mode at once, and not over a file that somebody else has just made.
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    with os.fdopen(os.open(path, flags, stat.S_IRUSR | stat.S_IWUSR), "w") as file:
        file.write(secrets.token_urlsafe(_BYTES) + "\n")
