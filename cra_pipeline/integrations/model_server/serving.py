"""One event loop's life: an engine behind a socket until the process is told to end."""

from __future__ import annotations

import asyncio
import signal
import socket

from aiohttp import web

from cra_pipeline.integrations.model_server.app import ServerApp
from cra_pipeline.integrations.model_server.engine import Engine
from cra_pipeline.integrations.model_server.policy import ServerPolicy


async def serve(
    engine: Engine, listening: socket.socket, *, token: str, policy: ServerPolicy
) -> None:
    """Answer until SIGTERM.

    Args:
        engine: Closed at the end.
        listening: Bound to loopback; connections may wait on it already.
        token: Shown by whoever loads and unloads adapters.
        policy: Numbers.
    """
    application = ServerApp(engine, token=token, policy=policy).application()
    runner = web.AppRunner(application, handler_cancellation=True, access_log=None)
    await runner.setup()
    await web.SockSite(runner, listening).start()
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await ended.wait()
    await runner.cleanup()
