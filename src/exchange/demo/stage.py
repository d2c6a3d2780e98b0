"""The stage: an exchange in a temporary folder, and the process that serves it on a free loopback port.

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
from pathlib import Path
from typing import IO

from exchange.client import Pin

_SERVING = "serving "  # how the line begins that says where
_STARTS_WITHIN = 60.0  # seconds
_ENDS_WITHIN = 15.0


class NoStage(Exception):
    """The exchange did not start. The text says what it said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """folder: for this showing alone. pin: what the operator hands out."""

    folder: Path
    pin: Pin

    @property
    def officers(self) -> tuple[Path, Path]:
        """The profiles of the operator's two."""
        one, two = sorted((self.folder / "exchange" / "officers").iterdir())
        return one, two

    def profile_of(self, participant: str) -> Path:
        return self.folder / participant


@contextmanager
def built(policies: Path) -> Iterator[Stage]:
    """An exchange founded under these policies, and served until the end of the block. Raises NoStage."""
    with tempfile.TemporaryDirectory(prefix="exchange-demo-") as name:
        folder = Path(name)
        with _serving(folder / "exchange", policies):
            yield Stage(folder=folder, pin=Pin.load(folder / "exchange" / "pin.json"))


@contextmanager
def _serving(folder: Path, policies: Path) -> Iterator[None]:
    server = subprocess.Popen(
        [sys.executable, "-m", "exchange.demo.house", folder, str(_free_port()), policies],
        # What is set for some other exchange is not for this one.
        env={name: value for name, value in os.environ.items() if not name.startswith("EXCHANGE_")},
        # Held open and never written to: where we end without a word, it ends as well.
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # A session of its own: Ctrl-C is for the demo, which then ends the server in good order.
        start_new_session=True,
    )
    assert server.stdin is not None  # asked for
    assert server.stdout is not None
    try:
        _await_serving(server.stdout)
        yield
    finally:
        _end(server)
        server.stdin.close()


def _free_port() -> int:
    # Its address is part of the pin and of every proof of key, so it is chosen before anything is founded.
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _await_serving(output: IO[str]) -> None:
    """Until it says that it serves. What it says later is read too: a full pipe would stop it."""
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()

    def listen() -> None:
        with output:
            for line in output:
                lines.put(line)
                if line.startswith(_SERVING):
                    break
            for _ in output:
                pass
        lines.put("")

    threading.Thread(target=listen, daemon=True).start()
    heard: list[str] = []
    deadline = time.monotonic() + _STARTS_WITHIN
    while True:
        try:
            line = lines.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            line = ""
        if not line:
            raise NoStage("".join(heard[-20:]).strip() or "the exchange did not start, and did not say why")
        if line.startswith(_SERVING):
            return
        heard.append(line)


def _end(server: subprocess.Popen[str]) -> None:
    server.terminate()
    try:
        server.wait(_ENDS_WITHIN)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
