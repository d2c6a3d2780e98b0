"""What a message refers to: it must be the sender's to refer to. Anything else answers as if it did not exist."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

from exchange import routing
from exchange.envelope import Message
from exchange.policy import Standing
from exchange.refusal import Fault, Reason, Refusal
from exchange.store import Store, StoredItem

_OF_A_THREAD = 100  # items of a thread that are asked whether the sender takes part in it


async def check_references(store: Store, message: Message, standing: Standing, now: datetime) -> None:
    """Raises Refusal(UNKNOWN_REFERENCE)."""
    sender = message.sender
    if message.in_reply_to is not None:
        replied = await asyncio.to_thread(store.item_for, sender, message.in_reply_to)
        held: Sequence[StoredItem] = () if replied is None else (replied,)
        known = replied is not None and replied.thread == message.thread
        fault = Fault("/in_reply_to", "names an item of this thread")
    elif message.thread != message.item:
        held = await asyncio.to_thread(store.thread_for, sender, message.thread, _OF_A_THREAD)
        known = bool(held)
        fault = Fault("/thread", "names a thread you take part in")
    else:
        return
    if not known or not any(routing.reads(standing, found, sender, now) for found in held):
        why = routing.why_hidden(standing, held, sender, now)
        raise Refusal(Reason.UNKNOWN_REFERENCE, faults=(fault,), audited=why)
