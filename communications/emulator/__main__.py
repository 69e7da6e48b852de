"""`python -m communications.emulator --port 8002 --data .data/emulator`; ends within two seconds of SIGTERM."""

import argparse
import asyncio
import gc
import os
import signal
import sys
from pathlib import Path

import uvloop
from aiohttp import web

from communications.emulator.app import make_app
from communications.emulator.config import Settings
from communications.emulator.front import Front
from communications.emulator.runtime import RUNTIME

# A rule may keep handlers hanging on purpose; they get no longer than this to end.
SHUTDOWN_SECONDS = 0.5
BACKLOG = 1024
# Messages are kept and make no cycles: looking through hundreds of thousands of them for garbage only takes time.
GC_THRESHOLDS = (50_000, 50, 1000)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="communications.emulator", description="The provider emulator.")
    parser.add_argument("--port", type=int, default=8002, help="0 takes a free one and prints it")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--data", type=Path, required=True, help="folder of the ledger")
    return parser.parse_args()


async def _serve(arguments: argparse.Namespace) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    app = make_app(Settings.from_environment(os.environ), arguments.data)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    assert runner.server is not None, "setup makes it"
    front = Front(app[RUNTIME], runner.server)
    server = await asyncio.get_running_loop().create_server(front, arguments.host, arguments.port, backlog=BACKLOG)
    port = server.sockets[0].getsockname()[1]
    sys.stdout.write(f"emulator http://{arguments.host}:{port}\n")
    sys.stdout.flush()
    await stop.wait()
    server.close()
    front.close()
    await runner.cleanup()


def main() -> None:
    gc.set_threshold(*GC_THRESHOLDS)
    uvloop.run(_serve(_arguments()))


if __name__ == "__main__":
    main()
