"""The loop's end of a process that verifies: questions go in groups, answers come back in the same order.

    -> length (4 bytes) and so many bytes of questions, each with its own length before it
    <- one byte when it is ready, then one for each question: 1 if the signature fits, 0 if not

What the process is asked is all that it knows: it has no key of ours, no setting, and nobody else to speak to.
"""

import asyncio
import os
import socket
import struct
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import cast

from exchange.jose import UnverifiedBytes, VerifiedBytes
from exchange.refusal import Refusal

LENGTH = struct.Struct(">I")
READY, FITS, WRONG = b"R", 1, 0

_STARTS_WITHIN = 30.0  # seconds
_ENDS_WITHIN = 5.0
_SETTINGS = "EXCHANGE_"

Asked = tuple[UnverifiedBytes, "asyncio.Future[VerifiedBytes]"]


class Unstarted(Exception):
    """The process did not say that it is ready."""


class Beside(asyncio.Protocol):
    """One process. ended: told once, with what was not answered, whether it was stopped or has died."""

    def __init__(self, process: "subprocess.Popen[bytes]", ended: "Callable[[Beside, Sequence[Asked]], None]") -> None:
        self._process = process
        self._ended = ended
        self._groups: deque[Sequence[Asked]] = deque()
        self._answers = bytearray()
        self._transport: asyncio.Transport | None = None
        self._is_ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @classmethod
    async def start(cls, ended: "Callable[[Beside, Sequence[Asked]], None]") -> "Beside":
        """Returns when it is ready. Raises Unstarted."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with theirs:
            process = await asyncio.to_thread(_run, theirs.fileno())
        loop = asyncio.get_running_loop()
        _, beside = await loop.create_unix_connection(lambda: cls(process, ended), sock=ours)
        try:
            await asyncio.wait_for(beside._is_ready, _STARTS_WITHIN)
        except (TimeoutError, ConnectionError) as error:
            await beside.stop()
            raise Unstarted(str(error) or "it said nothing") from error
        return beside

    @property
    def waiting(self) -> int:
        """Groups that it has not answered."""
        return len(self._groups)

    def ask(self, group: Sequence[Asked]) -> None:
        assert self._transport is not None  # it is ready
        questions = b"".join(part for unverified, _ in group for part in _framed(unverified.question))
        self._groups.append(group)
        self._transport.write(LENGTH.pack(len(questions)) + questions)

    async def stop(self) -> None:
        """It ends when it has no more to read."""
        if self._transport is not None:
            self._transport.close()
        try:
            await asyncio.to_thread(self._process.wait, _ENDS_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._answers += data
        if not self._is_ready.done():
            del self._answers[: len(READY)]
            self._is_ready.set_result(None)
        while self._groups and len(self._answers) >= len(self._groups[0]):
            group = self._groups.popleft()
            answers = bytes(self._answers[: len(group)])
            del self._answers[: len(group)]
            for (unverified, answer), fits in zip(group, answers, strict=True):
                settle(answer, partial(unverified.answered, fits == FITS))

    def connection_lost(self, error: Exception | None) -> None:
        if not self._is_ready.done():
            self._is_ready.set_exception(ConnectionError("it ended at once"))
        unanswered = [asked for group in self._groups for asked in group]
        self._groups.clear()
        self._ended(self, unanswered)


def _run(fd: int) -> "subprocess.Popen[bytes]":
    # -P: a folder named like us where we were started is not us.
    command = [sys.executable, "-P", "-m", "exchange.verifying.process", str(fd)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_SETTINGS)}
    return subprocess.Popen(command, pass_fds=[fd], stdin=subprocess.DEVNULL, env=environment)


def _framed(question: bytes) -> tuple[bytes, bytes]:
    return LENGTH.pack(len(question)), question


def settle(answer: "asyncio.Future[VerifiedBytes]", verified: Callable[[], VerifiedBytes]) -> None:
    """verified: may raise Refusal."""
    if answer.done():
        return  # who asked has gone
    try:
        answer.set_result(verified())
    except Refusal as refusal:
        answer.set_exception(refusal)
