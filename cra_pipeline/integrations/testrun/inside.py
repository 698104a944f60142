"""Stand-alone script inside the sandbox: runs pytest and reports on the inherited pipe.

It is run by the environment's own interpreter with nothing of this project beside it but the
plug-in, so it needs only the standard library, the syntax of Python 3.8, and the environment's
pytest (7.2 to 9). The secret is read, its descriptor closed and pytest imported before anything of
the repository can run. What foreign code in the same process can still do is in
``harness.forging``; sentinels and the scan of the change answer it, not this module.
"""

from __future__ import annotations

import builtins
import fcntl
import hmac
import json
import os
import shutil
import sys
import types
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Send = Callable[..., None]

_PLUGINS = "pytest11"
_HIGH_DESCRIPTOR = 700
_UNTOUCHABLE = frozenset({"pytest", "_pytest", "pluggy", "py"})


def open_channel(descriptor: int, nonce: bytes) -> Send:
    """A function that writes numbered, signed lines ``<number> <hmac> <json>``.

    Forked children and a descriptor that a test has closed make it silent: the missing closing
    line then says that the session cannot be judged. All that it needs are locals here, out of
    reach of who patches modules and classes, and of tests that forget to put back what they did.
    """
    write, getpid, fstat = os.write, os.getpid, os.fstat
    encode = json.JSONEncoder(sort_keys=True).encode
    private = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _HIGH_DESCRIPTOR)
    # Whatever else was inherited is no business of foreign code.
    os.closerange(3, private)
    # The library keeps the key: the nonce itself is in no Python object from here on.
    signer = hmac.new(nonce, digestmod="sha256")
    process = getpid()
    number = tests = 0

    def pipe() -> tuple[int, int]:
        status = fstat(private)
        return status.st_dev, status.st_ino

    identity = pipe()

    def send(**payload: object) -> None:
        nonlocal number, tests
        if getpid() != process:
            return
        tests += payload["kind"] == "test"
        if payload["kind"] == "end":
            payload["tests"] = tests
        head = b"%d" % number
        body = encode(payload).encode("ascii")
        signing = signer.copy()
        signing.update(head + b" " + body)
        number += 1
        rest = b"%b %b %b\n" % (head, signing.hexdigest().encode(), body)
        try:
            # A test may have closed it, and its number may be another file's by now.
            while rest and pipe() == identity:
                rest = rest[write(private, rest) :]
        except OSError:
            return

    return send


def read_secret() -> bytes:
    """The nonce; its descriptor is closed and its number forgotten."""
    with os.fdopen(int(os.environ.pop("CRA_SECRET_FD")), "rb") as secret:
        return bytes.fromhex(json.loads(secret.read())["nonce"])


def remove(root: Path, paths: list[str]) -> None:
    """Delete paths of the throw-away tree; what is absent is absent already."""
    for path in paths:
        place = root / path
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place, ignore_errors=True)
        elif os.path.lexists(place):
            place.unlink()


def extend_path(folders: list[str]) -> None:
    """Put folders behind the standard library and before the environment.

    Behind, because a file called ``json.py`` in a checkout must not replace the library's.
    """
    sites = [place for place, name in enumerate(sys.path) if name.endswith("-packages")]
    place = sites[0] if sites else len(sys.path)
    sys.path[place:place] = folders
    os.environ["PYTHONPATH"] = os.pathsep.join(folders)


def forget_shadowed(folders: list[str]) -> None:
    """Let the tests import the checkout's own copy of what pytest had to load first."""
    for name in sorted({module.partition(".")[0] for module in sys.modules} - _UNTOUCHABLE):
        origin = str(getattr(sys.modules.get(name), "__file__", None) or "")
        if "-packages" in origin and any(_offers(Path(folder), name) for folder in folders):
            for module in [key for key in sys.modules if f"{key}.".startswith(f"{name}.")]:
                del sys.modules[module]


def _offers(folder: Path, name: str) -> bool:
    return (folder / f"{name}.py").is_file() or (folder / name).is_dir()


def load_pytest(folders: list[str]) -> Any:  # noqa: ANN401  # a module of an unknown version
    """Import pytest before the checkout is importable; after, where it needs the checkout."""
    try:
        import pytest
    except ImportError:
        # Old versions import attrs, which a history of attrs provides itself.
        extend_path(folders)
        import pytest
    else:
        extend_path(folders)
        forget_shadowed(folders)
    return pytest


def arguments(spec: dict[str, Any], present: list[str]) -> Iterator[str]:
    """Arguments of pytest: the history's own first, so that ours win."""
    yield from spec["args"]
    yield from (f"--rootdir={spec['root']}", "-o", f"cache_dir={spec['cache']}")
    yield from ("-q", "--color=no", "--no-header")
    if not spec["tracebacks"]:
        yield from ("--tb=no", "--show-capture=no")
    yield "--continue-on-collection-errors"
    if spec["collect_only"]:
        yield "--collect-only"
    yield from present


def found_plugins(shim: str) -> tuple[Any, ...]:
    """Distributions of the environment and the shim with plug-ins of pytest for entry points.

    To be called before the checkout is importable: a change may add a ``*.dist-info`` folder.
    """
    known = metadata.distributions(path=[shim, *sys.path])
    return tuple(
        (dist, point) for dist in known for point in dist.entry_points if point.group == _PLUGINS
    )


def pin_plugins(plugins: tuple[Any, ...]) -> None:
    """Let pytest load only these by entry point, whenever it looks for some."""
    import pluggy

    manager = pluggy.PluginManager
    original = manager.load_setuptools_entrypoints
    facade = sys.modules[manager.__module__].DistFacade

    def load_setuptools_entrypoints(self: Any, group: str, name: str | None = None) -> int:  # noqa: ANN401  # a manager of an unknown version
        if group != _PLUGINS:
            return int(original(self, group, name))
        count = 0
        for dist, point in plugins:
            unwanted = self.get_plugin(point.name) or self.is_blocked(point.name)
            if unwanted or name not in (None, point.name):
                continue
            plugin = point.load()
            self.register(plugin, name=point.name)
            self._plugin_distinfo.append((plugin, facade(dist)))
            count += 1
        return count

    manager.load_setuptools_entrypoints = load_setuptools_entrypoints  # type: ignore[method-assign]  # the point of it


def run(send: Send, spec: dict[str, Any], reporter: Any) -> None:  # noqa: ANN401  # our module
    """Run the session and send its closing line."""
    problem = reporter.problem_teller(send)
    root = Path(spec["root"])
    present = [path for path in spec["files"] if os.path.lexists(root / path)]
    for path in sorted({*spec["files"]} - {*present}):
        problem(path, None, "no such file in the tree")
    code = 5
    try:
        plugins = found_plugins(spec["shim"])
        pytest = load_pytest(spec["path"])
        pin_plugins(plugins)
        ours = reporter.plug_in(pytest, send, spec["order_seed"], collect_only=spec["collect_only"])
        # Without a path pytest would collect everything.
        if present:
            code = int(pytest.main(list(arguments(spec, present)), plugins=[ours]))
    except BaseException as error:  # noqa: BLE001  # foreign code raises what it likes
        problem("", error)
        code = 3
    send(kind="end", code=code)


def step_aside() -> None:
    """Put an empty module in this one's place: ``import __main__`` leads nowhere."""
    empty = types.ModuleType("__main__")
    vars(empty)["__builtins__"] = builtins
    sys.modules["__main__"] = empty


def main() -> None:
    """Read what to run from beside the script, run it, and leave without asking anybody."""
    leave = os._exit
    send = open_channel(int(os.environ.pop("CRA_CHANNEL_FD")), read_secret())
    # Its folder is first on the path until here: foreign code must not import from it.
    import cra_reporter  # type: ignore[import-not-found]  # the runner's copy of reporter.py

    here = Path(sys.path.pop(0))
    del sys.modules["cra_reporter"]
    step_aside()
    spec = json.loads((here / "spec.json").read_text(encoding="utf-8"))
    Path(spec["home"]).mkdir(parents=True, exist_ok=True)
    os.chdir(spec["root"])
    remove(Path(spec["root"]), spec["deleted"])
    sys.argv = ["pytest"]
    run(send, spec, cra_reporter)
    for stream in (sys.__stdout__, sys.__stderr__):
        try:
            stream.flush()  # type: ignore[union-attr]  # None is one of the named errors
        except (AttributeError, OSError, ValueError):
            continue
    # Threads and exit handlers of the tests would keep the interpreter waiting.
    leave(0)


if __name__ == "__main__":
    main()
