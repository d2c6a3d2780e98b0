"""Acts upon items: what was recalled, restricted, corrected, and a delivery for each reader and item."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TOUCHED = sa.text("touched IS NOT NULL")


def upgrade() -> None:
    for name in ("recalled", "restricted", "newer", "touched"):
        op.add_column("item", sa.Column(name, NUMBER, nullable=True))
    op.create_index("item_touched", "item", ["touched"], sqlite_where=TOUCHED, postgresql_where=TOUCHED)
    op.drop_index("delivery_item", "delivery")
    op.create_index("delivery_item", "delivery", ["item", "reader"], unique=True)
    # A row is there, whose MAC cannot be made again here: it opens as long as this is 0.
    op.add_column("head", sa.Column("rights", NUMBER, nullable=False, server_default="0"))
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("head", "rights", server_default=None)


def downgrade() -> None:
    raise NotImplementedError("acts upon items are not undone: restore a backup")
