"""The loop's side: what one turn of the loop brings is verified together.

One signature alone is verified where it is: the way to another process and back would cost more.
"""

import asyncio
import logging
import time
from collections.abc import Sequence

from exchange.jose import UnverifiedBytes, VerifiedBytes
from exchange.verifying.beside import Asked, Beside, Unstarted, settle

_TOGETHER = 16  # signatures that are handed over before the loop's turn is over
_PAUSE = 10.0  # seconds between two attempts to start a process

_log = logging.getLogger("exchange.verifying")


class Verifier:
    """For one event loop. The processes begin with the first signatures that come together, and are asked once they
    say that they are ready; until then, and where there are none, everything is verified here.
    """

    def __init__(self, processes: int) -> None:
        self._processes = processes
        self._arrived: list[Asked] = []
        self._beside: list[Beside] = []
        self._starting: asyncio.Task[None] | None = None
        self._next_start = 0.0  # of the monotonic clock

    async def verified(self, unverified: UnverifiedBytes) -> VerifiedBytes:
        """Raises Refusal(BAD_SIGNATURE)."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[VerifiedBytes] = loop.create_future()
        self._arrived.append((unverified, answer))
        if len(self._arrived) == 1:
            loop.call_soon(self._hand_over)
        elif len(self._arrived) == _TOGETHER:
            self._hand_over()
        return await answer

    async def ready(self) -> None:
        """Returns when as many processes are ready as there can be now."""
        self._start()
        if self._starting is not None:
            await self._starting

    async def stop(self) -> None:
        """Whoever still waits is answered first."""
        if self._starting is not None:
            await self._starting
        self._hand_over()
        self._processes = 0
        for process in tuple(self._beside):
            await process.stop()

    def _hand_over(self) -> None:
        arrived, self._arrived = self._arrived, []
        if len(arrived) > 1 and len(self._beside) < self._processes:
            self._start()
        if len(arrived) > 1 and self._beside:
            min(self._beside, key=lambda process: process.waiting).ask(arrived)
        else:
            verify_here(arrived)

    def _start(self) -> None:
        if len(self._beside) < self._processes and self._starting is None and time.monotonic() >= self._next_start:
            self._next_start = time.monotonic() + _PAUSE
            self._starting = asyncio.ensure_future(self._start_all())

    async def _start_all(self) -> None:
        try:
            while len(self._beside) < self._processes:
                self._beside.append(await Beside.start(self._ended))
        except Unstarted as error:
            _log.warning("signatures are verified on the loop: no process beside it will start (%s)", error)
        finally:
            self._starting = None

    def _ended(self, process: Beside, unanswered: Sequence[Asked]) -> None:
        if process in self._beside:
            self._beside.remove(process)
        if self._processes:
            _log.warning("a process that verifies signatures has ended: another is started when it is needed")
        verify_here(unanswered)


def verify_here(asked: Sequence[Asked]) -> None:
    """Holds the loop for as long as it takes."""
    for unverified, answer in asked:
        settle(answer, unverified.verify)
