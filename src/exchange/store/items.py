"""Items as their readers and senders find them. Every statement carries the predicate of who asks: there is no other.

Foreign and absent are the same statement with the same empty answer.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, or_, select, tuple_

from exchange import label as labels
from exchange import strictjson
from exchange.envelope import ItemId
from exchange.participant import ParticipantId
from exchange.store.held import Delivery, Place, StoredItem, from_micros
from exchange.store.rows import ACKNOWLEDGEMENT, DELIVERY, ITEM, READING, SEALED, Rows
from exchange.store.vault import Content, SealedText

_item, _delivery, _reading, _acknowledgement = ITEM.c, DELIVERY.c, READING.c, ACKNOWLEDGEMENT.c


class ItemRows(Rows):
    """item, delivery, reading and acknowledgement, read."""

    def inbox(self, reader: str, after: Place, limit: int) -> Sequence[StoredItem]:
        """What was released to the reader after this place, in the order of release: at most `limit`."""
        beyond = tuple_(_delivery.released, _delivery.item) > tuple_(after.released, after.item)
        statement = (
            _held_by(reader)
            .where(_delivery.reader == reader, beyond)
            .order_by(_delivery.released, _delivery.item)
            .limit(limit)
        )
        return [self._item_of(row) for row in self._ask(statement)]

    def passed_over(self, reader: str, after: Place, until: Place, shown: int, limit: int) -> Sequence[StoredItem]:
        """What was released to the reader between two places, and was not read before position `shown` was written."""
        place = tuple_(_delivery.released, _delivery.item)
        between = and_(place > tuple_(after.released, after.item), place <= tuple_(until.released, until.item))
        unread = or_(_reading.position.is_(None), _reading.position > shown)
        statement = (
            _held_by(reader)
            .where(_delivery.reader == reader, between, unread)
            .order_by(_delivery.released, _delivery.item)
            .limit(limit)
        )
        return [self._item_of(row) for row in self._ask(statement)]

    def item_for(self, participant: str, item: str) -> StoredItem | None:
        """The item with this id, if the participant sent it or was given it."""
        sender, _, ulid = item.partition(":")
        statement = _held_by(participant, or_sent=True).where(_item.sender == sender, _item.ulid == ulid).limit(1)
        row = self._ask_one(statement)
        return None if row is None else self._item_of(row)

    def thread_for(self, participant: str, thread: str, limit: int) -> Sequence[StoredItem]:
        """The items of this thread that the participant sent or was given, oldest first."""
        statement = (
            _held_by(participant, or_sent=True).where(_item.thread == thread).order_by(_item.position).limit(limit)
        )
        return [self._item_of(row) for row in self._ask(statement)]

    def sent(self, sender: str, after: int, limit: int) -> Sequence[StoredItem]:
        """What the participant sent beyond this position, oldest first."""
        statement = (
            _held_by(sender, or_sent=True)
            .where(_item.sender == sender, _item.position > after)
            .order_by(_item.position)
            .limit(limit)
        )
        return [self._item_of(row) for row in self._ask(statement)]

    def deliveries(self, position: int) -> Sequence[Delivery]:
        """How far the item at this position has come with each of its readers, in the order of their ids.

        For its sender: whoever asks has shown with `item_for` that it is the caller's own.
        """
        statement = (
            select(_delivery.reader, _delivery.at, _reading.at, _acknowledgement.at)
            .select_from(
                DELIVERY.outerjoin(READING, _same_reader(_reading)).outerjoin(
                    ACKNOWLEDGEMENT, _same_reader(_acknowledgement)
                )
            )
            .where(_delivery.item == position)
            .order_by(_delivery.reader)
        )
        return [_delivery_of(*row) for row in self._ask(statement)]

    def _item_of(self, row: Any) -> StoredItem:
        position, released, at, sender, ulid, kind, thread, label, token, wrapped, first_read, acknowledged = row
        content = Content.of(self._wrap.unwrap(wrapped, position), position)
        members = strictjson.reread(content.open("label", label))
        return StoredItem(
            position=position,
            released=position if released is None else released,
            released_at=from_micros(at),
            item=ItemId(f"{sender}:{ulid}"),
            sender=ParticipantId(sender),
            type=kind,
            thread=thread,
            label=labels.parse(members),
            sealed=SealedText("token", token, content),
            first_read=first_read,
            acknowledged=acknowledged,
        )


def _held_by(participant: str, *, or_sent: bool = False) -> Select[Any]:
    """Items released to a participant; or_sent: and those that it sent itself."""
    released = and_(_delivery.item == _item.position, _delivery.reader == participant)
    read = and_(_reading.item == _item.position, _reading.reader == participant)
    acknowledged = and_(_acknowledgement.item == _item.position, _acknowledgement.reader == participant)
    source = ITEM.join(DELIVERY, released, isouter=or_sent).join(SEALED, SEALED.c.position == _item.position)
    statement = select(
        _item.position,
        _delivery.released,
        _delivery.at if not or_sent else _item.at,
        _item.sender,
        _item.ulid,
        _item.type,
        _item.thread,
        _item.label,
        _item.token,
        SEALED.c.wrapped,
        _reading.position,
        _acknowledgement.position,
    ).select_from(source.outerjoin(READING, read).outerjoin(ACKNOWLEDGEMENT, acknowledged))
    statement = statement.where(_item.erased_at.is_(None))
    if or_sent:
        statement = statement.where(or_(_item.sender == participant, _delivery.item.is_not(None)))
    return statement


def _same_reader(columns: Any) -> ColumnElement[bool]:
    return and_(columns.item == _delivery.item, columns.reader == _delivery.reader)


def _delivery_of(reader: str, released: int, read: int | None, acknowledged: int | None) -> Delivery:
    if acknowledged is not None:
        return Delivery(reader=ParticipantId(reader), state="acknowledged", at=from_micros(acknowledged))
    if read is not None:
        return Delivery(reader=ParticipantId(reader), state="read", at=from_micros(read))
    return Delivery(reader=ParticipantId(reader), state="released", at=from_micros(released))
