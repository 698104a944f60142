"""The process in front of llama-servers, started by ``llama_server``; see ``llama_engine``.

It listens on a socket that it inherits, ends with its standard input, and its programs with it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import socket
import sys
import threading
from pathlib import Path

from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import PipelineError
from cra_pipeline.integrations.model_server.__main__ import TOKEN_VARIABLE
from cra_pipeline.integrations.model_server.llama_policy import LlamaPolicy
from cra_pipeline.integrations.model_server.parent import end_with_parent
from cra_pipeline.integrations.model_server.policy import ServerPolicy


def main() -> None:
    """Serve until told to end."""
    threading.Thread(target=end_with_parent, daemon=True).start()
    asked = _arguments()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    try:
        asyncio.run(_serve(asked, os.environ.pop(TOKEN_VARIABLE, "")))
    except PipelineError as error:
        sys.exit(str(error))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="llama_main")
    parser.add_argument("--socket", type=int, required=True)
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--place", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--window", type=int, required=True)
    parser.add_argument("--policy", required=True, help="JSON of a LlamaPolicy")
    return parser.parse_args()


async def _serve(asked: argparse.Namespace, token: str) -> None:
    from cra_pipeline.integrations.model_server.gguf import base_gguf
    from cra_pipeline.integrations.model_server.llama_engine import LlamaEngine
    from cra_pipeline.integrations.model_server.llama_setup import llama_program, llama_source
    from cra_pipeline.integrations.model_server.llama_upstream import Files
    from cra_pipeline.integrations.model_server.serving import serve

    policy = LlamaPolicy(**json.loads(asked.policy))
    source = llama_source(asked.place)
    whole = base_gguf(Layout(asked.workspace), source, asked.model, policy.weights)
    # Beside the converted adapters, which are named without their folder.
    base = asked.folder / "base.gguf"
    base.symlink_to(whole)
    files = Files(
        program=llama_program(asked.place),
        base=base,
        adapters={},
        window=asked.window,
        log=asked.folder.parent / "server.log",
    )
    engine = LlamaEngine(asked.name, asked.model, source=source, files=files, policy=policy)
    await engine.start()
    numbers = ServerPolicy(waiting=policy.waiting, body_bytes=policy.body_bytes)
    listening = socket.socket(fileno=asked.socket)
    await serve(engine, listening, token=token, policy=numbers)


if __name__ == "__main__":
    main()
