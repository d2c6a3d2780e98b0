"""What lies beside the trail so that it is found quickly: read for whoever verifies a database, and for nobody else.

These rows follow from the trail (tables: derived). Here they are only read, row by row as they stand, and a few hundred
at a time; what they should be is for `trail.derived` to say. Whoever wrote into them may have put any kind of value
there: SQLite keeps it.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Select,
    Table,
    TypeCoerce,
    and_,
    case,
    cast,
    func,
    literal,
    or_,
    select,
    type_coerce,
    union_all,
)
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

_COLUMNS: Mapping[Table, tuple[str, ...]] = {
    ACKNOWLEDGEMENT: ("position", "item", "reader", "at"),
    CHANGE: ("position", "id", "digest", "kind", "participant", "public"),
    PROPOSAL: ("position", "id"),
}
_TOUCHES = ("recalled", "restricted", "newer", "touched")
_ITEM = ("position", "at", "sender", "ulid", "type", "thread", "erased_at")

# Every column that names a position of the trail.
_POSITIONS = (
    *((table, "position") for table in (ENTRY, SEALED, ITEM, READING, ACKNOWLEDGEMENT, CHANGE, PROPOSAL)),
    *((table, "item") for table in (DELIVERY, READING, ACKNOWLEDGEMENT)),
    (DELIVERY, "released"),
    *((ITEM, name) for name in _TOUCHES),
    (BATCH, "first"),
)

_AT_ONCE = 500  # values in one statement
_NAMED = 100  # of what is wrong in the whole: the first of them are enough


class KeptReading(NamedTuple):
    position: Any
    item: Any
    reader: Any
    at: Any


class KeptDelivery(NamedTuple):
    item: Any
    reader: Any
    released: Any
    at: Any


class KeptTouches(NamedTuple):
    """Of an item, where the last act of each kind upon it is said to stand."""

    position: Any
    recalled: Any
    restricted: Any
    newer: Any
    touched: Any


class KeptBatch(NamedTuple):
    """next: where the batch behind it begins, if there is one."""

    first: Any
    size: Any
    next: Any


class KeptRows(Rows):
    """item, delivery, reading, acknowledgement, change, proposal, batch, tile and policy_set, as they stand."""

    # places: positions of the trail that follow one another.

    def beside(self, places: Sequence[int]) -> Iterator[Beside]:
        """The rows that stand at these places, all but deliveries, readings and batches."""
        yield from self._items(places)
        for table, names in _COLUMNS.items():
            statement = select(*(_as_it_stands(table.c[name]) for name in names))
            for values in self._ask(statement.where(_within(table.c[names[0]], places))):
                yield Beside(table.name, tuple(values))

    def readings(self, places: Sequence[int]) -> Iterator[KeptReading]:
        """Of the items at these places, wherever they were read: it is by item that they lie in order."""
        columns = _as_they_stand(READING, KeptReading)
        yield from (KeptReading(*row) for row in self._ask(columns.where(_within(READING.c.item, places))))

    def readings_of(self, items: Sequence[int]) -> Iterator[KeptReading]:
        """Of these items."""
        columns = _as_they_stand(READING, KeptReading)
        yield from (KeptReading(*row) for row in self._each(columns, READING.c.item, items))

    def delivered(self, places: Sequence[int]) -> Iterator[KeptDelivery]:
        """Deliveries of the items at these places, wherever they were released."""
        columns = _as_they_stand(DELIVERY, KeptDelivery)
        yield from (KeptDelivery(*row) for row in self._ask(columns.where(_within(DELIVERY.c.item, places))))

    def delivered_of(self, items: Sequence[int]) -> Iterator[KeptDelivery]:
        """Of these items."""
        columns = _as_they_stand(DELIVERY, KeptDelivery)
        yield from (KeptDelivery(*row) for row in self._each(columns, DELIVERY.c.item, items))

    def touched(self, places: Sequence[int]) -> Iterator[KeptTouches]:
        """Of the items at these places, those whose rows name an act upon them."""
        columns = _as_they_stand(ITEM, KeptTouches)
        named = or_(*(ITEM.c[name].is_not(None) for name in _TOUCHES))
        for row in self._ask(columns.where(_within(ITEM.c.position, places), named)):
            yield KeptTouches(*row)

    def touched_of(self, items: Sequence[int]) -> Iterator[KeptTouches]:
        """The rows of these items."""
        columns = _as_they_stand(ITEM, KeptTouches)
        yield from (KeptTouches(*row) for row in self._each(columns, ITEM.c.position, items))

    def first_readings(self, reader: str, items: Sequence[int]) -> Iterator[tuple[int, Any]]:
        """(item, where the reader was first shown it) for those of these items that have such a row."""
        columns = select(READING.c.item, _as_it_stands(READING.c.position)).where(READING.c.reader == reader)
        yield from ((*row,) for row in self._each(columns, READING.c.item, items))

    def leaves(self, positions: Sequence[int]) -> Iterator[tuple[int, Any]]:
        """(position, leaf) of those that are there."""
        columns = select(ENTRY.c.position, _as_it_stands(ENTRY.c.leaf))
        yield from ((*row,) for row in self._each(columns, ENTRY.c.position, positions))

    def batches(self, places: Sequence[int]) -> Iterator[tuple[Any, Any]]:
        """(first, at) of those that begin at these places."""
        columns = select(_as_it_stands(BATCH.c.first), _as_it_stands(BATCH.c.at))
        yield from ((*row,) for row in self._ask(columns.where(_within(BATCH.c.first, places))))

    def torn_batches(self) -> Sequence[KeptBatch]:
        """Those remembered that do not end where the next begins: the last one, and all that should not be."""
        behind = func.lead(BATCH.c.first).over(order_by=BATCH.c.first)
        named = (*(_as_it_stands(BATCH.c[name]) for name in ("first", "size")), behind.label("next"))
        all_of_them = select(*named).subquery()
        each = all_of_them.c
        torn = or_(each.next.is_(None), each.size < 1, each.next - each.first != each.size)
        statement = select(all_of_them).where(torn).order_by(each.next.is_(None).desc(), each.first).limit(_NAMED)
        return [KeptBatch(*row) for row in self._ask(statement)]

    def strays(self, size: int) -> Iterator[tuple[str, Any]]:
        """(table, position) of the rows that are farthest before the trail's beginning and beyond its end."""
        farthest = union_all(*(_outside(table, table.c[name], size) for table, name in _POSITIONS)).subquery()
        for table, *positions in self._ask(select(farthest)):
            yield from ((table, position) for position in {*positions} - {None})

    def full_tile(self, level: int, n: int) -> Tile | None:
        columns = select(_as_it_stands(TILE.c.hashes), _as_it_stands(TILE.c.root))
        row = self._ask_one(columns.where(TILE.c.level == level, TILE.c.n == n))
        return None if row is None else Tile(level=level, n=n, hashes=row[0], root=row[1])

    def stray_tiles(self, size: int) -> Sequence[tuple[Any, Any]]:
        """(level, n) of the tiles that a tree of this size has not."""
        level, n = TILE.c.level, TILE.c.n
        widths = [(known, size >> 8 * (known + 1)) for known in range(8)]
        beyond = case(*((level == known, n >= full) for known, full in widths), else_=True)
        statement = select(_as_it_stands(level), _as_it_stands(n)).where(or_(beyond, n < 0, n != cast(n, BigInteger)))
        return [(*row,) for row in self._ask(statement.order_by(level, n).limit(_NAMED))]

    def policy_digests(self) -> Sequence[Any]:
        """Of all sets that are kept."""
        return [digest for (digest,) in self._ask(select(_as_it_stands(POLICY_SET.c.digest)))]

    def _items(self, places: Sequence[int]) -> Iterator[Beside]:
        position = ITEM.c.position
        columns = (*(ITEM.c[name] for name in _ITEM), ITEM.c.label, SEALED.c.wrapped)
        statement = select(*map(_as_it_stands, columns)).select_from(
            ITEM.outerjoin(SEALED, SEALED.c.position == position)
        )
        for *values, label, wrapped in self._ask(statement.where(_within(position, places))):
            yield Beside(ITEM.name, (*values, self._label(values[0], label, wrapped)))

    def _each(self, columns: Select[Any], place: Column[Any], positions: Sequence[int]) -> Iterator[Any]:
        for chunk in _chunks(positions):
            yield from self._ask(columns.where(place.in_(chunk)))

    def _label(self, position: int, label: Any, wrapped: Any) -> bytes | None:
        """None where it does not open: as another label would, that tells who looks that it is not the one."""
        try:
            return self._wrap.content(wrapped, position).open("label", label)
        except (Tampered, TypeError):
            return None


def _as_it_stands(column: Column[Any]) -> TypeCoerce[Any]:
    return type_coerce(column, NullType())


def _as_they_stand(table: Table, row: type[NamedTuple]) -> Select[Any]:
    return select(*(_as_it_stands(table.c[name]) for name in row._fields))


def _within(column: Column[Any], places: Sequence[int]) -> ColumnElement[bool]:
    """places: one behind the other. Values of a foreign kind between two of them are found, too."""
    return and_(column >= places[0], column < places[-1] + 1)


def _outside(table: Table, column: Column[Any], size: int) -> Select[str, Any, Any]:
    least, most = func.min(_as_it_stands(column)), func.max(_as_it_stands(column))
    return select(literal(table.name), least.label("least"), most.label("most")).where(or_(column < 0, column >= size))


def _chunks(values: Sequence[int]) -> Iterator[Sequence[int]]:
    return (values[n : n + _AT_ONCE] for n in range(0, len(values), _AT_ONCE))
