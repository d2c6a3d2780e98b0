"""The rows, as SQLModel declares them. They never leave the store, and parse nothing: `table=True` checks no value.

Each docstring says what a column is. Evidence: the bytes stand under the tree, under a commitment of a leaf, or under
a signature that a leaf commits to; whoever verifies the trail finds a change of it. Derived: it follows from evidence,
and is recomputed to be checked. A column is one or the other (a test holds every table to that).

No foreign keys: every row is written by the one commit that writes its leaf, and `trail verify` finds what is missing.
Positions count leaves from 0; times are microseconds since 1970 in UTC.
"""

from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Index, Integer, LargeBinary, Text, UniqueConstraint, text
from sqlmodel import Field, SQLModel

REVISION = "0002"
"""The migration that makes these tables: a store of another one is not opened."""

# On SQLite only a column that says INTEGER is the row's own number, and so the order in the file.
_Number = BigInteger().with_variant(Integer, "sqlite")
# The rows lie in the order of the key itself.
_CLUSTERED: dict[str, Any] = {"sqlite_with_rowid": False}
# Few items are ever acted upon.
_TOUCHED = text("touched IS NOT NULL")


def _key(kind: Any = _Number) -> Any:
    return Field(primary_key=True, sa_type=kind, sa_column_kwargs={"autoincrement": False})


def _number(*, nullable: bool = False) -> Any:
    return Field(sa_type=_Number, nullable=nullable)


def _bytes(*, nullable: bool = False) -> Any:
    return Field(sa_type=LargeBinary, nullable=nullable)


def _text() -> Any:
    return Field(sa_type=Text, nullable=False)


class Entry(SQLModel, table=True):
    """A leaf of the trail.

    Evidence: position, leaf (the tree).
    """

    __table_args__ = (CheckConstraint("position >= 0"), CheckConstraint("length(leaf) between 2 and 4096"))

    position: int = _key()
    leaf: bytes = _bytes()


class Sealed(SQLModel, table=True):
    """The wrapped key that opens a leaf's commitments, and what they commit to, sealed under it.

    The message itself is in its item, an acknowledgement in its row, a change in its change or proposal.

    Evidence: position (additional data of the wrapping), wrapped (opens to the key of the commitments), texts (each
    under the leaf's commitment of its name; the leaf is additional data, so that a change of either is found here).
    """

    __table_args__ = (CheckConstraint("length(wrapped) = 60"),)

    position: int = _key()
    wrapped: bytes = _bytes()
    texts: bytes = _bytes()


class Item(SQLModel, table=True):
    """A message accepted. Sealed under its item key: label, in our one serialisation, and token, the JWS as it came.

    Evidence: position, sender, ulid (the leaf's object), type (the leaf's), token (the commitment to the message; its
    last segment, the signature, verifies under a key of the directory).
    Derived: at (the leaf's), thread, label (the token's), erased_at (the leaf of the erasure), recalled, restricted,
    newer (where the last recall, restriction and correction of it stand), touched (where the last act upon it stands).
    """

    __table_args__ = (
        UniqueConstraint("sender", "ulid", name="item_sender_ulid"),
        Index("item_thread", "thread", "position"),
        Index("item_sent", "sender", "position"),
        Index("item_touched", "touched", sqlite_where=_TOUCHED, postgresql_where=_TOUCHED),
        CheckConstraint("length(ulid) = 26"),
    )

    position: int = _key()
    at: int = _number()
    sender: str = _text()
    ulid: str = _text()
    type: str = _text()
    thread: str = _text()
    label: bytes = _bytes()
    token: bytes = _bytes()
    erased_at: int | None = _number(nullable=True)
    recalled: int | None = _number(nullable=True)
    restricted: int | None = _number(nullable=True)
    newer: int | None = _number(nullable=True)
    touched: int | None = _number(nullable=True)


class Delivery(SQLModel, table=True):
    """An item lies in a reader's inbox, once, since the last act that released it, at `released`.

    Derived: reader, released, item (the decisions that the releasing leaf commits to), at (the leaf's).
    """

    # In the order of the inbox; and in the order of the items, for whoever asks who has one.
    __table_args__ = (
        Index("delivery_item", "item", "reader", unique=True),
        CheckConstraint("released >= item"),
        _CLUSTERED,
    )

    reader: str = _key(Text)
    released: int = _key()
    item: int = _key()
    at: int = _number()


class Reading(SQLModel, table=True):
    """A reader was first shown an item.

    Derived: item, reader, position, at (the leaf at that position: its actor and its items).
    """

    __table_args__ = (CheckConstraint("position > item"), _CLUSTERED)

    item: int = _key()
    reader: str = _key(Text)
    position: int = _number()
    at: int = _number()


class Acknowledgement(SQLModel, table=True):
    """A reader's signed word that it has an item.

    Evidence: position, token (the commitment to the message, as for an item).
    Derived: item, reader, at (the leaf at that position).
    """

    __table_args__ = (
        UniqueConstraint("position", name="acknowledgement_position"),
        CheckConstraint("position > item"),
        _CLUSTERED,
    )

    item: int = _key()
    reader: str = _key(Text)
    position: int = _number()
    at: int = _number()
    token: bytes = _bytes()


class Change(SQLModel, table=True):
    """A change of the directory, in force since its position. Sealed under its item key, where it is reserved: jws and
    approvals. What it is about, of what kind it is and a digest of it stand in clear.

    Evidence: position, jws, approvals (the commitment to the change).
    Derived: id, kind, participant, public (the payload of the jws), digest (its signed bytes).
    """

    __table_args__ = (UniqueConstraint("id", name="change_id"), UniqueConstraint("digest", name="change_digest"))

    position: int = _key()
    id: str = _text()
    digest: str = _text()
    kind: str = _text()
    participant: str = _text()
    public: bool = Field(nullable=False)
    jws: bytes = _bytes()
    approvals: bytes = _bytes()


class Proposal(SQLModel, table=True):
    """A change that waits, or waited, for more officers. It waits while no change has its id; the newest counts.

    Sealed under its item key: jws and approvals.

    Evidence: position, jws, approvals (the commitment to the change).
    Derived: id (the payload of the jws).
    """

    __table_args__ = (Index("proposal_id", "id", "position"),)

    position: int = _key()
    id: str = _text()
    jws: bytes = _bytes()
    approvals: bytes = _bytes()


class PolicySet(SQLModel, table=True):
    """The texts of a policy set, by what it is named in leaves.

    Evidence: digest (in every leaf decided under it), texts (hash to the digest).
    """

    __tablename__ = "policy_set"
    __table_args__ = (CheckConstraint("length(digest) = 64"),)

    digest: str = _key(Text)
    texts: bytes = _bytes()


class Tile(SQLModel, table=True):
    """A full tile of the tree (C2SP tlog-tiles), and the hash that stands for it in the tile above.

    Derived: level, n, hashes, root (the leaves).
    """

    __table_args__ = (CheckConstraint("length(hashes) = 8192"), CheckConstraint("length(root) = 32"))

    level: int = _key(Integer)
    n: int = _key()
    hashes: bytes = _bytes()
    root: bytes = _bytes()


class Head(SQLModel, table=True):
    """The one row that says where the trail stands, under a MAC whose key is not in the database.

    Derived: id (always 1), size, frontier (the leaves), at (the last leaf), directory (the last change), policy (the
    last one activated), rights (the last act upon an item, 0 before the first), mac (all of these).
    """

    __table_args__ = (CheckConstraint("id = 1"), CheckConstraint("length(mac) = 32"))

    id: int = _key(Integer)
    size: int = _number()
    frontier: bytes = _bytes()
    at: int = _number()
    directory: int = _number()
    policy: str = _text()
    rights: int = _number()
    mac: bytes = _bytes()


class Batch(SQLModel, table=True):
    """Commits of the last hour: how a gateway learns what became of a commit whose answer it did not get.

    Derived: id (random), first, size (the trail's positions that it filled), at (of its leaves).
    """

    __table_args__ = (Index("batch_at", "at"), CheckConstraint("length(id) = 16"), _CLUSTERED)

    id: bytes = _key(LargeBinary)
    first: int = _number()
    size: int = _number()
    at: int = _number()


class SingleUse(SQLModel, table=True):
    """Digests of proofs and assertions that were used (PostgreSQL, UNLOGGED: lost with a crash, as the store notices).

    Derived: digest (none of the trail's), expires (seconds since 1970).
    """

    __tablename__ = "single_use"
    __table_args__ = (Index("single_use_expires", "expires"), {"info": {"only": "postgresql"}})

    digest: bytes = _key(LargeBinary)
    expires: int = _number()
