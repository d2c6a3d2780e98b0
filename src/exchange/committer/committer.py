"""The loop's side of the commit: submit an act, wait without a thread, and get its place in the trail."""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from exchange.act import Act, Overtaken, Repeated
from exchange.committer.composing import Composer
from exchange.committer.published import Published
from exchange.committer.queue import Member, Queue, overloaded
from exchange.committer.writer import Answers, Stale, Writer
from exchange.note import TrailKey
from exchange.policy import Standing
from exchange.receipt import Committed
from exchange.refusal import Reason, Refusal
from exchange.schema import Schemas
from exchange.store import Store
from exchange.wake import Wake

QUEUE = 2048  # acts that wait, at most, unless the settings say otherwise

_TOGETHER = 64  # acts that are handed to the writer before the loop's turn is over
_AGAIN = 3  # times that an act is decided again
_ENDS_WITHIN = 15.0  # seconds
_LOG = logging.getLogger("exchange.committer")


class Committer:
    """One for a gateway. `start` and `commit` on the loop; `alive` and `standing` from anywhere."""

    def __init__(
        self,
        *,
        store: Store,
        standing: Standing,
        schemas: Schemas,
        key: TrailKey,
        wake: Wake,
        now: Callable[[], datetime],
        entropy: Callable[[int], bytes],
        published: Published,
        die: Callable[[], None],
        queue: int = QUEUE,
    ) -> None:
        self._store = store
        self._wake = wake
        self._now = now
        self._queue = Queue(queue)
        self._writer = Writer(
            store=store,
            standing=standing,
            composer=Composer(schemas=schemas, entropy=entropy),
            key=key,
            published=published,
            queue=self._queue,
            now=now,
            answer=self._hand_over,
            notify=wake.notify,
            die=die,
        )
        self._thread = threading.Thread(target=self._run, name="exchange-writer", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listener: Any = None
        self._arrived: list[Member] = []
        self._open = False

    @property
    def alive(self) -> bool:
        """Whether acts are taken and written."""
        return self._open and self._thread.is_alive()

    def standing(self) -> Standing:
        """What is in force."""
        return self._writer.standing

    @property
    def rights(self) -> int:
        """The last act upon an item, by position, that this gateway knows of. To be asked before items are read, by
        whoever rests an act on them: what was done up to here is seen in them.
        """
        return self._writer.rights

    def meet(self) -> None:
        """Look at the trail before anything is served. Raises StoreFault where it must not be appended to."""
        self._writer.meet()

    def start(self) -> None:
        """Raises as `meet`."""
        self._loop = asyncio.get_running_loop()
        self.meet()
        if self._store.dialect == "postgresql":
            self._listener = self._store.listen(self._wake.notify)
        self._open = True
        self._thread.start()

    async def commit(self, act: Act) -> Committed | Repeated | Overtaken:
        """Returns when the act is durable, in its place for good; or was before, with the place it has. One that rests
        on items can be Overtaken: its caller reads them anew and decides, for `again` sees no rows.

        Raises Refusal: what the act's own `again` decides, ID_REUSED, ERASED; STORE_UNAVAILABLE where what became of it
        is not known; OVERLOADED where nothing was written.
        """
        outcome = await self._submit(act)
        for _ in range(_AGAIN):
            if not isinstance(outcome, Stale):
                return outcome
            assert act.again is not None  # only such an act is set aside
            act = act.again(self.standing(), self._now())
            outcome = await self._submit(act)
        if isinstance(outcome, Stale):
            raise overloaded()
        return outcome

    async def commit_resting(self, act: Callable[[int], Awaitable[Act]]) -> Committed | Repeated:
        """The same for what rests on items that others may act upon meanwhile.

        act: what was known of such acts -> the act, from what is read only now. So whatever comes after that is seen
        in the commit, and the act is made anew.
        """
        for _ in range(_AGAIN):
            outcome = await self.commit(await act(self.rights))
            if not isinstance(outcome, Overtaken):
                return outcome
        raise overloaded()

    async def stop(self) -> None:
        """What is queued is committed first. Whoever still waits after that is told that the store is away."""
        self._open = False
        self._hand_in()
        self._queue.close()
        if self._thread.ident is not None:
            await asyncio.to_thread(self._thread.join, _ENDS_WITHIN)
        self._fail_all()
        if self._listener is not None:
            await asyncio.to_thread(self._listener.close)

    async def _submit(self, act: Act) -> Committed | Repeated | Overtaken | Stale:
        if not self._open or self._loop is None:
            raise Refusal(Reason.STORE_UNAVAILABLE)
        self._queue.require_room(len(self._arrived))
        answer: asyncio.Future[Committed | Repeated | Overtaken | Stale] = self._loop.create_future()
        self._arrived.append(Member(act, answer))
        if len(self._arrived) == 1:
            self._loop.call_soon(self._hand_in)
        elif len(self._arrived) == _TOGETHER:
            self._hand_in()
        return await answer

    def _hand_in(self) -> None:
        """All that this turn of the loop has brought, together: a batch of two costs what a batch of twenty does."""
        arrived, self._arrived = self._arrived, []
        if arrived:
            self._queue.put(arrived)

    def _run(self) -> None:
        try:
            self._writer.run()
        except BaseException:  # whatever it was: nobody may be left waiting for a writer that is gone
            _LOG.critical("the writer has ended: nothing is appended until a new start", exc_info=True)
            # On the loop, like every submission: none can slip in between this and the draining.
            self._call(self._end)

    def _end(self) -> None:
        self._open = False
        self._fail_all()

    def _fail_all(self) -> None:
        for member in (*self._writer.taken, *self._queue.drain(), *self._arrived):
            if not member.answer.done():
                member.answer.set_exception(Refusal(Reason.STORE_UNAVAILABLE))

    def _hand_over(self, answers: Answers) -> None:
        self._call(_resolve, answers)

    def _call(self, function: Callable[..., None], *arguments: Any) -> None:
        assert self._loop is not None  # set before the thread is started
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:
            # The loop is closed, and with it everybody who waited.
            return


def _resolve(answers: Answers) -> None:
    for member, outcome in answers:
        if member.answer.done():
            continue  # who asked has gone
        if isinstance(outcome, Exception):
            member.answer.set_exception(outcome)
        else:
            member.answer.set_result(outcome)
