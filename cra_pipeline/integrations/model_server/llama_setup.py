"""llama-server and its converter, built from one pinned source, so that they fit each other."""

from __future__ import annotations

import hashlib
import shutil
import sys
import tarfile
from pathlib import Path

from cra_pipeline.errors import EnvironmentBuildError
from cra_pipeline.integrations.model_server.setting_up import Command, SetUp

PACKAGE, RELEASE = "llama-cpp-python", "0.3.36"
_SHA256 = "832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e"
_WITHIN = f"llama_cpp_python-{RELEASE}/vendor/llama.cpp/"
_TOOLS = ("cmake==4.4.5", "ninja==1.13.2")
_SETTINGS = {
    "CMAKE_BUILD_TYPE": "Release",
    "LLAMA_BUILD_SERVER": "ON",
    "LLAMA_BUILD_TOOLS": "ON",
    "LLAMA_BUILD_TESTS": "OFF",
    "LLAMA_BUILD_EXAMPLES": "OFF",
    "LLAMA_BUILD_APP": "OFF",
    "LLAMA_BUILD_UI": "OFF",
    "LLAMA_USE_PREBUILT_UI": "OFF",
    "LLAMA_OPENSSL": "OFF",
    "BUILD_SHARED_LIBS": "OFF",
    # For this machine's own processor: the binary is not carried to another one.
    "GGML_NATIVE": "ON",
}


def llama_program(folder: Path) -> Path:
    """The server."""
    return folder / "bin" / "llama-server"


def llama_source(folder: Path) -> Path:
    """Holds the converters, ``convert_hf_to_gguf.py`` and ``convert_lora_to_gguf.py``."""
    return folder / "source"


def set_up_llama_server(set_up: SetUp) -> str:
    """Download the source, build the server, keep the converters; a quarter of an hour of one core.

    Returns:
        The version that it tells.

    Raises:
        EnvironmentBuildError: A step failed, or the source is not the pinned one.
    """
    source, build = llama_source(set_up.folder), set_up.folder / "build"
    _unpacked(_downloaded(set_up), source)
    tools = _tools(set_up)
    settings = [f"-D{key}={value}" for key, value in _SETTINGS.items()]
    program = llama_program(set_up.folder)
    if not program.exists():
        ninja = f"-DCMAKE_MAKE_PROGRAM={tools / 'ninja'}"
        make: Command = [
            tools / "cmake",
            "-G",
            "Ninja",
            ninja,
            "-S",
            source,
            "-B",
            build,
            *settings,
        ]
        set_up.step("configuration", make)
        # Not remembered: the build itself knows what is up to date.
        target: Command = ["--build", build, "--target", program.name, "--parallel"]
        set_up.step("build", [tools / "cmake", *target], once=False)
        program.parent.mkdir(exist_ok=True)
        shutil.copy2(build / "bin" / program.name, program.with_suffix(".part"))
        program.with_suffix(".part").replace(program)
    set_up.step("version", [program, "--version"], once=False)
    shutil.rmtree(build, ignore_errors=True)
    return f"of {PACKAGE} {RELEASE}"


def _downloaded(set_up: SetUp) -> Path:
    folder = set_up.folder / "sdist"
    archive = folder / f"llama_cpp_python-{RELEASE}.tar.gz"
    if not archive.exists():
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        wanted = ["--no-deps", "--no-binary", PACKAGE, f"{PACKAGE}=={RELEASE}"]
        set_up.step("source", [*pip, "--dest", folder, *wanted], once=False)
    with archive.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != _SHA256:
        raise EnvironmentBuildError(
            f"{archive}: SHA-256 {found[:12]}, expected {_SHA256[:12]}: cut off, or another file; "
            "delete it and run the same command again"
        )
    return archive


def _unpacked(archive: Path, source: Path) -> None:
    if source.exists():
        return
    half = source.with_suffix(".part")
    shutil.rmtree(half, ignore_errors=True)
    with tarfile.open(archive) as tar:
        for member in tar:
            if member.name.startswith(_WITHIN):
                tar.extract(member, half, filter="data")
    (half / _WITHIN).replace(source)
    shutil.rmtree(half)


def _tools(set_up: SetUp) -> Path:
    from uv import find_uv_bin

    folder = set_up.folder / "tools"
    uv = find_uv_bin()
    set_up.step("tools", [uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder])
    python = folder / "bin" / "python"
    set_up.step("cmake and ninja", [uv, "pip", "install", "--quiet", "--python", python, *_TOOLS])
    return folder / "bin"
