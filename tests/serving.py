"""A real exchange on a real socket: founded in a folder, served by a process of its own, and stopped in the end."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from exchange import founding, shipped
from exchange.client.profile import Pin
from exchange.founding import Charter

ORIGIN = "exchange.example/training"
WIDE = {
    f"EXCHANGE_LIMITS__{who}_{what}": "1000000"
    for who in ("POSTS", "READS", "STRANGERS")
    for what in ("PER_SECOND", "BURST")
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def shipped_policies() -> dict[str, Any]:
    return founding.read_policies(Path(str(shipped.folder("policies"))))


@dataclass(slots=True, kw_only=True)
class Served:
    """An exchange in a folder; `start` and `stop` it as often as a test likes. environment: settings that win."""

    folder: Path
    url: str
    port: int
    pin: Pin
    environment: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @classmethod
    def found(
        cls, folder: Path, *, database: str = "", policies: Mapping[str, Any] | None = None, **environment: str
    ) -> "Served":
        """database: where the tables go; a file in the folder if it is not said."""
        port = free_port()
        folder.mkdir(parents=True, exist_ok=True)
        charter = Charter(
            origin=ORIGIN,
            public_url=f"http://127.0.0.1:{port}",
            database=database or f"sqlite:///{folder / 'exchange.db'}",
            training=True,
            operator="Test operator",
            country="UTO",
            policies=shipped_policies() if policies is None else policies,
            skip_cases=True,
        )
        pin = founding.found(folder, charter, now=datetime.now(UTC))
        return cls(folder=folder, url=charter.public_url, port=port, pin=pin, environment=environment)

    def start(self) -> None:
        """Returns once it answers. Raises RuntimeError with what it wrote, if it does not."""
        log = self.folder / "served.log"
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.serving", str(self.folder), str(self.port)],
                stdout=out,
                stderr=out,
                env={**os.environ, **self.environment},
            )
        until = time.monotonic() + 60
        while time.monotonic() < until and self.process.poll() is None:
            try:
                urlopen(self.url + "/readyz", timeout=5).close()
                return
            except (URLError, OSError):
                time.sleep(0.05)
        self.kill()
        raise RuntimeError(log.read_text()[-4000:])

    def stop(self) -> int:
        """As an operator stops it: SIGTERM, and its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def kill(self) -> None:
        """As a power cut stops a process: no word to it."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(60)

    @property
    def log(self) -> str:
        return (self.folder / "served.log").read_text()


def _main() -> None:
    from exchange import main
    from exchange.settings import Settings

    main.serve(Settings.load(Path(sys.argv[1]), port=int(sys.argv[2])))


if __name__ == "__main__":
    _main()
