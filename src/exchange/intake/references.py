"""What a message refers to: it must be the sender's to refer to. Anything else answers as if it did not exist.

What its own sender has recalled is known to that sender, and not to be referred to any more.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime

from exchange import routing
from exchange.envelope import ItemId, Message
from exchange.participant import ParticipantId
from exchange.policy import Standing
from exchange.refusal import Fault, Reason, Refusal
from exchange.store import Store, StoredItem

_OF_A_THREAD = 100  # items of a thread that are asked whether the sender takes part in it
_REPLIED = Fault("/in_reply_to", "names an item of this thread")
_THREAD = Fault("/thread", "names a thread you take part in")
_ABOUT = Fault("/body/about", "names an item you sent or hold")


async def check_references(
    store: Store, message: Message, standing: Standing, now: datetime, purpose: str
) -> tuple[int, ...]:
    """purpose: for which the sender calls. -> the positions of the items that let it refer to what it names: it rests
    on them.

    Raises Refusal(UNKNOWN_REFERENCE | RECALLED).
    """
    found = []
    if message.in_reply_to is not None:
        replied = await _held(store, message.sender, message.in_reply_to)
        found.append(_usable(replied, _REPLIED, message, standing, now, purpose))
    elif message.thread != message.item:
        among = await asyncio.to_thread(store.thread_for, message.sender, message.thread, _OF_A_THREAD)
        found.append(_usable(among, _THREAD, message, standing, now, purpose))
    if message.type == "feedback":
        assert message.about is not None  # its schema says so
        found.append(
            _usable(await _held(store, message.sender, message.about), _ABOUT, message, standing, now, purpose)
        )
    return tuple(dict.fromkeys(item.position for item in found))


async def _held(store: Store, sender: ParticipantId, item: ItemId) -> Sequence[StoredItem]:
    found = await asyncio.to_thread(store.item_for, sender, item)
    return () if found is None else (found,)


def _usable(
    held: Sequence[StoredItem], fault: Fault, message: Message, standing: Standing, now: datetime, purpose: str
) -> StoredItem:
    """The first of these that its sender may read, and that stands."""
    sender = message.sender
    known = [item for item in held if routing.reads(standing, item, sender, now, purpose)]
    if fault is _REPLIED:
        known = [item for item in known if item.thread == message.thread]
    standing_still = [item for item in known if not item.recalled]
    if standing_still:
        return standing_still[0]
    if known:
        raise Refusal(Reason.RECALLED, faults=(fault,))
    why = routing.why_hidden(standing, held, sender, now, purpose)
    raise Refusal(Reason.UNKNOWN_REFERENCE, faults=(fault,), audited=why)
