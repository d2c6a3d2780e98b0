"""Connections, and the durability that each of them must have. SQLite in one file, or PostgreSQL by psycopg.

Every connection is in autocommit: the only transactions are the writer's, and it says itself where they begin and end.
"""

from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.pool import NullPool, QueuePool

from exchange.store.faults import Unfit

Dialect = Literal["sqlite", "postgresql"]

_READERS = 8  # connections kept for reading
_PATIENCE = 5  # seconds to wait for a lock or a connection

_SQLITE = (
    "cache_size=-32768",  # KiB: the pages where readers' deliveries end stay in memory
    "wal_autocheckpoint=4000",  # pages, 16 MB: most of them are written again and again, so the fewer copies the better
)
_POSTGRES: dict[str, Any] = {
    "connect_timeout": _PATIENCE,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
    "application_name": "exchange",
    "options": "-c lock_timeout=5s -c idle_in_transaction_session_timeout=5s",
}


def parse(url: str) -> URL:
    """`sqlite:///file` or `postgresql://...` -> the URL with our driver. Raises Unfit."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() != "sqlite" or not parsed.database or parsed.database == ":memory:":
        raise Unfit("the database is sqlite:///<file> or postgresql://<user>@<host>/<name>")
    if not Path(parsed.database).exists():
        raise Unfit(f"there is no database {parsed.database}: make an exchange with `exchange init`")
    return parsed


def dialect_of(url: URL) -> Dialect:
    return "sqlite" if url.get_backend_name() == "sqlite" else "postgresql"


def for_writing(url: URL) -> Engine:
    """One connection at a time, made anew whenever the last one is given up."""
    return _engine(url, poolclass=NullPool)


def for_reading(url: URL) -> Engine:
    return _engine(url, poolclass=QueuePool, pool_size=_READERS, max_overflow=_READERS, pool_timeout=_PATIENCE)


def _engine(url: URL, **pool: Any) -> Engine:
    sqlite = dialect_of(url) == "sqlite"
    connect_args: dict[str, Any] = {"timeout": _PATIENCE, "check_same_thread": False} if sqlite else dict(_POSTGRES)
    engine = create_engine(url, isolation_level="AUTOCOMMIT", connect_args=connect_args, **pool)
    event.listen(engine, "connect", _check_sqlite if sqlite else _check_postgres)
    return engine


def _check_sqlite(connection: Any, _: object) -> None:
    """WAL stands in the file since the migration; what is synchronous is each connection's own."""
    connection.execute("PRAGMA synchronous=FULL")
    for setting in _SQLITE:
        connection.execute(f"PRAGMA {setting}")
    mode, synchronous = (_one(connection, f"PRAGMA {name}") for name in ("journal_mode", "synchronous"))
    if mode != "wal" or synchronous != 2:
        raise Unfit(
            f"weak durability: journal_mode={mode}, synchronous={synchronous}. The exchange needs WAL with "
            "synchronous=FULL: migrate the database again, on a local disk"
        )


def _check_postgres(connection: Any, _: object) -> None:
    weak = []
    for name, strong in _STRONG.items():
        value = _one(connection, f"SHOW {name}")
        if value not in strong:
            weak.append(f"{name}={value}")
    if weak:
        raise Unfit(
            f"weak durability: {', '.join(weak)}. Set these to on, for the server, this database and this role: "
            "what the exchange acknowledges must survive a power cut"
        )


_STRONG = {"fsync": ("on",), "full_page_writes": ("on",), "synchronous_commit": ("on", "remote_apply")}


def _one(connection: Any, statement: str) -> Any:
    cursor = connection.execute(statement)
    try:
        return cursor.fetchone()[0]
    finally:
        cursor.close()
