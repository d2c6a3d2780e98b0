"""The stores that the other tests stand on."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from tests.postgres import EmbeddedPostgres, PostgresServer
from tests.stores import Store

ROOT = Path(__file__).parent.parent


def ask(url: str, *statements: str) -> object:
    """The answer to the last of the statements, each committed."""
    engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements[:-1]:
            connection.execute(text(statement))
        return connection.execute(text(statements[-1])).scalar_one()


def test_every_store_answers(database_url: str) -> None:
    assert ask(database_url, "select 1") == 1


def test_every_test_has_a_database_of_its_own(store: Store, database_url: str) -> None:
    other = store.new_url()

    ask(database_url, "create table mine (n int)", "select 1")

    assert other != database_url
    assert ask(other, "create table mine (n int)", "select count(*) from mine") == 0
    store.drop(other)


def test_a_builder_runs_once_and_each_copy_is_whole(store: Store) -> None:
    calls = []

    def build(url: str) -> None:
        calls.append(url)
        ask(url, "create table built (n int)", "insert into built values (7)", "select 1")

    first, second = store.new_url(built_by=build), store.new_url(built_by=build)
    ask(first, "delete from built", "select 1")

    assert len(calls) == 1
    assert ask(second, "select n from built") == 7
    for url in (first, second):
        store.drop(url)


@pytest.mark.parametrize("setting", ["fsync", "synchronous_commit", "full_page_writes"])
def test_postgresql_is_as_durable_as_in_production(postgres_server: PostgresServer, setting: str) -> None:
    assert ask(postgres_server.url, f"show {setting}") == "on"


def test_postgresql_runs_as_nobody_of_consequence() -> None:
    with EmbeddedPostgres() as server:
        owner = Path(f"/proc/{server.pid}").stat().st_uid

    assert owner != 0


def test_postgresql_ends_with_the_process_that_started_it_even_by_kill_9() -> None:
    program = """
import time
from tests.postgres import EmbeddedPostgres
server = EmbeddedPostgres()
print(server.pid, server._folder, flush=True)
time.sleep(60)
"""
    starter = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert starter.stdout is not None
    pid, folder = starter.stdout.readline().split()

    starter.send_signal(signal.SIGKILL)
    starter.wait()
    starter.stdout.close()

    deadline = time.monotonic() + 15
    while (runs(int(pid)) or Path(folder).exists()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not runs(int(pid))
    assert not Path(folder).exists()


def runs(pid: int) -> bool:
    """Whether the process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
