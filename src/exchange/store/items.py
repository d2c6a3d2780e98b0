"""Items as their readers and senders find them. Every statement carries the predicate of who asks: there is no other.

Foreign and absent are the same statement with the same empty answer.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Literal

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select, tuple_

from exchange import jose, strictjson
from exchange import label as labels
from exchange.envelope import DEPTH, ItemId
from exchange.label import Label, Releasability
from exchange.participant import ParticipantId
from exchange.store.faults import Tampered
from exchange.store.held import Delivery, Place, StoredItem, from_micros
from exchange.store.rows import ACKNOWLEDGEMENT, DELIVERY, ITEM, READING, SEALED, Rows
from exchange.store.vault import Content, KeyWrap, SealedText

_FORWARD = ITEM.alias("forward")
_RESTRICTION, _ITS_KEY, _NEWER = ITEM.alias("restriction"), SEALED.alias("its_key"), ITEM.alias("newer_item")
_CIRCLE = "/body/releasable_to"
_REMEMBERED = 4096  # items, some 3 KB each

_item, _delivery, _reading, _acknowledgement = ITEM.c, DELIVERY.c, READING.c, ACKNOWLEDGEMENT.c


Opened = Callable[[int, bytes, bytes], tuple[Content, Label]]
"""(position, wrapped key, sealed label) -> what opens the item's texts, and its label. Raises Tampered."""


def opening(wrap: KeyWrap) -> Opened:
    """Remembers what it has opened, by the very bytes: an item goes to many readers at about the same time, and a row
    that was changed, or whose key was destroyed, is none that it remembers.
    """

    @lru_cache(maxsize=_REMEMBERED)
    def opened(position: int, wrapped: bytes, label: bytes) -> tuple[Content, Label]:
        content = wrap.content(wrapped, position)
        return content, labels.parse(strictjson.reread(content.open("label", label)))

    return opened


_PLACE = tuple_(_delivery.released, _delivery.item)


def _at(place: Place) -> Any:
    return tuple_(place.released, place.item)


class ItemRows(Rows):
    """item, delivery, reading and acknowledgement, read."""

    _opened: Opened

    def inbox(self, reader: str, after: Place, limit: int) -> Sequence[StoredItem]:
        """What was released to the reader after this place, in the order of release: at most `limit`."""
        return self._released(reader, limit, _at(after) < _PLACE)

    def passed_over(self, reader: str, after: Place, until: Place, shown: int, limit: int) -> Sequence[StoredItem]:
        """What was released to the reader between two places, and was not read before position `shown` was written."""
        unread = or_(_reading.position.is_(None), _reading.position > shown)
        return self._released(reader, limit, and_(_at(after) < _PLACE, _at(until) >= _PLACE), unread)

    def owed(self, reader: str, after: Place, limit: int) -> Sequence[StoredItem]:
        """What was released to the reader after this place, was shown to it and was not acknowledged, in the order of
        release: at most `limit`.
        """
        owed = and_(_reading.position.is_not(None), _acknowledgement.position.is_(None))
        return self._released(reader, limit, _at(after) < _PLACE, owed)

    def item_for(self, participant: str, item: str) -> StoredItem | None:
        """The item with this id, if the participant sent it or was given it."""
        sender, _, ulid = item.partition(":")
        statement = _held_by(participant, or_sent=True).where(_item.sender == sender, _item.ulid == ulid).limit(1)
        row = self._ask_one(statement)
        return None if row is None else self._item_of(row)

    def thread_for(self, participant: str, thread: str, limit: int) -> Sequence[StoredItem]:
        """The items of this thread that the participant sent or was given, oldest first."""
        return self._sent_or_given(participant, limit, _item.thread == thread)

    def sent(self, sender: str, after: int, limit: int) -> Sequence[StoredItem]:
        """What the participant sent beyond this position, oldest first."""
        return self._sent_or_given(sender, limit, _item.sender == sender, _item.position > after)

    def items_held(self, participant: str, positions: Sequence[int]) -> Sequence[StoredItem]:
        """Those of these items that the participant sent or was given, oldest first."""
        return self._sent_or_given(participant, len(positions), _item.position.in_(positions))

    def holders(self, position: int) -> Sequence[tuple[ParticipantId, bool]]:
        """To whom the item at this position was released, in the order of their ids, and whether each has read it.

        For what acts upon it: whoever asks has shown with `item_for` that the caller sent or holds it.
        """
        source = DELIVERY.outerjoin(READING, _same_reader(_reading))
        statement = select(_delivery.reader, _reading.position).select_from(source).where(_delivery.item == position)
        return sorted((ParticipantId(reader), read is not None) for reader, read in self._ask(statement))

    def deliveries(self, position: int) -> Sequence[Delivery]:
        """How far the item at this position has come with each of its readers, in the order of their ids.

        For its sender: whoever asks has shown with `item_for` that it is the caller's own.
        """
        statement = (
            select(_delivery.reader, _delivery.at, _reading.at, _acknowledgement.at, _FORWARD.c.sender)
            .select_from(
                DELIVERY.outerjoin(READING, _same_reader(_reading))
                .outerjoin(ACKNOWLEDGEMENT, _same_reader(_acknowledgement))
                .outerjoin(_FORWARD, _passed_on())
            )
            .where(_delivery.item == position)
            .order_by(_delivery.reader)
        )
        return [_delivery_of(*row) for row in self._ask(statement)]

    def _released(self, reader: str, limit: int, *conditions: ColumnElement[bool]) -> Sequence[StoredItem]:
        """Of what was released to the reader, in the order of release."""
        ours = _held_by(reader).where(_delivery.reader == reader, *conditions)
        statement = ours.order_by(_delivery.released, _delivery.item).limit(limit)
        return [self._item_of(row) for row in self._ask(statement)]

    def _sent_or_given(self, participant: str, limit: int, *conditions: ColumnElement[bool]) -> Sequence[StoredItem]:
        """Of what the participant sent or was given, oldest first."""
        statement = _held_by(participant, or_sent=True).where(*conditions).order_by(_item.position).limit(limit)
        return [self._item_of(row) for row in self._ask(statement)]

    def _item_of(self, row: Any) -> StoredItem:
        position, released, released_at, at, sender, ulid, kind, thread, label, token, wrapped, *rest = row
        first_read, acknowledged, recalled, restricted, limits, limits_wrapped, newer_sender, newer_ulid = rest
        content, parsed = self._opened(position, wrapped, label)
        return StoredItem(
            position=position,
            released=position if released is None else released,
            released_at=from_micros(released_at),
            accepted_at=from_micros(at),
            item=ItemId(f"{sender}:{ulid}"),
            sender=ParticipantId(sender),
            type=kind,
            thread=thread,
            label=parsed,
            sealed=SealedText("token", token, content),
            first_read=first_read,
            acknowledged=acknowledged,
            recalled=recalled is not None,
            limits=None if restricted is None else self._limits_of(restricted, limits, limits_wrapped),
            newer=None if newer_ulid is None else ItemId(f"{newer_sender}:{newer_ulid}"),
        )

    def _limits_of(self, position: int, token: bytes | None, wrapped: bytes | None) -> Releasability | None:
        """The circle that the restriction at this position states; None where it lifts the one before.

        Raises Tampered where there is no such restriction: without it everybody might read what was restricted.
        """
        if token is None or wrapped is None:
            raise Tampered(f"the restriction at position {position} is missing: its row was removed")
        payload = jose.decode(self._wrap.content(wrapped, position).open("token", token).split(b".")[1])
        body = strictjson.parse_object(payload, limit=len(payload), depth=DEPTH)["body"]
        return labels.parse_circle(body["releasable_to"], _CIRCLE) if "releasable_to" in body else None


def _held_by(participant: str, *, or_sent: bool = False) -> Select[Any]:
    """Items released to a participant; or_sent: and those that it sent itself. One statement for all that was done to
    them since: another one for some of them would tell, by the time it takes, that they are there.
    """
    released = and_(_delivery.item == _item.position, _delivery.reader == participant)
    read = and_(_reading.item == _item.position, _reading.reader == participant)
    acknowledged = and_(_acknowledgement.item == _item.position, _acknowledgement.reader == participant)
    source = (
        ITEM.join(DELIVERY, released, isouter=or_sent)
        .join(SEALED, SEALED.c.position == _item.position)
        .outerjoin(READING, read)
        .outerjoin(ACKNOWLEDGEMENT, acknowledged)
        .outerjoin(_RESTRICTION, _RESTRICTION.c.position == _item.restricted)
        .outerjoin(_ITS_KEY, _ITS_KEY.c.position == _item.restricted)
        .outerjoin(_NEWER, and_(_NEWER.c.position == _item.newer, _has_newer(participant)))
    )
    statement = select(
        _item.position,
        _delivery.released,
        func.coalesce(_delivery.at, _item.at),
        _item.at,
        _item.sender,
        _item.ulid,
        _item.type,
        _item.thread,
        _item.label,
        _item.token,
        SEALED.c.wrapped,
        _reading.position,
        _acknowledgement.position,
        _item.recalled,
        _item.restricted,
        _RESTRICTION.c.token,
        _ITS_KEY.c.wrapped,
        _NEWER.c.sender,
        _NEWER.c.ulid,
    ).select_from(source)
    statement = statement.where(_item.erased_at.is_(None))
    if or_sent:
        statement = statement.where(or_(_item.sender == participant, _delivery.item.is_not(None)))
    return statement


def _has_newer(participant: str) -> ColumnElement[bool]:
    """The newer version is the participant's own, or was given to it and stands: of what was taken back or restricted
    since, nobody is told that it was there.
    """
    given = DELIVERY.alias("given")
    held = exists().where(given.c.item == _NEWER.c.position, given.c.reader == participant)
    stands = and_(_NEWER.c.recalled.is_(None), _NEWER.c.restricted.is_(None))
    return or_(_NEWER.c.sender == participant, and_(held, stands))


def _passed_on() -> ColumnElement[bool]:
    """The delivery lies at a forward, and is not that of the forward itself."""
    forward = and_(_FORWARD.c.position == _delivery.released, _FORWARD.c.type == "forward")
    return and_(forward, _delivery.item != _delivery.released)


def _same_reader(columns: Any) -> ColumnElement[bool]:
    return and_(columns.item == _delivery.item, columns.reader == _delivery.reader)


def _delivery_of(reader: str, released: int, read: int | None, acknowledged: int | None, by: str | None) -> Delivery:
    state: Literal["released", "read", "acknowledged"] = "released" if read is None else "read"
    at = released if read is None else read
    if acknowledged is not None:
        state, at = "acknowledged", acknowledged
    who, passed = ParticipantId(reader), None if by is None else ParticipantId(by)
    return Delivery(reader=who, state=state, at=from_micros(at), released_at=from_micros(released), by=passed)
