"""The server as a process: ``python -m cra_pipeline.integrations.model_server``, see ``process``.

It listens on a socket that it inherits, and ends as soon as its standard input does: that is a
pipe which nobody but its parent holds open, however the parent ends.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import socket
import sys
import threading
from pathlib import Path

from cra_pipeline.errors import PipelineError
from cra_pipeline.integrations.model_server.parent import end_with_parent
from cra_pipeline.integrations.model_server.policy import ServerPolicy

TOKEN_VARIABLE = "CRA_PIPELINE_SERVER_TOKEN"  # noqa: S105  # the name of a variable


def main() -> None:
    """Serve until told to end."""
    threading.Thread(target=end_with_parent, daemon=True).start()
    asked = _arguments()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    # Before any import of torch, which takes its pools of threads as it finds them.
    os.environ.update(OMP_NUM_THREADS=str(asked.threads), OMP_WAIT_POLICY="PASSIVE")
    try:
        asyncio.run(_serve(asked, os.environ.pop(TOKEN_VARIABLE, "")))
    except PipelineError as error:
        sys.exit(str(error))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="model_server")
    parser.add_argument("--socket", type=int, required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--window", type=int, required=True)
    parser.add_argument("--precision", choices=["float32", "bfloat16"], required=True)
    parser.add_argument("--device", required=True)
    parser.add_argument("--threads", type=int, required=True)
    return parser.parse_args()


async def _serve(asked: argparse.Namespace, token: str) -> None:
    # Heavy: the watch over the parent is set before.
    from cra_pipeline.integrations.model_server.engine import OneThread
    from cra_pipeline.integrations.model_server.model import LoadedModel
    from cra_pipeline.integrations.model_server.serving import serve

    model = LoadedModel(
        asked.model,
        asked.name,
        window=asked.window,
        precision=asked.precision,
        device=asked.device,
    )
    listening = socket.socket(fileno=asked.socket)
    await serve(OneThread(model), listening, token=token, policy=ServerPolicy())


if __name__ == "__main__":
    main()
