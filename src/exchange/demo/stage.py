"""The stage: a training exchange founded in a temporary folder, and the process that serves it on a loopback port.

Whatever happens on it, the process is ended and the folder removed when the curtain falls.
"""

import os
import queue
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from exchange import founding
from exchange.client.profile import Pin

ORIGIN = "exchange.example/training"

_STARTS_WITHIN = 20.0  # seconds
_ENDS_WITHIN = 15.0


class NoStage(Exception):
    """The exchange did not start. The text says what it said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """folder: of the exchange; its officers' profiles are in `folder/exchange/officers`."""

    folder: Path
    pin: Pin

    @property
    def officers(self) -> tuple[Path, Path]:
        one, two = (self.folder / "exchange" / "officers" / name for name in founding.OFFICERS)
        return one, two

    def profile_of(self, participant: str) -> Path:
        return self.folder / participant


@contextmanager
def built(policies: Path) -> Iterator[Stage]:
    """Found an exchange under these policies, their cases not run, and serve it until the end of the block.

    Raises NoStage, and what `founding.found` raises.
    """
    with tempfile.TemporaryDirectory(prefix="exchange-demo-") as name:
        folder = Path(name)
        port = _free_port()
        charter = founding.Charter(
            origin=ORIGIN,
            public_url=f"http://127.0.0.1:{port}",
            database=f"sqlite:///{folder / 'exchange' / 'exchange.db'}",
            training=True,
            operator="Operator of the training exchange",
            country="XXZ",
            policies=founding.read_policies(policies),
            skip_cases=True,
        )
        pin = founding.found(folder / "exchange", charter, now=datetime.now(UTC))
        with _serving(folder / "exchange", port):
            yield Stage(folder=folder, pin=pin)


def _free_port() -> int:
    # Its address is part of every proof of key, so it is chosen before anything is signed or served.
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def _serving(folder: Path, port: int) -> Iterator[None]:
    # A session of its own: Ctrl-C is for the demo, which then ends the server in good order.
    server = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys,pathlib; from exchange import main, settings; main.serve(settings.Settings.load(pathlib.Path(sys.argv[1])))",
            str(folder),
        ],
        env={**os.environ, "EXCHANGE_HOST": "127.0.0.1", "EXCHANGE_PORT": str(port), "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        assert server.stdout is not None  # asked for
        _await_serving(server.stdout)
        yield
    finally:
        _end(server)


def _await_serving(output: IO[str]) -> None:
    """Until it says that it serves. What it says later is read too: a full pipe would stop it."""
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def listen() -> None:
        for line in output:
            lines.put(line)
        lines.put(None)

    threading.Thread(target=listen, daemon=True).start()
    heard: list[str] = []
    deadline = time.monotonic() + _STARTS_WITHIN
    while True:
        try:
            line = lines.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            line = None
        if line is None:
            raise NoStage("the exchange did not start: " + ("".join(heard[-20:]).strip() or "it said nothing"))
        if line.startswith("serving "):
            return
        heard.append(line)


def _end(server: subprocess.Popen[str]) -> None:
    server.terminate()
    try:
        server.wait(_ENDS_WITHIN)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
