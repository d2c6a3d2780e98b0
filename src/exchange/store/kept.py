"""What lies beside the trail so that it is found quickly: read for whoever verifies a database, and for nobody else.

These rows follow from the trail (tables: derived). Here they are only read, row by row as they stand; what they should
be is for `trail.derived` to say.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Table, func, or_, select, type_coerce
from sqlalchemy.types import NullType

from exchange.merkle import Tile
from exchange.store.faults import Tampered
from exchange.store.held import Beside
from exchange.store.rows import (
    ACKNOWLEDGEMENT,
    BATCH,
    CHANGE,
    DELIVERY,
    ENTRY,
    ITEM,
    POLICY_SET,
    PROPOSAL,
    READING,
    SEALED,
    TILE,
    Rows,
)
from exchange.store.vault import Content

# All items are direct: what releases an item is the item's own leaf, and it is by items that deliveries are found.
_COLUMNS: Mapping[Table, tuple[str, ...]] = {
    DELIVERY: ("item", "reader", "released", "at"),
    READING: ("position", "item", "reader", "at"),
    ACKNOWLEDGEMENT: ("position", "item", "reader", "at"),
    CHANGE: ("position", "id", "digest", "kind", "participant", "public"),
    PROPOSAL: ("position", "id"),
}
_ITEM = ("position", "at", "sender", "ulid", "type", "thread", "erased_at")

# Every column that names a position of the trail.
_POSITIONS = (
    *((table, "position") for table in (ENTRY, SEALED, ITEM, READING, ACKNOWLEDGEMENT, CHANGE, PROPOSAL)),
    *((table, "item") for table in (DELIVERY, READING, ACKNOWLEDGEMENT)),
    (DELIVERY, "released"),
    (BATCH, "first"),
)


class KeptRows(Rows):
    """item, delivery, reading, acknowledgement, change, proposal, batch, tile and policy_set, as they stand."""

    def beside(self, first: int, stop: int) -> Mapping[int, set[Beside]]:
        """position -> the rows that stand there, from `first` to before `stop`.

        Nothing else is looked up by the position of a reading, so it has no index: ask for many at once.
        """
        found: defaultdict[int, set[Beside]] = defaultdict(set)
        for row in self._rows_of_items(first, stop):
            found[row.values[0]].add(row)
        for table, names in _COLUMNS.items():
            at = table.c[names[0]]
            statement = select(*(table.c[name] for name in names)).where(at >= first, at < stop)
            for values in self._ask(statement):
                found[values[0]].add(Beside(table.name, tuple(values)))
        return found

    def strays(self, size: int) -> Iterator[tuple[str, int]]:
        """(table, position) of the rows that are farthest before the trail's beginning and beyond its end."""
        for table, name in _POSITIONS:
            column = table.c[name]
            outside = select(func.min(column), func.max(column)).where(or_(column < 0, column >= size))
            for position in {*self._ask_one(outside)} - {None}:
                yield table.name, position

    def batches(self) -> list[tuple[int, int, int]]:
        """(first, size, at) of those remembered, in their order."""
        columns = BATCH.c
        return [(*row,) for row in self._ask(select(columns.first, columns.size, columns.at).order_by(columns.first))]

    def full_tile(self, level: int, n: int) -> Tile | None:
        columns = TILE.c
        statement = select(columns.hashes, columns.root).where(columns.level == level, columns.n == n)
        row = self._ask_one(statement)
        return None if row is None else Tile(level=level, n=n, hashes=bytes(row[0]), root=bytes(row[1]))

    def tile_names(self) -> set[tuple[int, int]]:
        """(level, n) of all."""
        return {(level, n) for level, n in self._ask(select(TILE.c.level, TILE.c.n))}

    def policy_digests(self) -> set[str]:
        """Of all sets that are kept."""
        return {digest for (digest,) in self._ask(select(POLICY_SET.c.digest))}

    def _rows_of_items(self, first: int, stop: int) -> Iterator[Beside]:
        # As they stand: somebody may have put into them what is no bytes at all.
        sealed = (type_coerce(column, NullType()) for column in (ITEM.c.label, SEALED.c.wrapped))
        columns = (*(ITEM.c[name] for name in _ITEM), *sealed)
        source = ITEM.outerjoin(SEALED, SEALED.c.position == ITEM.c.position)
        statement = select(*columns).select_from(source).where(ITEM.c.position >= first, ITEM.c.position < stop)
        for *values, label, wrapped in self._ask(statement):
            yield Beside(ITEM.name, (*values, self._label(values[0], label, wrapped)))

    def _label(self, position: int, label: Any, wrapped: Any) -> bytes | None:
        """None where it does not open: as another label would, that tells who looks that it is not the one."""
        try:
            return Content.of(self._wrap.unwrap(wrapped, position), position).open("label", label)
        except (Tampered, TypeError):
            return None
