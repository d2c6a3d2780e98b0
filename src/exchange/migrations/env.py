"""How alembic reaches a database: the URL handed in, or given by `-x url=`, or EXCHANGE_DATABASE."""

import os
from typing import Any

from alembic import context
from alembic.util import CommandError
from sqlalchemy import create_engine
from sqlalchemy.engine import URL, make_url
from sqlalchemy.pool import NullPool
from sqlmodel import SQLModel

from exchange import tables

assert tables.Entry.metadata is SQLModel.metadata  # importing the module is what declares the tables


def _url() -> URL:
    given = context.config.attributes.get("url") or context.get_x_argument(as_dictionary=True).get("url")
    text = given or os.environ.get("EXCHANGE_DATABASE")
    if not text:
        raise CommandError("which database? alembic -x url=sqlite:///exchange.db ..., or set EXCHANGE_DATABASE")
    url = make_url(text)
    return url.set(drivername="postgresql+psycopg") if url.get_backend_name() == "postgresql" else url


def _belongs(url: URL) -> Any:
    """Some tables are for one kind of database only."""

    def include(thing: Any, name: str | None, kind: str, reflected: bool, compared: Any) -> bool:
        only = getattr(thing, "info", {}).get("only") if kind == "table" else None
        return only is None or only == url.get_backend_name()

    return include


def run() -> None:
    url = _url()
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        if url.get_backend_name() == "sqlite":
            # Before anything else opens the file, and for ever: two processes doing it at once would fail.
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")
            connection.commit()
        context.configure(connection=connection, target_metadata=SQLModel.metadata, include_object=_belongs(url))
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


if context.is_offline_mode():
    raise CommandError("migrations run on a database, not as a script: one step looks at what is there")
run()
