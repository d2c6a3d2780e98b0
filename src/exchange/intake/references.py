"""What a message refers to: it must be the sender's to refer to. Anything else answers as if it did not exist.

What its own sender has recalled is known to that sender, and not to be referred to any more.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from exchange import jose, routing, strictjson
from exchange.envelope import DEPTH, Message, ToParticipant
from exchange.participant import ParticipantId
from exchange.policy import Standing
from exchange.refusal import Fault, Reason, Refusal
from exchange.store import Store, StoredItem

_OF_A_THREAD = 100  # items of a thread that are asked whether the sender takes part in it
_REPLIED = Fault("/in_reply_to", "names an item of this thread")
_THREAD = Fault("/thread", "names a thread you take part in")
_ABOUT = Fault("/body/about", "names an item you sent or hold")
_OBJECT = Fault("/body/object", "names an item you sent or hold")
_ITS_SOURCE = Fault("/recipients", "names the source of the item, and nobody else")
_WHO_ASKED = Fault("/recipients", "names whoever asked, and nobody else")
_REQUEST = Fault("/in_reply_to", "names a request to you for this item")


async def check_references(
    store: Store, message: Message, standing: Standing, now: datetime, purpose: str
) -> tuple[int, ...]:
    """purpose: for which the sender calls. -> the positions of the items that let it refer to what it names: it rests
    on them.

    Raises Refusal(UNKNOWN_REFERENCE | RECALLED | ACT_WRONG).
    """
    sender, found = message.sender, []
    if message.in_reply_to is not None:
        replied = await held_by(store, sender, message.in_reply_to)
        found.append(_usable(replied, _REPLIED, message, standing, now, purpose))
    elif message.thread != message.item:
        among = await asyncio.to_thread(store.thread_for, sender, message.thread, _OF_A_THREAD)
        found.append(_usable(among, _THREAD, message, standing, now, purpose))
    if message.type in _SPEAKING_OF:
        assert message.about is not None  # its schema says so
        about = await held_by(store, sender, message.about)
        found.append(_usable(about, _SPEAKING_OF[message.type], message, standing, now, purpose))
        _check_permission(message, found)
    return tuple(dict.fromkeys(item.position for item in found))


# What is about an item without acting upon it, and what is wrong where that is not known.
_SPEAKING_OF = {"feedback": _ABOUT, "permission-request": _OBJECT, "permission-answer": _OBJECT}


async def held_by(store: Store, participant: ParticipantId, item: str) -> Sequence[StoredItem]:
    """The item of this name, if the participant sent it or was given it; whether it may read it is not asked."""
    found = await asyncio.to_thread(store.item_for, participant, item)
    return () if found is None else (found,)


def content_of(item: StoredItem) -> Mapping[str, Any]:
    """The envelope, as it was signed and accepted."""
    payload = jose.decode(item.signed.split(b".")[1])
    return strictjson.parse_object(payload, limit=len(payload), depth=DEPTH)


def _check_permission(message: Message, found: Sequence[StoredItem]) -> None:
    """A permission is asked of the item's source, and answered to whoever asked. Raises Refusal(ACT_WRONG)."""
    item, recipients = found[-1], message.recipients
    if message.type == "permission-request" and (
        item.sender == message.sender or recipients != (ToParticipant(item.sender),)
    ):
        raise Refusal(Reason.ACT_WRONG, faults=(_ITS_SOURCE,))
    if message.type == "permission-answer":
        asked = found[0]
        if item.sender != message.sender:
            raise Refusal(Reason.ACT_WRONG, faults=(Fault("/body/object", "is an item that you sent"),))
        if asked.type != "permission-request" or content_of(asked)["body"]["object"] != item.item:
            raise Refusal(Reason.ACT_WRONG, faults=(_REQUEST,))
        if asked.sender == message.sender or recipients != (ToParticipant(asked.sender),):
            raise Refusal(Reason.ACT_WRONG, faults=(_WHO_ASKED,))


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
