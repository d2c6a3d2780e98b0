"""The stores that tests run on: SQLite in a file, and a real PostgreSQL. One interface, one fixture for both.

A test that takes `store` or `database_url` (conftest.py) runs once on each. A test for one of them says so:
`@pytest.mark.parametrize("store", ["postgresql"], indirect=True)`.
"""

import os
import secrets
import shutil
import sqlite3
from pathlib import Path
from typing import Literal, Protocol

from tests.postgres import Build, EmbeddedPostgres, PostgresServer

StoreName = Literal["sqlite", "postgresql"]
STORES: tuple[StoreName, ...] = ("sqlite", "postgresql")

NAMED_SERVER = "EXCHANGE_TEST_POSTGRES"
"""The environment variable that names an existing server: the URL of a database whose user may create others."""


class Store(Protocol):
    """Makes databases of one kind."""

    @property
    def name(self) -> StoreName: ...

    @property
    def version(self) -> str: ...

    def new_url(self, built_by: Build | None = None) -> str:
        """The URL (SQLAlchemy's form) of a database of its own: empty, or a copy of what `built_by` builds, once."""

    def drop(self, url: str) -> None: ...


class SqliteStore:
    """A file for each database, in a folder of the session."""

    name: StoreName = "sqlite"
    version = sqlite3.sqlite_version

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._templates: dict[Build, Path] = {}

    def new_url(self, built_by: Build | None = None) -> str:
        file = self._new_file()
        if built_by is not None:
            shutil.copyfile(self._template(built_by), file)
        return _sqlite_url(file)

    def drop(self, url: str) -> None:
        file = url.removeprefix("sqlite:///")
        for ending in ("", "-wal", "-shm"):
            Path(file + ending).unlink(missing_ok=True)

    def _template(self, built_by: Build) -> Path:
        if built_by not in self._templates:
            file = self._new_file()
            built_by(_sqlite_url(file))
            assert not Path(f"{file}-wal").exists(), (
                "the builder left a connection open: its last pages are not in the file"
            )
            self._templates[built_by] = file
        return self._templates[built_by]

    def _new_file(self) -> Path:
        return self._folder / f"{secrets.token_hex(6)}.db"


class PostgresStore:
    """A database for each, on one server."""

    name: StoreName = "postgresql"

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self.version = server.version

    def new_url(self, built_by: Build | None = None) -> str:
        return self._server.new_database(built_by)

    def drop(self, url: str) -> None:
        self._server.drop_database(url)


def start_postgres() -> PostgresServer:
    """The server that EXCHANGE_TEST_POSTGRES names, or one of our own."""
    named = os.environ.get(NAMED_SERVER)
    return PostgresServer(named) if named else EmbeddedPostgres()


def _sqlite_url(file: Path) -> str:
    return f"sqlite:///{file}"
