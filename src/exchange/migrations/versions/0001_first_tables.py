"""The first tables."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
CLUSTERED: dict[str, Any] = {"sqlite_with_rowid": False}


def number(name: str, **rest: Any) -> sa.Column[Any]:
    return sa.Column(name, NUMBER, autoincrement=False, **{"nullable": False, **rest})


def raw(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.LargeBinary(), nullable=False)


def text(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Text(), nullable=False)


def upgrade() -> None:
    _trail()
    _items()
    _directory()
    _bookkeeping()


def downgrade() -> None:
    raise NotImplementedError("what was founded is not unfounded: restore a backup, or remove the database")


def _trail() -> None:
    op.create_table(
        "entry",
        number("position"),
        raw("leaf"),
        sa.PrimaryKeyConstraint("position"),
        sa.CheckConstraint("position >= 0"),
        sa.CheckConstraint("length(leaf) between 2 and 4096"),
    )
    op.create_table(
        "sealed",
        number("position"),
        raw("wrapped"),
        raw("texts"),
        sa.PrimaryKeyConstraint("position"),
        sa.CheckConstraint("length(wrapped) = 60"),
    )
    op.create_table(
        "tile",
        sa.Column("level", sa.Integer(), nullable=False),
        number("n"),
        raw("hashes"),
        raw("root"),
        sa.PrimaryKeyConstraint("level", "n"),
        sa.CheckConstraint("length(hashes) = 8192"),
        sa.CheckConstraint("length(root) = 32"),
    )
    op.create_table(
        "head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        number("size"),
        raw("frontier"),
        number("at"),
        number("directory"),
        text("policy"),
        raw("mac"),
        sa.PrimaryKeyConstraint("id"),
        sa.CheckConstraint("id = 1"),
        sa.CheckConstraint("length(mac) = 32"),
    )


def _items() -> None:
    op.create_table(
        "item",
        number("position"),
        number("at"),
        text("sender"),
        text("ulid"),
        text("type"),
        text("thread"),
        raw("label"),
        raw("token"),
        number("erased_at", nullable=True),
        sa.PrimaryKeyConstraint("position"),
        sa.UniqueConstraint("sender", "ulid", name="item_sender_ulid"),
        sa.CheckConstraint("length(ulid) = 26"),
    )
    op.create_index("item_thread", "item", ["thread", "position"])
    op.create_index("item_sent", "item", ["sender", "position"])
    op.create_table(
        "delivery",
        text("reader"),
        number("released"),
        number("item"),
        number("at"),
        sa.PrimaryKeyConstraint("reader", "released", "item"),
        sa.CheckConstraint("released >= item"),
        **CLUSTERED,
    )
    op.create_index("delivery_item", "delivery", ["item", "reader"])
    op.create_table(
        "reading",
        number("item"),
        text("reader"),
        number("position"),
        number("at"),
        sa.PrimaryKeyConstraint("item", "reader"),
        sa.CheckConstraint("position > item"),
        **CLUSTERED,
    )
    op.create_table(
        "acknowledgement",
        number("item"),
        text("reader"),
        number("position"),
        number("at"),
        raw("token"),
        sa.PrimaryKeyConstraint("item", "reader"),
        sa.UniqueConstraint("position", name="acknowledgement_position"),
        sa.CheckConstraint("position > item"),
        **CLUSTERED,
    )


def _directory() -> None:
    op.create_table(
        "change",
        number("position"),
        text("id"),
        text("digest"),
        text("kind"),
        text("participant"),
        sa.Column("public", sa.Boolean(), nullable=False),
        raw("jws"),
        raw("approvals"),
        sa.PrimaryKeyConstraint("position"),
        sa.UniqueConstraint("id", name="change_id"),
        sa.UniqueConstraint("digest", name="change_digest"),
    )
    op.create_table(
        "proposal",
        number("position"),
        text("id"),
        raw("jws"),
        raw("approvals"),
        sa.PrimaryKeyConstraint("position"),
    )
    op.create_index("proposal_id", "proposal", ["id", "position"])
    op.create_table(
        "policy_set",
        text("digest"),
        raw("texts"),
        sa.PrimaryKeyConstraint("digest"),
        sa.CheckConstraint("length(digest) = 64"),
    )


def _bookkeeping() -> None:
    op.create_table(
        "batch",
        raw("id"),
        number("first"),
        number("size"),
        number("at"),
        sa.PrimaryKeyConstraint("id"),
        sa.CheckConstraint("length(id) = 16"),
        **CLUSTERED,
    )
    op.create_index("batch_at", "batch", ["at"])
    if op.get_bind().dialect.name == "postgresql":
        op.create_table(
            "single_use",
            raw("digest"),
            number("expires"),
            sa.PrimaryKeyConstraint("digest"),
            prefixes=["UNLOGGED"],
        )
        op.create_index("single_use_expires", "single_use", ["expires"])
