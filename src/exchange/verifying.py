"""Signatures, many at a time: on a thread beside the loop, since the arithmetic needs no interpreter.

One signature alone is verified where it is: the way to the thread and back would cost more.
"""

import asyncio
import threading
from collections.abc import Sequence
from queue import SimpleQueue

from exchange.jose import UnverifiedBytes, VerifiedBytes
from exchange.refusal import Refusal

_TOGETHER = 64  # signatures that are handed over before the loop's turn is over

_Asked = tuple[UnverifiedBytes, "asyncio.Future[VerifiedBytes]"]
_Answered = tuple["asyncio.Future[VerifiedBytes]", VerifiedBytes | Refusal]


class Verifier:
    """For one event loop. The thread begins with the first signatures that come together."""

    def __init__(self) -> None:
        self._arrived: list[_Asked] = []
        self._handed: SimpleQueue[Sequence[_Asked] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    async def verified(self, unverified: UnverifiedBytes) -> VerifiedBytes:
        """Raises Refusal(BAD_SIGNATURE)."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[VerifiedBytes] = loop.create_future()
        self._arrived.append((unverified, answer))
        if len(self._arrived) == 1:
            loop.call_soon(self._hand_over, loop)
        elif len(self._arrived) == _TOGETHER:
            self._hand_over(loop)
        return await answer

    def stop(self) -> None:
        """Whoever still waits is answered first."""
        if self._thread is not None:
            self._handed.put(None)
            self._thread.join()

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        arrived, self._arrived = self._arrived, []
        if len(arrived) <= 1:
            _resolve([_answered(*asked) for asked in arrived])
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, args=(loop,), name="exchange-verifier", daemon=True)
            self._thread.start()
        self._handed.put(arrived)

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        while (asked := self._handed.get()) is not None:
            answers = [_answered(*one) for one in asked]
            try:
                loop.call_soon_threadsafe(_resolve, answers)
            except RuntimeError:
                # The loop is closed, and with it everybody who waited.
                return


def _answered(unverified: UnverifiedBytes, answer: "asyncio.Future[VerifiedBytes]") -> _Answered:
    try:
        return answer, unverified.verify()
    except Refusal as refusal:
        return answer, refusal


def _resolve(answers: Sequence[_Answered]) -> None:
    for answer, outcome in answers:
        if answer.done():
            continue  # who asked has gone
        if isinstance(outcome, Refusal):
            answer.set_exception(outcome)
        else:
            answer.set_result(outcome)
