"""One run of a repository's tests in the sandbox: what goes in, what is believed of what comes out.

Everything a run needs beside its tree is written into a folder of its own below ``scratch`` and
removed afterwards, so that many threads may run at once.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path, PurePosixPath

from cra_pipeline.contracts.packages import TextFile
from cra_pipeline.contracts.ports import Sandbox
from cra_pipeline.contracts.sandbox import Bind, SandboxRequest
from cra_pipeline.contracts.testrun import TestRunReport, TestRunRequest
from cra_pipeline.integrations.testrun.appending import append
from cra_pipeline.integrations.testrun.report import build_report
from cra_pipeline.integrations.testrun.sentinels import Planted, plant, unplanted

ROOT = "/repo"
SHIM = "/shim"
SCRIPTS = "/cra"
"""Where the reporting script and its orders are bound, read-only."""

_HOME = "/home/sandbox"


class PytestRunner:
    """Runs tests in a sandbox; a ``TestRunner``.

    Args:
        sandbox: Where foreign code runs.
        scratch: Existing or new folder of the workspace for work in flight.
    """

    def __init__(self, sandbox: Sandbox, scratch: Path) -> None:
        self._sandbox = sandbox
        self._scratch = scratch

    def run(self, request: TestRunRequest) -> TestRunReport:
        """Run once; a sandbox that did not start is an ending, not an exception."""
        nonce = secrets.token_bytes(32)
        planted = _planted(request)
        with _folder(self._scratch) as folder:
            result = self._sandbox.run(sandbox_request(request, planted, nonce, folder))
        return build_report(result, nonce, planted, collect_only=request.collect_only)


def sandbox_request(
    request: TestRunRequest, planted: Planted, nonce: bytes, folder: Path
) -> SandboxRequest:
    """Lay out ``folder`` for one run and say what the sandbox has to do with it."""
    environment = request.environment
    roots = [str(PurePosixPath(ROOT) / root) for root in environment.import_roots]
    _write(folder / "scripts", _scripts(request, planted, [SHIM, *roots]))
    _write(folder / "shim", environment.shim)
    layers = list(request.layers)
    if environment.generated:
        layers.insert(0, _write(folder / "generated", environment.generated))
    if planted.files:
        written = {**planted.files, **planted.appended.files}
        texts = [TextFile(path=path, text=text) for path, text in written.items()]
        layers.append(_write(folder / "sentinels", texts))
    return SandboxRequest(
        argv=("/env/bin/python", "-s", f"{SCRIPTS}/inside.py"),
        tree=request.tree,
        layers=tuple(layers),
        binds=(
            Bind(source=request.env_folder, target="/env"),
            Bind(source=Path(sys.base_prefix), target="/python"),
            Bind(source=folder / "shim", target=SHIM),
            Bind(source=folder / "scripts", target=SCRIPTS),
        ),
        env=_environment(request.hash_seed),
        cwd=ROOT,
        secret=json.dumps({"nonce": nonce.hex()}).encode(),
        channel=True,
        limits=request.limits,
    )


def ordered(test_files: Iterable[str], seed: int) -> list[str]:
    """The files in their own order for seed 0, else in one drawn by the seed and their names."""
    files = list(dict.fromkeys(test_files))
    if seed == 0:
        return files
    return sorted(files, key=lambda path: hashlib.sha256(f"{seed}:{path}".encode()).hexdigest())


def _planted(request: TestRunRequest) -> Planted:
    wanted = ordered(request.test_files, request.order_seed)
    if not request.sentinels or request.collect_only:
        return unplanted(wanted)
    places = [request.tree, *request.layers]
    folders = sorted({str(PurePosixPath(path).parent) for path in wanted if _lies(places, path)})
    draw = secrets.SystemRandom()
    appended = append(_contents(request, wanted), draw)
    return plant(wanted, folders or ["."], _test_names(places), draw, appended)


def _test_names(places: Iterable[Path]) -> set[str]:
    """Names of all files anywhere that a planted one could be called."""
    return {
        name
        for place in places
        for _, folders, files in os.walk(place)
        for name in (*files, *(f"{folder}.py" for folder in folders))
        if name.startswith("test_")
    }


def _contents(request: TestRunRequest, wanted: Iterable[str]) -> dict[str, bytes]:
    """The wanted files as they will lie in the tree, links and what is under links left out."""
    found: dict[str, bytes] = {}
    places = (*reversed(request.layers), request.tree)
    generated = {file.path for file in request.environment.generated}
    for path in {*wanted} - {*request.deleted} - generated:
        for place in places:
            if _is_plain(place, path):
                found[path] = (place / path).read_bytes()
            if os.path.lexists(place / path):
                break
    return {path: content for path, content in found.items() if not _linked(places, path)}


def _is_plain(place: Path, path: str) -> bool:
    return (place / path).is_file() and not (place / path).is_symlink()


def _linked(places: Iterable[Path], path: str) -> bool:
    parents = PurePosixPath(path).parents
    return ".." in path or any((place / part).is_symlink() for place in places for part in parents)


def _lies(places: Iterable[Path], path: str) -> bool:
    return any((place / path).is_file() for place in places)


def _scripts(request: TestRunRequest, planted: Planted, path: list[str]) -> Iterator[TextFile]:
    source = resources.files(__package__)
    for name, target in (("inside.py", "inside.py"), ("reporter.py", "cra_reporter.py")):
        yield TextFile(path=target, text=source.joinpath(name).read_text(encoding="utf-8"))
    orders = {
        "root": ROOT,
        "home": _HOME,
        "cache": "/tmp/pytest-cache",  # noqa: S108  # inside
        "path": path,
        "shim": SHIM,
        "args": request.environment.test_args,
        "files": planted.order,
        "deleted": request.deleted,
        "order_seed": request.order_seed,
        "collect_only": request.collect_only,
        "tracebacks": request.tracebacks,
    }
    yield TextFile(path="spec.json", text=json.dumps(orders))


def _environment(hash_seed: int) -> tuple[tuple[str, str], ...]:
    """The whole environment; PYTHONPATH is set inside, after the secret was read."""
    return (
        ("PATH", f"{SHIM}/bin:/env/bin:/usr/bin:/bin"),
        ("HOME", _HOME),
        ("USER", "tester"),
        ("LOGNAME", "tester"),
        ("PYTHONHASHSEED", str(hash_seed)),
        ("PYTHONDONTWRITEBYTECODE", "1"),
        ("TZ", "UTC"),
        ("LC_ALL", "C.UTF-8"),
        ("LANG", "C.UTF-8"),
        ("TERM", "dumb"),
        ("COLUMNS", "80"),
    )


@contextmanager
def _folder(scratch: Path) -> Iterator[Path]:
    scratch.mkdir(parents=True, exist_ok=True)
    # The process id in the name lets a later run sweep what a killed one left.
    folder = Path(tempfile.mkdtemp(dir=scratch, prefix=f"testrun-{os.getpid()}-"))
    # The sandbox may look at it as another user.
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _write(folder: Path, files: Iterable[TextFile]) -> Path:
    folder.mkdir(mode=0o755)
    for file in files:
        place = folder / file.path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(file.text, encoding="utf-8", newline="")
        if file.path.startswith("bin/"):
            place.chmod(0o755)
    return folder
