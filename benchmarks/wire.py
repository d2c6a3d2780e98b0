"""A load generator's HTTP: keep-alive connections that send prepared bytes and read one answer, and nothing else.

The SDK's client would spend more on a request than the exchange does; here the load must cost next to nothing.
"""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """seconds: from the first byte sent to the last byte received."""

    status: int
    body: bytes
    seconds: float


class Connection(asyncio.Protocol):
    """One request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._answered: asyncio.Future[tuple[int, bytes]] | None = None

    @classmethod
    async def open(cls, host: str, port: int) -> "Connection":
        _, connection = await asyncio.get_running_loop().create_connection(cls, host, port)
        return connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(ConnectionError("the exchange closed the connection"))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head = self._buffer.find(b"\r\n\r\n")
        if head < 0 or self._answered is None:
            return
        at = self._buffer.lower().find(b"content-length:", 0, head)
        length = int(self._buffer[at + 15 : self._buffer.index(b"\r\n", at)])
        if len(self._buffer) >= head + 4 + length:
            status, body = int(self._buffer[9:12]), bytes(self._buffer[head + 4 : head + 4 + length])
            self._buffer.clear()
            self._answered.set_result((status, body))

    async def send(self, request: bytes) -> Answered:
        """Raises ConnectionError where the exchange has ended the connection, be it before or meanwhile."""
        if self._transport is None:
            raise ConnectionError("the exchange closed the connection")
        self._answered = asyncio.get_running_loop().create_future()
        began = time.perf_counter()
        self._transport.write(request)
        status, body = await self._answered
        return Answered(status=status, body=body, seconds=time.perf_counter() - began)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


async def drive(connections: Sequence[Connection], requests: Sequence[Iterator[bytes]]) -> tuple[list[Answered], float]:
    """Every connection sends its own requests, one after the other. -> all answers, and the seconds it took."""
    answers: list[Answered] = []

    async def one(connection: Connection, mine: Iterator[bytes]) -> None:
        for request in mine:
            answers.append(await connection.send(request))

    began = time.perf_counter()
    await asyncio.gather(*(one(c, mine) for c, mine in zip(connections, requests, strict=True)))
    return answers, time.perf_counter() - began


def request(method: str, path: str, *, headers: dict[str, str], body: bytes = b"") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *(f"{k}: {v}" for k, v in headers.items())]
    if body or method == "POST":
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
