"""The trail as it is stored: leaves, what they commit to, tiles and the head."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, func, select

from exchange import merkle
from exchange.leaf import Field
from exchange.merkle import Hash, TileReader
from exchange.refusal import Reason, Refusal
from exchange.store.faults import Tampered, Unfit
from exchange.store.head import Head, HeadKey
from exchange.store.held import Sealed, StoredEntry
from exchange.store.rows import ACKNOWLEDGEMENT, CHANGE, ENTRY, HEAD, ITEM, PROPOSAL, SEALED, TILE, Rows, read_signed
from exchange.store.vault import Content

_entry, _sealed, _tile = ENTRY.c, SEALED.c, TILE.c


class TrailRows(Rows):
    """entry, sealed, tile and head, read."""

    _head_key: HeadKey

    def head(self) -> Head:
        """Where the trail stands. Raises HeadForged; Unfit where no exchange was founded here."""
        row = self._ask_one(head_statement())
        if row is None:
            raise Unfit("no exchange was founded in this database: make one with `exchange init`")
        return self._head_key.open(*row)

    def leaf(self, position: int) -> bytes:
        """Raises Refusal(RANGE_WRONG)."""
        row = self._ask_one(select(_entry.leaf).where(_entry.position == position))
        if row is None:
            raise Refusal(Reason.RANGE_WRONG)
        return bytes(row[0])

    def sealed(self, position: int) -> Sealed:
        """Raises Refusal(RANGE_WRONG)."""
        source = SEALED.join(ENTRY, _entry.position == _sealed.position)
        statement = select(_sealed.wrapped, _sealed.texts, _entry.leaf).select_from(source)
        row = self._ask_one(statement.where(_sealed.position == position))
        if row is None:
            raise Refusal(Reason.RANGE_WRONG)
        key = self._wrap.unwrap(row[0], position)
        return Sealed(key=key, texts=Content.of(key, position).open_texts(row[1], row[2]))

    def entries(self, after: int, limit: int) -> Sequence[StoredEntry]:
        """Leaves beyond this position with all that they commit to, save the messages: at most `limit`."""
        source = ENTRY.join(SEALED, _sealed.position == _entry.position)
        for changed in (CHANGE, PROPOSAL):
            source = source.outerjoin(changed, changed.c.position == _entry.position)
        statement = (
            select(
                _entry.position,
                _entry.leaf,
                _sealed.wrapped,
                _sealed.texts,
                func.coalesce(CHANGE.c.jws, PROPOSAL.c.jws),
                func.coalesce(CHANGE.c.approvals, PROPOSAL.c.approvals),
            )
            .select_from(source)
            .where(_entry.position > after)
            .order_by(_entry.position)
            .limit(limit)
        )
        return [self._entry_of(row) for row in self._ask(statement)]

    def messages(self, first: int, stop: int) -> dict[int, bytes]:
        """position -> the JWS of the item or acknowledgement there, from `first` to before `stop`.

        For whoever verifies a database: no participant's reading goes this way.
        """
        found: dict[int, bytes] = {}
        for table in (ITEM, ACKNOWLEDGEMENT):
            position = table.c.position
            source = table.join(SEALED, _sealed.position == position)
            statement = select(position, table.c.token, _sealed.wrapped).select_from(source)
            for place, token, wrapped in self._ask(statement.where(position >= first, position < stop)):
                found[place] = self._wrap.content(wrapped, place).open("token", token)
        return found

    def tree(self, size: int) -> TileReader:
        """The tree of the first `size` leaves. What it reads is as true as the root that its proofs lead to."""
        return TileReader(size=size, tile=self._tile_hashes, roots=self.tile_roots, leaves=self.leaf_hashes)

    def leaf_hashes(self, start: int, stop: int) -> list[Hash]:
        """Raises Tampered where a leaf is missing."""
        statement = select(_entry.leaf).where(_entry.position >= start, _entry.position < stop)
        found = [merkle.leaf_hash(row[0]) for row in self._ask(statement.order_by(_entry.position))]
        return _whole(found, start, stop, "leaves")

    def tile_roots(self, level: int, start: int, stop: int) -> list[Hash]:
        """Raises Tampered where a tile is missing."""
        statement = select(_tile.root).where(_tile.level == level, _tile.n >= start, _tile.n < stop)
        found = [bytes(row[0]) for row in self._ask(statement.order_by(_tile.n))]
        return _whole(found, start, stop, f"tiles of level {level}")

    def _tile_hashes(self, level: int, n: int) -> bytes:
        row = self._ask_one(select(_tile.hashes).where(_tile.level == level, _tile.n == n))
        if row is None:
            raise Tampered(f"tile {n} of level {level} is missing")
        return bytes(row[0])

    def _entry_of(self, row: Any) -> StoredEntry:
        position, leaf, wrapped, sealed, jws, approvals = row
        key = self._wrap.unwrap(wrapped, position)
        content = Content.of(key, position)
        texts = content.open_texts(sealed, leaf)
        if jws is not None:
            texts[Field.CHANGE] = read_signed(jws, approvals, content).committed()
        return StoredEntry(position=position, leaf=leaf, key=key, texts=texts)


def head_statement() -> Select[Any]:
    head = HEAD.c
    return select(head.size, head.frontier, head.at, head.directory, head.policy, head.rights, head.mac).where(
        head.id == 1
    )


def _whole(found: list[Hash], start: int, stop: int, what: str) -> list[Hash]:
    if len(found) != stop - start:
        raise Tampered(f"of the {what} from {start} to {stop - 1} only {len(found)} are there")
    return found
