"""What passed between one participant and everybody else, without a word of what it said."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Select, select

from exchange.envelope import ItemId
from exchange.participant import ParticipantId
from exchange.store.held import Movement, from_micros
from exchange.store.rows import DELIVERY, ENTRY, ITEM, Rows

_item, _delivery = ITEM.c, DELIVERY.c


class TrafficRows(Rows):
    """item and delivery, read for whoever answers for a participant. Nothing sealed is opened."""

    def traffic(self, participant: str, after: int, limit: int) -> Sequence[Movement]:
        """What it sent and was given by acts beyond this position, in their order: `limit` items at most, and one more
        where one act moved two.
        """
        # One act gives a reader two items at most: what was passed on, and the note that comes with it.
        asked = limit + 1
        sent = [_moved(row, sent=True) for row in self._ask(_sent(participant, after, asked))]
        given = [_moved(row, sent=False) for row in self._ask(_given(participant, after, asked))]
        moved = sorted(sent + given, key=lambda one: (one.position, one.item))
        last = moved[limit - 1].position if len(moved) > limit else after
        page = [one for one in moved if len(moved) <= limit or one.position <= last]
        peers = self._peers_of([one.position for one in page if one.sent])
        return [one.among(peers[one.position]) if one.sent else one for one in page]

    def _peers_of(self, items: Sequence[int]) -> Mapping[int, Sequence[ParticipantId]]:
        """Item -> to whom it was given, in the order of their ids."""
        peers: dict[int, list[ParticipantId]] = {item: [] for item in items}
        if items:
            statement = select(_delivery.item, _delivery.reader).where(_delivery.item.in_(items))
            for item, reader in self._ask(statement.order_by(_delivery.item, _delivery.reader)):
                peers[item].append(ParticipantId(reader))
        return peers


def _sent(sender: str, after: int, limit: int) -> Select[Any]:
    return (
        select(_item.position, _item.at, _item.sender, _item.ulid, _item.type, ENTRY.c.leaf)
        .select_from(ITEM.join(ENTRY, ENTRY.c.position == _item.position))
        .where(_item.sender == sender, _item.position > after)
        .order_by(_item.position)
        .limit(limit)
    )


def _given(reader: str, after: int, limit: int) -> Select[Any]:
    source = DELIVERY.join(ITEM, _item.position == _delivery.item).join(ENTRY, ENTRY.c.position == _item.position)
    return (
        select(_delivery.released, _delivery.at, _item.sender, _item.ulid, _item.type, ENTRY.c.leaf)
        .select_from(source)
        .where(_delivery.reader == reader, _delivery.released > after)
        .order_by(_delivery.released, _delivery.item)
        .limit(limit)
    )


def _moved(row: Any, *, sent: bool) -> Movement:
    position, at, sender, ulid, kind, leaf = row
    return Movement(
        position=position,
        at=from_micros(at),
        item=ItemId(f"{sender}:{ulid}"),
        sent=sent,
        type=kind,
        leaf=leaf,
        peers=() if sent else (ParticipantId(sender),),
    )
