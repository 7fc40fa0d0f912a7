"""Studios that really serve, for clients that open sockets: with a worker as a process, or without one in a thread."""

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import uvicorn

from danqing.server.app import _Server, build
from danqing.server.studio import Studio


@contextlib.contextmanager
def serving(home: Path) -> Iterator[str]:
    """`danqing serve` with that home; gives its address, which it prints once it answers."""
    environment = os.environ | {"DANQING_HOME": str(home), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "danqing.cli", "serve", "--port", "0", "--threads", "1", "--device", "cpu"]
    home.mkdir(parents=True, exist_ok=True)
    log = home / "serve.log"
    with log.open("w", encoding="utf8") as said:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, text=True, env=environment)
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:"), log.read_text(encoding="utf8")
        yield address.rstrip("/")
    finally:
        process.terminate()
        process.wait(30)


@contextlib.contextmanager
def answering(studio: Studio) -> Iterator[str]:
    """A studio served by a thread of this process; gives its address."""
    config = uvicorn.Config(build(studio), port=0, log_level="warning", timeout_graceful_shutdown=1)
    server = _Server(config, lambda: None, studio.watch.close)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        while not server.started:
            thread.join(0.01)
            assert thread.is_alive(), "it did not start"
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(30)
        studio.database.close()
