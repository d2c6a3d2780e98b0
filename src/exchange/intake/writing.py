"""What an accepted message becomes: its leaf, before the commit gives that a place, and its row."""

from collections.abc import Mapping

from exchange import leaf, strictjson
from exchange.act import NewItem, Ruling
from exchange.envelope import Message
from exchange.jose import VerifiedBytes
from exchange.leaf import Draft, Event, Field
from exchange.participant import ParticipantId


def draft_of(
    verified: VerifiedBytes,
    message: Message,
    rules: tuple[str, ...],
    *,
    sealed: Mapping[Field, bytes],
    about: tuple[int, ...] = (),
) -> Draft:
    """rules: that permitted it. sealed: what the leaf commits to beside the message and its user. about: the item that
    it acts upon.
    """
    return Draft(
        event=Event.MESSAGE_ACCEPTED,
        actor=message.sender,
        object=message.item,
        type=message.type,
        label=leaf.label_facts(message.label),
        rules=rules,
        key=verified.key.kid,
        items=about,
        sealed={Field.MESSAGE: verified.signed, **sealed, Field.USER: message.user.encode()},
    )


def row_of(
    verified: VerifiedBytes, message: Message, readers: tuple[ParticipantId, ...], ruling: Ruling | None = None
) -> NewItem:
    return NewItem(
        item=message.item,
        sender=message.sender,
        ulid=message.ulid,
        type=message.type,
        thread=message.thread,
        label=strictjson.write(message.document["label"]),
        token=verified.token,
        readers=readers,
        ruling=ruling,
    )
