"""A store that would lose what was acknowledged, or is not ours, is not opened; and it says what to do."""

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from exchange.store import Unfit
from exchange.store import engine as engines
from tests.gateway import open_store

on_postgresql = pytest.mark.parametrize("store", ["postgresql"], indirect=True)
on_sqlite = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


@on_sqlite
def test_sqlite_without_a_write_ahead_log_is_not_opened(founded: str) -> None:
    with sqlite3.connect(founded.removeprefix("sqlite:///")) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")

    with pytest.raises(Unfit, match="WAL with synchronous=FULL"):
        open_store(founded)


@on_sqlite
def test_every_connection_to_sqlite_waits_for_the_disk(founded: str) -> None:
    for engine in (engines.for_reading(engines.parse(founded)), engines.for_writing(engines.parse(founded))):
        with engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        engine.dispose()


@on_postgresql
@pytest.mark.parametrize("weak", ["off", "local", "remote_write"])
def test_postgresql_that_does_not_wait_for_the_disk_is_not_opened(founded: str, weak: str) -> None:
    name = founded.rpartition("/")[2]
    engine = create_engine(founded, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f'ALTER DATABASE "{name}" SET synchronous_commit = {weak}'))
    engine.dispose()

    with pytest.raises(Unfit, match=f"synchronous_commit={weak}"):
        open_store(founded)


def test_a_database_that_was_never_migrated_is_not_opened(database_url: str) -> None:
    engine = create_engine(database_url, poolclass=NullPool)
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")
    engine.dispose()

    with pytest.raises(Unfit, match=r"python -m exchange\.migrations"):
        open_store(database_url)


def test_a_database_of_another_version_is_not_opened(founded: str) -> None:
    engine = create_engine(founded, poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()

    with pytest.raises(Unfit, match="9999"):
        open_store(founded)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://localhost/exchange"])
def test_what_is_no_database_of_ours_is_not_opened(url: str) -> None:
    with pytest.raises(Unfit):
        open_store(url)


def test_a_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(Unfit, match="exchange init"):
        open_store(f"sqlite:///{tmp_path}/absent.db")

    assert not (tmp_path / "absent.db").exists()
