"""When it may be sent work, when it refuses to start, and how it stops: with everything that it acknowledged."""

import asyncio
import json
import os
import secrets
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from exchange import main
from exchange.client import Client, Pin
from exchange.participant import ChangeKind
from exchange.settings import Misconfigured, Settings
from exchange.store import HeadBehind, HeadForged, StoreFault, Unfit
from tests import world as worlds
from tests.doors.house import AUDITOR, House, furnish
from tests.doors.provoking import CANARY, database, waits_for
from tests.gateway import Founding
from tests.network import shipped_texts
from tests.serving import shipped_policies
from tests.stores import Store

Own = Callable[..., House]

on_sqlite = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


def ready(house: House) -> tuple[int, dict[str, bool]]:
    answer = httpx.get(house.url + "/readyz")
    return answer.status_code, answer.json()


# Ready


def test_a_gateway_whose_writer_lives_is_ready(house: House) -> None:
    assert ready(house) == (200, {"writer": True, "head": True, "versions": True})
    assert httpx.get(house.url + "/livez").json() == {"alive": True}


def test_a_gateway_whose_head_was_forged_is_not_ready_and_stays_alive(own: Own) -> None:
    house = own()
    with house.opened():
        with database(house) as connection:
            connection.execute(text("UPDATE head SET directory = directory + 1"))
        before = ready(house)
        posted = house["ncb-fra"].send(house["ncb-fra"].write("ncb-ita"))

        assert posted.status_code == 503
        assert before == (503, {"writer": True, "head": False, "versions": False})
        assert waits_for(lambda: ready(house) == (503, {"writer": False, "head": False, "versions": False}))
        assert httpx.get(house.url + "/livez").status_code == 200


@pytest.mark.parametrize("store", ["postgresql"], indirect=True)
@pytest.mark.parametrize("change", ["directory", "policy"])
async def test_a_gateway_is_not_ready_while_it_decides_by_what_another_has_replaced(own: Own, change: str) -> None:
    house = own()
    late = main.build(Settings.load(house.served.folder, port=house.served.port))  # looks at nothing before it starts
    before = late.doors.ready()
    with house.opened():
        if change == "directory":
            await asyncio.to_thread(house.grant, "ncb-fra", "OUO")
        else:
            texts = shipped_policies()
            changed = {
                **texts,
                "cases": {**texts["cases"], "read.cases": texts["cases"]["read.cases"] + "# reviewed\n"},
            }
            await asyncio.to_thread(house.change, ChangeKind.POLICY, policy=changed)
        behind = late.doors.ready()
    late.committer.start()
    caught_up = await asyncio.to_thread(waits_for, lambda: all(late.doors.ready().values()))
    await late.committer.stop()
    late.store.close()

    assert before == {"writer": False, "head": True, "versions": True}
    assert behind == {"writer": False, "head": True, "versions": False}
    assert caught_up


# Refusing to start


def started(house: House, **overrides: Any) -> None:
    """As far as a process comes before it serves. Raises what stops it there."""
    gateway = main.build(Settings.load(house.served.folder, port=house.served.port, **overrides))
    gateway.store.close()
    if gateway.lock is not None:
        gateway.lock.close()


def test_it_starts_on_what_it_left(own: Own) -> None:
    """Otherwise the refusals below would say little."""
    house = own()
    with house.opened():
        house["ncb-fra"].sent("ncb-ita")

    started(house)


@on_sqlite
def test_an_older_copy_of_the_database_is_not_appended_to(own: Own, tmp_path: Path) -> None:
    """As a backup that was put back: whole by itself, and behind what was signed."""
    house = own()
    file = house.database.removeprefix("sqlite:///")
    with house.opened():
        house["ncb-fra"].sent("ncb-ita")
        with closing(sqlite3.connect(file)) as live, closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
            live.backup(copy)
        house["ncb-fra"].sent("ncb-ita")

    for ending in ("-wal", "-shm"):
        Path(file + ending).unlink(missing_ok=True)
    shutil.copyfile(tmp_path / "copy.db", file)

    with pytest.raises(HeadBehind):
        started(house)


def test_another_history_of_the_same_beginning_is_not_appended_to(own: Own) -> None:
    """Longer than ours, under the same keys and from the same genesis: what was signed is not in it."""
    ours, other = own(), own()
    for house, messages in ((ours, 1), (other, 3)):
        with house.opened():
            for _ in range(messages):
                house["ncb-fra"].sent("ncb-ita")

    with pytest.raises(HeadBehind):
        started(ours, database=other.database)


def test_the_database_of_another_exchange_is_not_opened(own: Own) -> None:
    with pytest.raises(Unfit):
        started(own(), genesis=secrets.token_hex(32))


def test_a_head_under_another_key_is_not_believed(own: Own) -> None:
    house = own()
    (house.served.folder / "secrets" / "head.key").write_text(secrets.token_hex(32))

    with pytest.raises(HeadForged):
        started(house)


def test_a_head_that_was_changed_is_not_believed(own: Own) -> None:
    house = own()
    with database(house) as connection:
        connection.execute(text("UPDATE head SET directory = directory - 1"))

    with pytest.raises(HeadForged):
        started(house)


def test_a_change_that_no_officer_signed_stops_it(own: Own) -> None:
    """A right slipped into a row: the directory is a fold of signed changes, and this one does not follow."""
    house = own()
    with database(house) as connection:
        connection.execute(text("DELETE FROM change WHERE position = (SELECT max(position) FROM change)"))

    with pytest.raises(StoreFault):
        started(house)


@on_sqlite
def test_weak_durability_is_not_served_on(own: Own) -> None:
    house = own()
    with closing(sqlite3.connect(house.database.removeprefix("sqlite:///"))) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")

    with pytest.raises(Unfit, match="durability"):
        started(house)


@pytest.mark.parametrize("store", ["postgresql"], indirect=True)
def test_a_weak_postgresql_is_not_served_on(own: Own) -> None:
    house = own()
    name = house.database.rsplit("/", 1)[1]
    with database(house) as connection:
        connection.execute(text(f'ALTER DATABASE "{name}" SET synchronous_commit = off'))

    with pytest.raises(Unfit, match="durability"):
        started(house)


def test_tables_of_another_version_are_not_touched(own: Own) -> None:
    house = own()
    with database(house) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0000'"))

    with pytest.raises(Unfit, match="migrate"):
        started(house)


@pytest.mark.parametrize("name", ["trail.pem", "token.pem", "head.key", "wrapping.key", "cursor.key"])
@on_sqlite
def test_a_secret_that_others_can_read_is_none(name: str, own: Own) -> None:
    house = own()
    (house.served.folder / "secrets" / name).chmod(0o644)

    with pytest.raises(Misconfigured, match="chmod 600"):
        started(house)


@on_sqlite
def test_a_secret_that_is_missing_is_said(own: Own) -> None:
    house = own()
    (house.served.folder / "secrets" / "trail.pem").unlink()

    with pytest.raises(Misconfigured, match=r"trail\.pem"):
        started(house)


@pytest.mark.parametrize("name", ["trail.pem", "token.pem"])
@on_sqlite
def test_a_secret_that_is_no_key_is_said_and_not_shown(name: str, own: Own) -> None:
    house = own()
    (house.served.folder / "secrets" / name).write_text("q7_canary")

    with pytest.raises(Misconfigured, match=name) as told:
        started(house)

    assert "q7_canary" not in str(told.value)


@pytest.fixture
def founded_by_a_newer_version(store: Store, tmp_path: Path) -> Path:
    """The folder of an exchange whose policy set reads a fact that the version which founded it computed."""
    texts = shipped_texts()
    newer = replace(
        texts,
        schema=texts.schema.replace("active: Bool", "active: Bool, vetted: Bool"),
        policies={name: text.replace("principal.active", "principal.vetted") for name, text in texts.policies.items()},
    )
    assert newer.policies != texts.policies
    world = worlds.network(now=datetime.now(UTC).replace(microsecond=0), policy=newer.digest)
    founding = Founding(world=world, texts=newer)
    with pytest.MonkeyPatch.context() as version:
        version.setattr("exchange.committer.genesis.load_policy", lambda *_: None)
        url = store.new_url()
        founding.build(url)
    pin = Pin(url="http://127.0.0.1:1", origin=world.origin, trail_key=world.trail_key.vkey(), genesis=founding.genesis)
    furnish(tmp_path / "exchange", pin, url, world)
    return tmp_path / "exchange"


def test_a_policy_that_reads_an_unknown_fact_is_not_served_under(founded_by_a_newer_version: Path) -> None:
    """It would err at each decision; what forbids by it would forbid nothing, and what permits, nobody."""
    with pytest.raises(Misconfigured, match="R02 reads only facts that the exchange computes"):
        main.build(Settings.load(founded_by_a_newer_version))


@on_sqlite
def test_what_an_unknown_fact_stops_is_said_by_the_command(founded_by_a_newer_version: Path) -> None:
    command = [str(Path(sys.executable).parent / "exchange"), "serve", str(founded_by_a_newer_version)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert ended.returncode == 2
    assert "R02 reads only facts that the exchange computes" in ended.stderr
    assert "Traceback" not in ended.stderr


@on_sqlite
def test_plain_http_is_for_exercises_only(own: Own) -> None:
    with pytest.raises(Misconfigured, match="https"):
        started(own(), training=False)


@on_sqlite
def test_what_keeps_it_from_starting_is_said_in_words_and_in_the_exit_code(own: Own) -> None:
    house = own()
    (house.served.folder / "secrets" / "trail.pem").chmod(0o644)

    command = [str(Path(sys.executable).parent / "exchange"), "serve", str(house.served.folder)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert ended.returncode not in (0, -signal.SIGTERM)
    assert "chmod 600" in ended.stderr
    assert "Traceback" not in ended.stderr


# Stopping


class Load(threading.Thread):
    """One bureau that posts for as long as it is answered. acknowledged: (item, position) of what was."""

    def __init__(self, house: House, id: str) -> None:
        super().__init__()
        self.visitor = house.visitor(id)
        self.acknowledged: list[tuple[str, int]] = []
        self.refused: list[int] = []

    def run(self) -> None:
        while True:
            document = self.visitor.write("ncb-esp", subject=CANARY, body={"text": CANARY})
            try:
                answer = self.visitor.send(document)
            except httpx.TransportError:
                return
            if answer.status_code == 201:
                self.acknowledged.append((f"{self.visitor.id}:{document['id']}", answer.json()["position"]))
            else:
                self.refused.append(answer.status_code)
                return


def test_stopped_under_load_it_loses_nothing_and_lets_readers_go(own: Own) -> None:
    house = own()
    house.served.start()
    load = [Load(house, id) for id in ("ncb-fra", "ncb-ita", "ncb-deu", "ncb-bra")]
    reader, waited = house["agy-wildlife"], []
    cursor = reader.caught_up()

    def wait() -> None:
        answer = reader.get("/v1/inbox", cursor=cursor, wait=30)
        waited.append((answer.status_code, time.monotonic()))

    waiting = threading.Thread(target=wait)
    for thread in (*load, waiting):
        thread.start()
    assert waits_for(lambda: all(len(one.acknowledged) >= 5 for one in load))

    told = time.monotonic()
    code = house.served.stop()
    stopped = time.monotonic()
    for thread in (*load, waiting):
        thread.join(30)

    assert code == 0
    assert stopped - told < 10
    ((status, let_go),) = waited
    assert (status, let_go - told < 3) == (200, True)
    assert {code for one in load for code in one.refused} <= {503}
    hold_to_its_word(house, [pair for one in load for pair in one.acknowledged])
    hold_log(house)


def hold_to_its_word(house: House, acknowledged: list[tuple[str, int]]) -> None:
    """Every message that was acknowledged is there once, where its receipt said; and the whole trail verifies."""
    with house.opened():
        accepted = [e for e in house.leaves() if e["leaf"]["event"] == "message.accepted"]
        found = [(e["leaf"]["object"], e["position"]) for e in accepted]
        held = {one["item"] for one in everything(house, "ncb-esp")}

        assert set(acknowledged) <= set(found)
        assert len({item for item, _ in found}) == len(found)
        assert {item for item, _ in acknowledged} <= held
        assert audited(house) == ()


def everything(house: House, reader: str) -> list[dict[str, Any]]:
    page = house[reader].inbox()
    items = list(page["items"])
    while page["items"]:
        page = house[reader].inbox(cursor=page["cursor"])
        items += page["items"]
    return items


def audited(house: House) -> Any:
    async def audit() -> Any:
        async with Client.open(house.profile(AUDITOR)) as auditor:
            return (await auditor.trail.audit(worlds.schemas(), genesis=house.served.pin.genesis)).findings

    return asyncio.run(audit())


def hold_log(house: House) -> None:
    """One line that says where it serves, and then one JSON object a line, without a word of content."""
    lines = house.served.log.splitlines()
    said = [json.loads(line) for line in lines if not line.startswith("serving ")]

    assert len(lines) - len(said) == 1
    assert said
    assert all({"at", "level", "log", "says"} <= set(line) for line in said)
    assert CANARY not in house.served.log


def test_a_log_of_refusals_and_faults_has_no_content(house: House) -> None:
    """After whatever the other tests have asked of it."""
    house["ncb-fra"].send(house["ncb-fra"].write("ncb-ita", subject=CANARY, **{CANARY: CANARY}))

    lines = [json.loads(line) for line in house.served.log.splitlines() if not line.startswith("serving ")]

    assert any(line.get("reason") == "SCHEMA_VIOLATION" for line in lines)
    assert CANARY not in house.served.log
    assert "eyJ" not in house.served.log  # the beginning of every JWS
    assert os.environ.get("HOME", "/nowhere") not in house.served.log or os.environ["HOME"] == "/"
