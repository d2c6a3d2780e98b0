"""A batch of leaves and what each brings, as rows."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from exchange import participant
from exchange.act import Act, Effect, NewAcknowledgement, NewChange, NewItem, NewProposal, PageShown, Ruling
from exchange.leaf import Field, ItemKey
from exchange.merkle import Tile
from exchange.participant import ParticipantId
from exchange.store.bulk import Insert
from exchange.store.held import to_micros
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
    write_signed,
)
from exchange.store.vault import Content, KeyWrap

# Kept elsewhere than with the leaf: in the token of the item or acknowledgement, in the change or proposal.
_IN_ROWS_OF_THEIR_OWN = frozenset({Field.MESSAGE, Field.CHANGE})

_INSERTS = {
    "entry": Insert(ENTRY, "position", "leaf"),
    "sealed": Insert(SEALED, "position", "wrapped", "texts"),
    "item": Insert(ITEM, "position", "at", "sender", "ulid", "type", "thread", "label", "token"),
    "delivery": Insert(DELIVERY, "reader", "released", "item", "at"),
    # The first reading counts.
    "reading": Insert(READING, "item", "reader", "position", "at", unless_there=True),
    "acknowledgement": Insert(ACKNOWLEDGEMENT, "item", "reader", "position", "at", "token"),
    "change": Insert(CHANGE, "position", "id", "digest", "kind", "participant", "public", "jws", "approvals"),
    "proposal": Insert(PROPOSAL, "position", "id", "jws", "approvals"),
    # A set may be activated again.
    "policy_set": Insert(POLICY_SET, "digest", "texts", unless_there=True),
    "tile": Insert(TILE, "level", "n", "hashes", "root"),
    "batch": Insert(BATCH, "id", "first", "size", "at"),
}
# A delivery lies at the last act that released it, so that whoever follows an inbox meets it there.
_ANEW = Insert(DELIVERY, "reader", "released", "item", "at", instead_of=("item", "reader"))

# What an act leaves in the row of its item, beside the fact that it was touched.
_ALSO: dict[Effect, tuple[str, ...]] = {
    Effect.RECALL: ("recalled",),
    Effect.RESTRICTION: ("restricted",),
    Effect.CORRECTION: ("newer",),
    Effect.FORWARD: (),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """An act with its place in the trail."""

    position: int
    act: Act
    leaf: bytes
    key: ItemKey


@dataclass(frozen=True, slots=True, kw_only=True)
class NewBatch:
    """What one commit writes beside the head. id: 16 random bytes, to be found again by. policy: digest -> texts."""

    id: bytes
    at: datetime
    written: Sequence[Written]
    tiles: Sequence[Tile]
    policies: dict[str, bytes] = field(default_factory=dict)

    @property
    def readers(self) -> set[ParticipantId]:
        """To whom something was released."""
        items = [written.act.row for written in self.written if isinstance(written.act.row, NewItem)]
        anew = (reader for item in items if item.ruling is not None for reader in item.ruling.anew)
        return {*anew, *(reader for item in items for reader in item.readers)}


class BatchRows:
    """Collects the rows of a batch, then inserts them table by table."""

    def __init__(self, batch: NewBatch, wrap: KeyWrap) -> None:
        self._wrap = wrap
        self._at = to_micros(batch.at)
        self._rows: dict[str, list[tuple[Any, ...]]] = {name: [] for name in _INSERTS}
        self._rulings: list[tuple[int, Ruling]] = []
        for written in batch.written:
            self._add(written)
        self._rows["policy_set"] = list(batch.policies.items())
        self._rows["tile"] = [(tile.level, tile.n, tile.hashes, tile.root) for tile in batch.tiles]
        self._rows["batch"] = [(batch.id, batch.written[0].position, len(batch.written), self._at)]

    def insert(self, cursor: Any, *, sqlite: bool) -> None:
        """cursor: the driver's own."""
        for name, rows in self._rows.items():
            _INSERTS[name].run(cursor, rows, sqlite=sqlite)
        for position, ruling in self._rulings:
            self._rule(cursor, position, ruling, sqlite=sqlite)

    def _add(self, written: Written) -> None:
        position, rows = written.position, self._rows
        content = Content.of(written.key, position)
        texts = {name: t for name, t in written.act.draft.sealed.items() if name not in _IN_ROWS_OF_THEIR_OWN}
        rows["entry"].append((position, written.leaf))
        rows["sealed"].append(
            (position, self._wrap.wrap(written.key, position), content.seal_texts(texts, written.leaf))
        )
        match written.act.row:
            case NewItem() as item:
                self._add_item(position, item, content)
            case PageShown(reader=reader, items=items):
                rows["reading"] += [(item, reader, position, self._at) for item in items]
            case NewAcknowledgement(reader=reader, item=item, token=token):
                rows["acknowledgement"].append((item, reader, position, self._at, content.seal("token", token)))
            case NewProposal(change=id, signed=signed):
                rows["proposal"].append((position, id, *write_signed(signed, content)))
            case NewChange() as change:
                self._add_change(position, change, content)

    def _add_item(self, position: int, item: NewItem, content: Content) -> None:
        label, token = content.seal("label", item.label), content.seal("token", item.token)
        row = (position, self._at, item.sender, item.ulid, item.type, item.thread, label, token)
        self._rows["item"].append(row)
        self._rows["delivery"] += [(reader, position, position, self._at) for reader in item.readers]
        if item.ruling is not None:
            self._rulings.append((position, item.ruling))

    def _add_change(self, position: int, change: NewChange, content: Content) -> None:
        signed, kind = change.signed, change.kind
        digest = participant.digest_of(signed.change)
        texts = write_signed(signed, None if kind.public else content)
        row = (position, change.change, digest, kind.value, change.participant, kind.public, *texts)
        self._rows["change"].append(row)

    def _rule(self, cursor: Any, position: int, ruling: Ruling, *, sqlite: bool) -> None:
        """What an act does to the item that it is about."""
        columns = ("touched", *_ALSO[ruling.effect])
        places = ", ".join(f"{column} = {position:d}" for column in columns)
        cursor.execute(f"UPDATE item SET {places} WHERE position = {ruling.item:d}")  # noqa: S608  # numbers of ours
        _ANEW.run(cursor, [(reader, position, ruling.item, self._at) for reader in ruling.anew], sqlite=sqlite)
