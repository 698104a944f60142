"""What adapters cost on a GPU, measure by measure: servers of vLLM one after the other.

    python -m cra_pipeline_tests.benchmarks.vllm_adapters.run FOLDER TUNED OUT NAME [NAME …]

FOLDER is what ``shape`` wrote, TUNED what ``tuning`` wrote; NAME is a row of ``SERVERS``. Each
measurement is a line of ``OUT/results.jsonl``. Compare lines of one machine only.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cra_pipeline_tests.benchmarks.vllm_adapters.load import Turns, equal_in_a_crowd, throughput
from cra_pipeline_tests.benchmarks.vllm_adapters.shape import ADAPTERS

PORT = 8011
URL = f"http://127.0.0.1:{PORT}"
CLIENTS, REQUESTS, QUEUED = 64, 256, 192
START_S = 300.0
GRAPHS = '{"cudagraph_capture_sizes": [1, 2, 4, 8, 16, 32, 48, 64, 96, 128]}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One configuration.

    Attributes:
        rank: Of its adapters; 0 for a server without any.
        tuned: Whether the card's own kernel settings are read.
        specialized: Whether graphs are made for each number of active adapters.
        dual: Whether adapters are computed on a stream of their own.
        invariant: Whether answers do not depend on the batch.
    """

    rank: int = 32
    tuned: bool = False
    specialized: bool = False
    dual: bool = False
    invariant: bool = False


SERVERS = {
    "base": Server(rank=0),
    "plain": Server(),
    "tuned": Server(tuned=True),
    "special": Server(tuned=True, specialized=True),
    "dual": Server(tuned=True, specialized=True, dual=True),
    "rank8": Server(rank=8, tuned=True, specialized=True),
    "invariant": Server(invariant=True),
}


def command(folder: Path, server: Server) -> list[str]:
    """How vLLM is started."""
    words = [
        sys.executable, "-m", "vllm.entrypoints.cli.main", "serve", str(folder / "base"),
        "--served-model-name", "base", "--host", "127.0.0.1", "--port", str(PORT),
        "--max-model-len", "4096", "--no-enable-prefix-caching", "--max-num-seqs", "128",
        "--gpu-memory-utilization", "0.6", "--disable-uvicorn-access-log", "--seed", "0",
        "--compilation-config", GRAPHS,
    ]  # fmt: skip
    if server.rank:
        words += ["--enable-lora", "--max-loras", "8", "--max-cpu-loras", "16"]
        words += ["--max-lora-rank", str(server.rank)]
    return words + (["--specialize-active-lora"] if server.specialized else [])


def environment(server: Server, tuned: Path) -> dict[str, str]:
    """Added to this process's."""
    found = {"VLLM_ALLOW_RUNTIME_LORA_UPDATING": "1", "VLLM_NO_USAGE_STATS": "1",
             "VLLM_USE_FLASHINFER_SAMPLER": "0", "HF_HUB_OFFLINE": "1"}  # fmt: skip
    if server.tuned:
        found["VLLM_TUNED_CONFIG_FOLDER"] = str(tuned)
    if server.dual:
        found["VLLM_LORA_ENABLE_DUAL_STREAM"] = "1"
    if server.invariant:
        found["VLLM_BATCH_INVARIANT"] = "1"
    return os.environ | found


def wait_for(process: subprocess.Popen[bytes]) -> bool:
    """Whether it answers within its time."""
    ended = time.monotonic() + START_S
    while time.monotonic() < ended and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{URL}/health", timeout=1) as reply:  # noqa: S310  # loopback
                if reply.status == 200:  # OK
                    return True
        except OSError:
            time.sleep(0.25)
    return False


def load_adapters(folder: Path, rank: int) -> list[float]:
    """Milliseconds for each."""
    found = []
    for name in ADAPTERS:
        body = {"lora_name": name, "lora_path": str(folder / f"r{rank}" / name)}
        request = urllib.request.Request(  # noqa: S310  # loopback
            f"{URL}/v1/load_lora_adapter", json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )  # fmt: skip
        began = time.monotonic()
        with urllib.request.urlopen(request, timeout=60) as reply:  # noqa: S310  # loopback
            reply.read()
        found.append(round(1000 * (time.monotonic() - began), 1))
    return found


def measured(folder: Path, server: Server, tell: Any) -> None:  # noqa: ANN401  # a closure
    """Everything that is asked of one server."""
    if not server.rank:
        asyncio.run(throughput(URL, ["base"], clients=16, requests=32))
        tell("base", asyncio.run(throughput(URL, ["base"], clients=CLIENTS, requests=REQUESTS)))
        return
    tell("load_ms", {"each": load_adapters(folder, server.rank)})
    asyncio.run(throughput(URL, ADAPTERS, clients=16, requests=32))
    if server.invariant:
        tell("crowd", asyncio.run(equal_in_a_crowd(URL, ("base", *ADAPTERS), prompts=8)))
    for tag, models in (("one", ["a0"]), ("mixed", ADAPTERS)):
        tell(tag, asyncio.run(throughput(URL, models, clients=CLIENTS, requests=REQUESTS)))
    if server.specialized:
        for tag, models, most in (("one_queued", ["a0"], 8), ("mixed_queued", ADAPTERS, 8),
                                  ("mixed_by_two", ADAPTERS, 2)):  # fmt: skip
            turns = Turns(CLIENTS, most)
            tell(tag, asyncio.run(throughput(URL, models, clients=QUEUED, requests=2 * QUEUED,
                                             turns=turns)))  # fmt: skip


def stop(process: subprocess.Popen[bytes]) -> None:
    """End its whole group."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(15)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


def main(folder: Path, tuned: Path, out: Path, names: list[str]) -> None:
    """Each server in its turn; one that does not start is told with its last words."""
    began = time.monotonic()
    for name in names:
        server = SERVERS[name]

        def tell(tag: str, row: dict[str, Any], name: str = name) -> None:
            line = json.dumps(
                {"server": name, "tag": tag, **row, "at": round(time.monotonic() - began)}
            )
            print(line, flush=True)
            with (out / "results.jsonl").open("a") as file:
                file.write(line + "\n")

        log = out / f"{name}.log"
        started = time.monotonic()
        with log.open("wb") as words:
            process = subprocess.Popen(
                command(folder, server), stdout=words, stderr=words,
                env=environment(server, tuned), start_new_session=True,
            )  # fmt: skip
        try:
            if wait_for(process):
                tell("started", {"seconds": round(time.monotonic() - started, 1)})
                measured(folder, server, tell)
            else:
                tell("failed", {"words": log.read_text(errors="replace")[-1500:]})
        finally:
            stop(process)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4:])
