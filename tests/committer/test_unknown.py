"""Commits whose outcome is unknown, and trails that must not be appended to."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from exchange import committer as committers
from exchange.committer import Published
from exchange.receipt import Committed
from exchange.refusal import Reason
from exchange.store import HeadBehind, HeadForged, OutcomeUnknown, Transaction, Unfit
from tests import world as worlds
from tests.committer.test_commit import ask, reasons
from tests.gateway import Founding, Gateway, admission, change, gateway, message, open_store
from tests.stores import Store as Databases

Commit = Callable[[Transaction], None]
on_postgresql = pytest.mark.parametrize("store", ["postgresql"], indirect=True)
on_sqlite = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


def answer_lost(commit: Commit) -> Commit:
    """It is committed, and nobody is told."""

    def run(transaction: Transaction) -> None:
        commit(transaction)
        raise OutcomeUnknown("the answer was lost")

    return run


def never_arrived(commit: Commit) -> Commit:
    """The connection ends before the server has read the word."""

    def run(transaction: Transaction) -> None:
        _driver(transaction).close()
        commit(transaction)

    return run


def cut_off(commit: Commit) -> Commit:
    """The server ends the session, as an administrator or a restart would."""

    def run(transaction: Transaction) -> None:
        _terminate(transaction)
        commit(transaction)

    return run


def with_a_warning(commit: Commit) -> Commit:
    """What PostgreSQL says where it gave up waiting for its standby, said by a trigger at the commit."""

    def run(transaction: Transaction) -> None:
        driver = _driver(transaction)
        driver.execute(
            "CREATE OR REPLACE FUNCTION pg_temp.warn() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE WARNING 'the standby may not have it'; RETURN NULL; END $$"
        )
        driver.execute(
            "CREATE CONSTRAINT TRIGGER warn AFTER UPDATE ON head INITIALLY DEFERRED "
            "FOR EACH ROW EXECUTE FUNCTION pg_temp.warn()"
        )
        driver.execute("UPDATE head SET id = id")
        commit(transaction)

    return run


@on_postgresql
@pytest.mark.parametrize("fault", [answer_lost, never_arrived, cut_off, with_a_warning])
async def test_an_unknown_outcome_is_settled_and_each_act_stands_once(
    running: Gateway, monkeypatch: pytest.MonkeyPatch, fault: Callable[[Commit], Commit]
) -> None:
    monkeypatch.setattr(Transaction, "commit", once(fault, Transaction.commit))
    acts = [message(running.standing, text=str(n)) for n in range(20)]

    outcomes = await running.commit(*acts)
    later = await running.commit(*acts)

    assert reasons(outcomes) == [Committed] * 20
    assert [repeat.position for repeat in later] == [outcome.position for outcome in outcomes]
    assert running.store.head().size == 21
    running.verify()


@on_postgresql
async def test_a_connection_that_ends_in_the_middle_is_replaced(
    running: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    append, left = Transaction.append, [True]

    def cut(transaction: Transaction, *arguments: Any) -> None:
        if left:
            left.pop()
            _terminate(transaction)
        append(transaction, *arguments)

    monkeypatch.setattr(Transaction, "append", cut)
    outcomes = await running.commit(message(running.standing), message(running.standing))

    assert reasons(outcomes) == [Committed, Committed]
    running.verify()


@on_postgresql
async def test_a_change_whose_outcome_was_unknown_is_in_force(
    running: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Transaction, "commit", once(answer_lost, Transaction.commit))

    [position] = await running.positions(change(running.standing, admission(running.world, "ncb-uto"), running.now))

    assert running.standing.directory.version == position == running.store.head().directory


@on_postgresql
async def test_where_the_database_stays_away_nobody_is_refused_and_it_comes_back_by_itself(
    running: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exchange.committer.writer._PATIENCE", 0.2)
    posted = message(running.standing)
    with monkeypatch.context() as away:
        away.setattr(Transaction, "commit", answer_lost(Transaction.commit))
        lost = await running.commit(posted)
    found = await running.commit(posted)

    assert reasons(lost) == [Reason.STORE_UNAVAILABLE]
    assert running.committer.alive
    assert found[0].position == 1


@on_sqlite
async def test_on_sqlite_a_commit_that_fails_ends_the_process(
    founded: str, founding: Founding, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[bool] = []
    monkeypatch.setattr(Transaction, "commit", later(answer_lost, Transaction.commit))
    async with gateway(founded, founding, tmp_path / "published", die=lambda: ended.append(True)) as doomed:
        posted = message(doomed.standing)
        outcomes = await doomed.commit(posted, message(doomed.standing))
        assert not doomed.committer.alive
    monkeypatch.undo()

    async with gateway(founded, founding, tmp_path / "published") as restarted:
        again = await restarted.positions(posted)

    assert reasons(outcomes) == [Reason.STORE_UNAVAILABLE] * 2
    assert ended == [True]
    assert again == [1]


async def test_a_store_that_fails_before_the_commit_has_written_nothing(
    running: Gateway, monkeypatch: pytest.MonkeyPatch, founded: str
) -> None:
    ask(founded, "ALTER TABLE delivery RENAME TO elsewhere")
    failed = await running.commit(message(running.standing))
    ask(founded, "ALTER TABLE elsewhere RENAME TO delivery")
    outcomes = await running.commit(message(running.standing))

    assert reasons(failed) in ([Reason.STORE_UNAVAILABLE], [Reason.FAULT])
    assert [outcome.position for outcome in outcomes] == [1]
    running.verify()


@on_sqlite  # what is checked is above the store
@pytest.mark.parametrize(
    "forgery",
    [
        "size = size + 1",
        "at = at + 1",
        "directory = directory + 1",
        "policy = 'another'",
        "frontier = mac",
        "mac = substr(frontier, 9, 32)",
    ],
)
async def test_a_head_that_somebody_else_wrote_stops_the_gateway(
    running: Gateway, founded: str, founding: Founding, tmp_path: Path, forgery: str
) -> None:
    await running.committer.commit(message(running.standing))
    ask(founded, f"UPDATE head SET {forgery}")

    outcomes = await running.commit(message(running.standing), message(running.standing))

    assert reasons(outcomes) == [Reason.STORE_UNAVAILABLE] * 2
    assert not running.committer.alive
    with pytest.raises(HeadForged):
        async with gateway(founded, founding, tmp_path / "published"):
            pass


async def test_another_head_key_is_no_head_key(founded: str) -> None:
    store = open_store(founded, head_key=bytes(32))

    with pytest.raises(HeadForged):
        store.head()
    store.close()


async def test_a_trail_shorter_than_what_was_signed_is_not_appended_to(
    store: Databases, founding: Founding, tmp_path: Path
) -> None:
    longer, older = store.new_url(built_by=founding.build), store.new_url(built_by=founding.build)
    async with gateway(longer, founding, tmp_path / "published") as running:
        await running.commit(*(message(running.standing, text=str(n)) for n in range(5)))

    with pytest.raises(HeadBehind):
        async with gateway(older, founding, tmp_path / "published"):
            pass
    for url in (longer, older):
        store.drop(url)


async def test_a_trail_as_long_as_what_was_signed_but_another_is_not_appended_to(
    store: Databases, founding: Founding, tmp_path: Path
) -> None:
    true, forked = store.new_url(built_by=founding.build), store.new_url(built_by=founding.build)
    async with gateway(true, founding, tmp_path / "published") as running:
        await running.commit(*(message(running.standing, text=str(n)) for n in range(50)))
    async with gateway(forked, founding, tmp_path / "other") as running:
        await running.commit(*(message(running.standing, text=str(-n)) for n in range(100)))

    with pytest.raises(HeadBehind):
        async with gateway(forked, founding, tmp_path / "published"):
            pass
    async with gateway(true, founding, tmp_path / "published") as running:
        assert running.committer.alive
    for url in (true, forked):
        store.drop(url)


async def test_what_was_signed_is_remembered_across_a_crash_and_a_stop(running: Gateway, tmp_path: Path) -> None:
    await running.commit(*(message(running.standing, text=str(n)) for n in range(5)))
    at_once = Published.load(tmp_path / "published.json")
    await running.committer.stop()

    assert at_once.size >= 1
    assert Published.load(tmp_path / "published.json").size == running.store.head().size


async def test_what_was_signed_last_is_remembered_while_nothing_comes(running: Gateway, tmp_path: Path) -> None:
    """A crash of an idle gateway loses none of it, however the last acts came."""
    for n in range(5):
        await running.commit(message(running.standing, text=str(n)))
    size = running.store.head().size

    for _ in range(600):
        if Published.load(tmp_path / "published.json").size == size:
            break
        await asyncio.sleep(0.05)

    assert Published.load(tmp_path / "published.json").root == running.store.head().frontier.root()


@pytest.mark.parametrize("raw", [b"", b'{"size":7}', b'{"root":"zz","size":7}'])
def test_a_record_of_what_was_signed_that_cannot_be_read_is_not_ignored(tmp_path: Path, raw: bytes) -> None:
    file = tmp_path / "published.json"
    file.write_bytes(raw)

    with pytest.raises(Unfit):
        Published.load(file)


@on_postgresql
async def test_two_gateways_write_one_trail_and_one_directory(
    running: Gateway, founded: str, founding: Founding, tmp_path: Path
) -> None:
    async with gateway(founded, founding, tmp_path / "second") as second:
        for n in range(5):
            await running.commit(*(message(running.standing, text=f"{n} {m}") for m in range(10)))
            await second.commit(change(second.standing, admission(second.world, f"ncb-{n}"), second.now))
            await asyncio.gather(
                running.commit(*(message(running.standing, text=f"{n} a {m}") for m in range(10))),
                second.commit(*(message(second.standing, text=f"{n} b {m}") for m in range(10))),
            )
        assert running.standing.directory == second.standing.directory
        assert running.store.head().size == 1 + 5 * 31
        running.verify()


@on_postgresql
async def test_an_idle_gateway_learns_of_anothers_change_within_a_second(
    running: Gateway, founded: str, founding: Founding, tmp_path: Path
) -> None:
    async with gateway(founded, founding, tmp_path / "second") as second:
        await second.committer.commit(change(second.standing, admission(second.world, "ncb-uto"), second.now))

        deadline = asyncio.get_running_loop().time() + 2
        while asyncio.get_running_loop().time() < deadline:
            if "ncb-uto" in running.standing.directory.participants:
                return
            await asyncio.sleep(0.05)
    raise AssertionError("it has not learnt of it")


@on_postgresql
async def test_a_reader_at_one_gateway_is_woken_by_anothers_commit(
    running: Gateway, founded: str, founding: Founding, tmp_path: Path
) -> None:
    async with gateway(founded, founding, tmp_path / "second") as second:
        with running.wake.listening("ncb-ita") as woken:
            await second.committer.commit(message(second.standing))

            assert await woken(2)


async def test_another_genesis_is_another_exchange(founded: str) -> None:
    store = open_store(founded)

    with pytest.raises(Unfit):
        committers.load_standing(store, genesis="00" * 32, schemas=worlds.schemas())
    store.close()


def once(fault: Callable[[Commit], Commit], commit: Commit) -> Commit:
    """The fault for the next commit, and none after it."""
    left = [fault(commit)]
    return lambda transaction: (left.pop() if left else commit)(transaction)


def later(fault: Callable[[Commit], Commit], commit: Commit) -> Commit:
    """The fault for every commit but the first, with which a gateway starts."""
    left = [commit]
    return lambda transaction: (left.pop() if left else fault(commit))(transaction)


def _terminate(transaction: Transaction) -> None:
    driver = _driver(transaction)
    with psycopg.connect(driver.info.dsn, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", (driver.info.backend_pid,))


def _driver(transaction: Transaction) -> psycopg.Connection:
    return transaction._connection.connection.driver_connection  # type: ignore[return-value]
