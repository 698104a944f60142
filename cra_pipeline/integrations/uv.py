"""Resolution by ``uv pip compile``: requirement lines in, addresses and hashes of wheels out.

Only wheels are considered, so that nothing of a repository or of a source distribution runs
here. uv never sees the repository: it gets the lines on standard input, in an empty folder, and
reaches the package index by its own ordinary configuration unless an address is given.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import tomllib
from dataclasses import dataclass
from typing import Any

from packaging.tags import sys_tags
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import EnvironmentBuildError

PYTHON = ".".join(str(part) for part in sys.version_info[:3])
"""Version of the interpreter that every environment is made for, such as ``3.11.7``."""

PLATFORM = sysconfig.get_platform().replace("-", "_").replace(".", "_")
"""Such as ``linux_x86_64``."""

_RANKS = {str(tag): rank for rank, tag in enumerate(sys_tags())}
_NETWORK = re.compile(
    r"failed to fetch|error sending request|request failed|could not connect|timed out"
    r"|connection (?:refused|reset)|dns error|offline|status (?:server )?error",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedWheel:
    """One wheel that the index offers.

    Attributes:
        name: Normalised distribution name.
        version: Its version.
        filename: Of the wheel.
        url: Where it lies now; never stored.
        sha256: Hash that the index states.
        size: Bytes, or 0 where the index does not say.
    """

    name: str
    version: str
    filename: str
    url: str
    sha256: str
    size: int


class UnresolvableError(EnvironmentBuildError):
    """The index answered, but no set of wheels fulfils the requirements; uv's words inside."""


def resolve(
    layout: Layout, requirements: tuple[str, ...], *, as_of: str = "", index_url: str = ""
) -> tuple[ResolvedWheel, ...]:
    """Find wheels for requirements and everything that they need, sorted by name.

    Args:
        layout: Workspace; uv's cache and working folder lie in it.
        requirements: Lines without options, markers evaluated.
        as_of: ``YYYY-MM-DD``: nothing that was uploaded after this day (UTC); empty for no bound.
        index_url: Address of a simple index in place of the configured one.

    Raises:
        UnresolvableError: No solution.
        EnvironmentBuildError: The index could not be reached, or uv failed otherwise.
    """
    empty = layout.scratch / "uv-empty"
    empty.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        _command(layout, as_of, index_url),
        input="".join(f"{line}\n" for line in requirements),
        capture_output=True,
        text=True,
        check=False,
        cwd=empty,
        env=_environment(index_url),
    )
    if done.returncode:
        raise _failure(done.stderr, as_of)
    return read_pylock(done.stdout)


def _command(layout: Layout, as_of: str, index_url: str) -> list[str]:
    from uv import find_uv_bin

    command = [
        find_uv_bin(), "pip", "compile", "-", "--quiet", "--no-header", "--no-annotate",
        "--format", "pylock.toml", "--only-binary", ":all:", "--python", sys.executable,
        "--no-python-downloads", "--cache-dir", str(layout.root / "uv-cache"), "--no-sources",
    ]  # fmt: skip
    if as_of:
        command += ["--exclude-newer", f"{as_of}T23:59:59Z"]
    if index_url:
        command += ["--default-index", index_url, "--no-config"]
    return command


def _environment(index_url: str) -> dict[str, str]:
    """The user's own; with an index given, nothing in it may name a second index."""
    if not index_url:
        return dict(os.environ)
    kept = {key: value for key, value in os.environ.items() if not key.startswith("UV_")}
    near = {"NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"}
    # On this machine an index is there or it is not: waiting for it helps nobody.
    return kept | near | {"UV_HTTP_RETRIES": "0"}


def _failure(stderr: str, as_of: str) -> EnvironmentBuildError:
    words = " ".join(stderr.split())
    bound = f" as of {as_of}" if as_of else ""
    if _NETWORK.search(words):
        return EnvironmentBuildError(
            f"the package index could not be reached{bound}: {words[:600]}: check the network and "
            "uv's configuration, then run the same command again; finished work is kept"
        )
    return UnresolvableError(f"no wheels{bound}: {words[:2000]}")


def read_pylock(text: str) -> tuple[ResolvedWheel, ...]:
    """Wheels of a ``pylock.toml``, the best fitting one of each package, sorted by name.

    Raises:
        EnvironmentBuildError: A package has no wheel for this interpreter, or the text is no lock.
    """
    try:
        packages: list[dict[str, Any]] = tomllib.loads(text).get("packages", [])
        wheels = [_best(package) for package in packages]
    except (tomllib.TOMLDecodeError, KeyError) as error:
        raise EnvironmentBuildError(f"uv's lock could not be read: {error!r}") from error
    return tuple(sorted(wheels, key=lambda wheel: wheel.name))


def _best(package: dict[str, Any]) -> ResolvedWheel:
    ranked = [
        (rank, wheel["url"])
        for wheel in package.get("wheels", [])
        if (rank := wheel_rank(_filename(wheel))) is not None
    ]
    if not ranked:
        raise UnresolvableError(f"no wheels: {package['name']} has no usable wheels for {PYTHON}")
    _, url = min(ranked)
    wheel = next(item for item in package["wheels"] if item["url"] == url)
    return ResolvedWheel(
        name=canonicalize_name(package["name"]),
        version=package["version"],
        filename=_filename(wheel),
        url=url,
        sha256=wheel["hashes"]["sha256"],
        size=wheel.get("size", 0),
    )


def _filename(wheel: dict[str, Any]) -> str:
    name = wheel.get("name") or wheel["url"].partition("#")[0].rpartition("/")[2]
    return str(name).replace("%2B", "+").replace("%2b", "+")


def wheel_rank(filename: str) -> int | None:
    """How well a wheel fits this interpreter: 0 is best, None if not at all."""
    try:
        tags = parse_wheel_filename(filename)[3]
    except InvalidWheelFilename:
        return None
    return min((_RANKS[str(tag)] for tag in tags if str(tag) in _RANKS), default=None)
