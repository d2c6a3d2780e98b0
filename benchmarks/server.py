"""The exchange under measurement: the very application, with two routes more, in a process of its own.

`POST /floor` is a FastAPI route that reads the body and answers a fixed one as long as a receipt: what HTTP alone
costs here. `GET /counters` tells memory and remembered decisions.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from fastapi import FastAPI, Request
from starlette.responses import Response

from exchange import main
from exchange.settings import Settings

_RECEIPT = b"r" * 2300  # bytes: about what a receipt is with a proof of a few thousand leaves
_WIDE = {f"{who}_{what}": 10**6 for who in ("posts", "reads", "strangers") for what in ("per_second", "burst")}


def serve(folder: Path, port: int) -> None:
    """With shares so wide that a quota is never what is measured."""
    gateway = main.build(Settings.load(folder, port=port, limits=_WIDE))
    _add_routes(gateway.app, gateway)
    main.run(gateway)


@contextmanager
def running(folder: Path, port: int) -> Iterator[int]:
    """-> the process id of a server that answers on `port`."""
    command = [sys.executable, "-m", "benchmarks.server", str(folder), str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert process.stdout is not None
        if not process.stdout.readline().startswith(b"serving"):
            raise RuntimeError("the exchange did not start")
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def counters(port: int) -> dict[str, int]:
    with urlopen(f"http://127.0.0.1:{port}/counters") as answer:
        counted: dict[str, int] = json.load(answer)
        return counted


def peak_memory(pid: int) -> int:
    """The most that the process and those that it has started ever held, in MB."""
    held = sum(map(_most_held, [pid, *_started_by(pid)]))
    return held // 1024


def _most_held(pid: int) -> int:
    """KiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    raise RuntimeError("this system does not tell VmHWM")


def _started_by(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for threads in children for child in threads.read_text().split()]


def processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _add_routes(app: FastAPI, gateway: main.Gateway) -> None:
    @app.post("/floor")
    async def floor(request: Request) -> Response:
        await request.body()
        return Response(_RECEIPT, 201, media_type="application/json")

    @app.get("/counters")
    async def counted() -> dict[str, Any]:
        memory = gateway.committer.standing().policy.memory
        return {"hits": memory.hits, "misses": memory.misses, "held": gateway.store.head().size, "at": time.time_ns()}


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]))
