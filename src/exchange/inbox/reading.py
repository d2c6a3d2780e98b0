"""The reader's door: pages of what was released to a participant, single items, threads, and what it sent itself.

Every item is decided again when it is read. A page leaves only after its own leaf is durable, and that leaf is written
only under the directory and the policy that the page was decided under: what was shown, and only that, is disclosed.
Unknown and forbidden are the same bytes from the same statements.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from exchange import addressing, instant, jose, receipt, relation, routing, strictjson
from exchange.act import Act, NewAcknowledgement, Overtaken, PageShown, Repeated
from exchange.committer import Committer, overloaded
from exchange.cursor import START, Cursors, Progress
from exchange.envelope import AHEAD, OLDEST
from exchange.inbox.look import Look, behind, deciding, without
from exchange.jose import Kind
from exchange.label import Label
from exchange.leaf import Draft, Event, Field
from exchange.participant import Caller, ParticipantId, Use
from exchange.policy import Standing
from exchange.receipt import Receipt
from exchange.refusal import Fault, Reason, Refusal
from exchange.schema import Schemas
from exchange.store import Delivery, Store, StoredItem
from exchange.wake import Wake

PAGE = 100  # items, at most
PATIENCE = 30  # seconds of a long poll, at most

_RECEIVED = "inbox"
_SENT = "sent"
_OWED = "owed"
ACKNOWLEDGEMENT_LIMIT = 8 * 1024  # bytes
_ATTEMPTS = 3  # to show items that others act upon meanwhile


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What was shown, how to go on, and the receipt of the leaf that says so (none where nothing was shown)."""

    items: Sequence[StoredItem]
    cursor: str
    receipt: Receipt | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbox:
    """standing: what is in force. prove: position, fields -> a receipt for what was committed earlier."""

    committer: Committer
    store: Store
    wake: Wake
    standing: Callable[[], Standing]
    now: Callable[[], datetime]
    prove: Callable[..., Awaitable[Receipt]]
    cursors: Cursors
    schemas: Schemas

    async def page(self, caller: Caller, *, cursor: str | None, limit: int, wait: float) -> Page:
        """The next items released to the caller after the cursor: at most `limit`, in the order of their release.

        wait: seconds to wait for a first one; waiting holds no thread and no connection. Raises Refusal(CURSOR_WRONG).
        """
        reader = caller.participant.id
        begun = self._come(cursor, reader, _RECEIVED)
        until = self.now() + timedelta(seconds=wait)
        while True:
            with self.wake.listening(reader) as woken:
                rights, standing = self.committer.rights, self.standing()
                look = self._look(caller, limit, standing)
                come = await look.onward(begun)
                left = (until - self.now()).total_seconds()
                # Woken by what it may not read, a reader waits on: an early answer would tell of it.
                if look.shown or left <= 0 or self.wake.closed or not await woken(left):
                    break
        if not look.shown:
            return Page(items=(), cursor=self._sealed(come, reader, _RECEIVED), receipt=None)
        shown, proof = await self._disclose(caller, look.shown, standing, rights)
        kept = {item.position for item in shown}
        come = without(come, [item for item in look.shown if item.position not in kept])
        if proof is not None:
            come = replace(come, shown=proof.position)
        return Page(items=shown, cursor=self._sealed(come, reader, _RECEIVED), receipt=proof)

    async def item(self, caller: Caller, item: str) -> tuple[StoredItem, Receipt]:
        """One item that the caller sent or holds, and the evidence that it was accepted. Raises Refusal(NOT_FOUND)."""
        rights, standing = self.committer.rights, self.standing()
        found = await self._held(caller, item, standing)
        shown, _ = await self._disclose(caller, (found,), standing, rights)
        if not shown:
            raise self._nothing((found,), caller, self.standing())
        return shown[0], await self.prove(found.position, Field.MESSAGE)

    async def thread(self, caller: Caller, thread: str) -> Sequence[StoredItem]:
        """The items of a thread that the caller sent or holds, oldest first. Raises Refusal(NOT_FOUND)."""
        rights, standing, reader = self.committer.rights, self.standing(), caller.participant.id
        found = await asyncio.to_thread(self.store.thread_for, reader, thread, PAGE)
        shown: Sequence[StoredItem] = self._decided(found, caller, standing)
        if shown:
            shown, _ = await self._disclose(caller, shown, standing, rights)
        if not shown:
            raise self._nothing(found, caller, self.standing())
        return shown

    async def sent(self, caller: Caller, *, cursor: str | None, limit: int) -> Page:
        """What the caller sent, oldest first."""
        reader = caller.participant.id
        come = self._come(cursor, reader, _SENT)
        found = await asyncio.to_thread(self.store.sent, reader, come.at.item, limit)
        shown = self._decided(found, caller, self.standing())
        if shown:
            come = Progress.up_to(behind(shown[-1]))
        return Page(items=shown, cursor=self._sealed(come, reader, _SENT), receipt=None)

    async def owed(self, caller: Caller, *, cursor: str | None, limit: int) -> tuple[Sequence[StoredItem], str | None]:
        """What the caller was shown, may still read and has not acknowledged, in the order of release; and the cursor
        to what follows, if something does. Each time from the beginning it is as it stands then.

        No leaf: each item stands in one that says that it was shown to this very reader, and of it no more is to be
        shown here than there. Whoever shows what a reader has not been shown discloses it, and belongs into `page`.
        """
        reader = caller.participant.id
        look, begun = self._look(caller, limit, self.standing()), self._come(cursor, reader, _OWED)
        _, at = await look.fill(partial(self.store.owed, reader), begun.at)
        follows = len(look.shown) == limit
        return look.shown, self._sealed(Progress.up_to(at), reader, _OWED) if follows else None

    async def deliveries(self, caller: Caller, item: str) -> tuple[StoredItem, list[dict[str, Any]]]:
        """For the sender of an item: who was released it, has read it, has acknowledged it; and what it was told was
        withheld. Raises Refusal(NOT_FOUND) to everybody else.
        """
        found = await self._held(caller, item, self.standing())
        if found.sender != caller.participant.id:
            raise Refusal(Reason.NOT_FOUND)
        sealed, reached = await asyncio.to_thread(self._told_and_reached, found.position)
        states = {delivery.reader: delivery for delivery in reached}
        state = partial(_state, found.label, self.now())
        told: list[dict[str, Any]] = []
        for outcome in sealed:
            delivery = states.pop(outcome["participant"], None)
            rule = {"rule": outcome["rule"]} if "rule" in outcome else {}
            told.append({"participant": outcome["participant"], "state": outcome["outcome"]} | rule | state(delivery))
        # To whom it was released later, by others than itself.
        told += [{"participant": delivery.reader} | state(delivery) for delivery in states.values()]
        return found, told

    async def acknowledge(self, token: bytes, caller: Caller) -> Receipt:
        """token: a compact JWS by a message key of the reader, saying that it received an item.

        Raises Refusal(NOT_FOUND) for an item that the caller does not hold, DUTIES_MISSING where it does not repeat
        what the item lays on its readers, and the gate's refusals.
        """
        standing, now, reader = self.standing(), self.now(), caller.participant
        opened = jose.open_jws(token, Kind.ACKNOWLEDGEMENT, reader.keys_for(Use.MESSAGE), limit=ACKNOWLEDGEMENT_LIMIT)
        stated = strictjson.parse_object(opened.payload, limit=ACKNOWLEDGEMENT_LIMIT)
        self.schemas.check("acknowledgement", stated)
        if not reader.keys[opened.key.kid].valid_at(now):
            raise Refusal(Reason.KEY_NOT_VALID)
        if stated["aud"] != standing.directory.origin:
            raise Refusal(Reason.WRONG_EXCHANGE)
        if stated["reader"] != reader.id:
            raise Refusal(Reason.NOT_THE_SENDER)
        if not now - OLDEST <= instant.parse(stated["made_at"]) <= now + AHEAD:
            raise Refusal(Reason.OUT_OF_TIME)

        async def act(rights: int) -> Act:
            standing = self.standing()
            found = await self._held(caller, stated["item"], standing)
            if found.sender == reader.id:
                raise Refusal(Reason.NOT_FOUND)
            if set(stated.get("duties", ())) != set(found.label.duties):
                raise Refusal(Reason.DUTIES_MISSING, faults=(Fault("/duties", "are those of the item, all of them"),))
            return self._acknowledged(found, stated, opened, caller, rights, standing)

        outcome = await self.committer.commit_resting(act)
        if isinstance(outcome, Repeated):
            return await self.prove(outcome.position, Field.MESSAGE)
        return receipt.of(outcome, Field.MESSAGE)

    def _acknowledged(
        self,
        found: StoredItem,
        stated: dict[str, Any],
        opened: jose.VerifiedBytes,
        caller: Caller,
        rights: int,
        standing: Standing,
    ) -> Act:
        draft = Draft(
            event=Event.ITEM_ACKNOWLEDGED,
            actor=caller.participant.id,
            object=found.item,
            key=opened.key.kid,
            sealed={Field.MESSAGE: opened.signed, Field.USER: stated["user"].encode()},
        )
        row = NewAcknowledgement(reader=caller.participant.id, item=found.position, token=opened.token)

        def again(standing: Standing, now: datetime) -> Act:
            if not self._decided((found,), caller, standing):
                raise self._nothing((found,), caller, standing)
            if not standing.directory.participants[caller.participant.id].keys[opened.key.kid].valid_at(now):
                raise Refusal(Reason.KEY_NOT_VALID)
            return self._acknowledged(found, stated, opened, caller, rights, standing)

        return Act(
            draft=draft,
            directory=standing.directory.version,
            policy=standing.policy.digest,
            row=row,
            again=again,
            rests_on=(found.position,),
            rights=rights,
        )

    def _look(self, caller: Caller, limit: int, standing: Standing) -> Look:
        reader = caller.participant.id
        return Look(
            store=self.store,
            reader=reader,
            limit=limit,
            under=deciding(standing.directory.version, standing.turns(reader, self.now()), caller.purpose),
            readable=lambda found: self._decided(found, caller, standing),
        )

    def _decided(self, found: Sequence[StoredItem], caller: Caller, standing: Standing) -> list[StoredItem]:
        now, reader, purpose = self.now(), caller.participant.id, caller.purpose
        return [item for item in found if routing.reads(standing, item, reader, now, purpose)]

    async def _held(self, caller: Caller, item: str, standing: Standing) -> StoredItem:
        found = await asyncio.to_thread(self.store.item_for, caller.participant.id, item)
        held = () if found is None else (found,)
        readable = self._decided(held, caller, standing)
        if not readable:
            raise self._nothing(held, caller, standing)
        return readable[0]

    def _nothing(self, held: Sequence[StoredItem], caller: Caller, standing: Standing) -> Refusal:
        """One answer for what is not there and what is not for the caller; auditors may see which it was."""
        why = routing.why_hidden(standing, held, caller.participant.id, self.now(), caller.purpose)
        return Refusal(Reason.NOT_FOUND, audited=why)

    async def _disclose(
        self, caller: Caller, shown: Sequence[StoredItem], standing: Standing, rights: int
    ) -> tuple[Sequence[StoredItem], Receipt | None]:
        """Write the leaf of what is about to be shown; where rights have changed meanwhile, show what is left.

        standing, rights: what was in force, and what was known of acts upon items, before the first of these was read.
        """
        left = list(shown)
        for _ in range(_ATTEMPTS):
            outcome = await self.committer.commit(self._shown(caller, left, standing, rights))
            if not isinstance(outcome, Overtaken):
                assert isinstance(outcome, receipt.Committed)  # a page is never a repeat
                return tuple(left), receipt.of(outcome, Field.USER)
            rights, standing = self.committer.rights, self.standing()
            left = await self._anew(caller, left, standing)
            if not left:
                return (), None
        raise overloaded()

    def _shown(self, caller: Caller, left: list[StoredItem], standing: Standing, rights: int) -> Act:
        for item in left:
            item.sealed.open()  # what does not open is not said to have been shown
        positions = tuple(item.position for item in left)
        draft = Draft(
            event=Event.ITEMS_READ,
            actor=caller.participant.id,
            object=caller.participant.id,
            key=caller.kid,
            items=positions,
            count=len(positions),
            sealed={Field.USER: caller.user.encode()},
        )

        def again(standing: Standing, now: datetime) -> Act:
            left[:] = self._decided(left, caller, standing)
            return self._shown(caller, left, standing, rights)

        return Act(
            draft=draft,
            directory=standing.directory.version,
            policy=standing.policy.digest,
            row=PageShown(reader=caller.participant.id, items=positions),
            valid_until=_next_expiry(left, caller.participant.id, standing, self.now()),
            again=again,
            rests_on=positions,
            rights=rights,
        )

    async def _anew(self, caller: Caller, items: Sequence[StoredItem], standing: Standing) -> list[StoredItem]:
        """Those of these that may still be read, as they are by now, in their order."""
        positions = tuple(item.position for item in items)
        found = await asyncio.to_thread(self.store.items_held, caller.participant.id, positions)
        held = {item.position: item for item in found}
        return self._decided([held[position] for position in positions if position in held], caller, standing)

    def _come(self, cursor: str | None, reader: ParticipantId, feed: str) -> Progress:
        return Progress.up_to(START) if cursor is None else self.cursors.open(cursor, reader=reader, feed=feed)

    def _sealed(self, come: Progress, reader: ParticipantId, feed: str) -> str:
        return self.cursors.seal(come, reader=reader, feed=feed)

    def _told_and_reached(self, position: int) -> tuple[list[dict[str, Any]], Sequence[Any]]:
        told = strictjson.parse(self.store.sealed(position).texts[Field.ROUTING], limit=1 << 20)
        return told, self.store.deliveries(position)


def _state(label: Label, now: datetime, delivery: Delivery | None) -> dict[str, Any]:
    if delivery is None:
        return {}
    due = label.due(delivery.released_at)
    shown = {"state": delivery.state, "at": instant.write(delivery.at), "due_at": instant.write(due)}
    overdue = {"overdue": True} if delivery.state != "acknowledged" and due <= now else {}
    return shown | overdue | ({} if delivery.by is None else {"by": delivery.by})


def _next_expiry(
    items: Sequence[StoredItem], reader: ParticipantId, standing: Standing, now: datetime
) -> datetime | None:
    who = standing.directory.participants[reader]
    labels = (item.label.narrowed(item.limits) for item in items)
    ends = (relation.valid_until(label, None, now, who, addressing.edges(standing, label)) for label in labels)
    return min((end for end in ends if end is not None), default=None)
