"""`python -m benchmarks [--only floor,submit,inbox,memory]`: rows as JSON on standard output, progress on the other.

One row for each bench and store. `floor_ratio` is the rate over the floor of the same process in the same run: on a
machine that others share, ratios mean more than rates.
"""

import argparse
import asyncio
import json
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks import network, posting, reading, server
from benchmarks.network import Network
from tests.postgres import EmbeddedPostgres

BENCHES = ("floor", "submit", "inbox", "memory")
_MEMORY = 200_000  # messages


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--only", default="", help=f"some of {', '.join(BENCHES)}, with commas")
    parser.add_argument("--stores", default="sqlite,postgres")
    parser.add_argument("--count", type=int, default=12_000, help="messages measured by submit")
    options = parser.parse_args()
    chosen = [name for name in options.only.split(",") if name] or list(BENCHES)
    unknown = set(chosen) - set(BENCHES)
    if unknown:
        parser.error(f"no such bench: {', '.join(sorted(unknown))}")
    for store in options.stores.split(","):
        with _database(store) as database:
            _run(store, database, chosen, options.count)


def _run(store: str, database: str, chosen: list[str], count: int) -> None:
    with tempfile.TemporaryDirectory(prefix="exchange-bench-") as folder:
        port = _free_port()
        _progress(f"{store}: admitting 500 participants in 40 countries")
        place = Path(folder) / "exchange"
        url = database or f"sqlite:///{folder}/exchange.db"
        net = network.found(place, database=url, port=port)
        if set(chosen) & {"floor", "submit", "inbox"}:
            with server.running(place, port) as pid:
                _measure(store, net, port, pid, chosen, count)
        if "memory" in chosen:
            # A process of its own, so that its peak is of these messages alone.
            with server.running(place, port) as pid:
                _progress(f"{store}: memory, {_MEMORY} messages")
                _print("memory", store, asyncio.run(_memory(net, port, pid)))


def _measure(store: str, net: Network, port: int, pid: int, chosen: list[str], count: int) -> None:
    floor: dict[str, Any] = {}
    if set(chosen) & {"floor", "submit"}:
        _progress(f"{store}: floor")
        floor = asyncio.run(posting.floor(port))
        if "floor" in chosen:
            _print("floor", store, floor | {"held": 0})
    if "submit" in chosen:
        _progress(f"{store}: submit, {count} messages")
        row = asyncio.run(posting.submit(net, port, pid, count=count))
        again = asyncio.run(posting.floor(port))
        # The floor before and after: what the machine does to one, it does to the other.
        mean = (floor["rate"] + again["rate"]) / 2
        _print("submit", store, row | {"floor_ratio": round(row["rate"] / mean, 3), "floor_rate": round(mean, 1)})
    if "inbox" in chosen:
        _progress(f"{store}: inbox")
        _print("inbox", store, asyncio.run(reading.inbox(net, port, fill=20_000)))


async def _memory(net: Network, port: int, pid: int) -> dict[str, Any]:
    load = posting.Load(net, port, seed=3)
    await load.open()
    for done in range(0, _MEMORY, 20_000):
        await load.post(load.signed(20_000))
        _progress(f"  {done + 20_000} messages, {server.peak_memory(pid)} MB")
    load.close()
    return {"clients": posting.CLIENTS, "held": _MEMORY, "rss_mb": server.peak_memory(pid)}


@contextmanager
def _database(store: str) -> Iterator[str]:
    """-> the address of an empty PostgreSQL database; nothing for SQLite, which lies in the exchange's own folder."""
    if store == "sqlite":
        yield ""
        return
    with EmbeddedPostgres() as postgres:
        yield postgres.new_database()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _print(bench: str, store: str, row: dict[str, Any]) -> None:
    print(json.dumps({"bench": bench, "store": store, "processes": 1} | row), flush=True)


def _progress(says: str) -> None:
    print(says, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
