"""A database, verified: its evidence cannot be changed without the position of the change being named."""

import asyncio
import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from exchange import main
from exchange.audit import Auditor, Report
from exchange.client import Client
from exchange.note import Checkpoint
from exchange.settings import Settings
from exchange.trail.stored import stored_entries
from tests.community import Community
from tests.trails import SCHEMAS


@pytest.fixture(scope="module")
def community(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Community]:
    """Past its first full tile, with messages read, answered and acknowledged; no longer served."""
    made = Community.begin(tmp_path_factory.mktemp("community"))
    asyncio.run(_busy(made))
    made.served.stop()
    yield made
    made.end()


async def _busy(community: Community) -> None:
    async with Client.open(community.profile("ncb-fra")) as fra, Client.open(community.profile("ncb-ita")) as ita:
        first = await fra.send(await fra.compose("message", "First", {"text": "!"}, ["ncb-ita", "ncb-deu"]))
        await ita.message(first.item)
        await ita.acknowledge(first.item)
        drafts = [await fra.compose("message", f"No. {n}", {"text": "!"}, ["ncb-ita"]) for n in range(240)]
        await asyncio.gather(*(fra.send(draft) for draft in drafts))


class Copy:
    """A copy of the database, to be changed by whoever can write to it, and then verified."""

    def __init__(self, community: Community, folder: Path) -> None:
        self.settings = Settings.load(community.served.folder)
        self.path = folder / "copy.db"
        original = community.served.folder / "exchange.db"
        with closing(sqlite3.connect(original)) as living, closing(sqlite3.connect(self.path)) as copied:
            living.backup(copied)
        self.trail_key = community.served.pin.trail_key
        self.checkpoint = self._head()

    def change(self, statement: str, *values: object) -> int:
        """-> how many rows were changed."""
        with sqlite3.connect(self.path) as connection:
            connection.execute("pragma ignore_check_constraints = on")
            return connection.execute(statement, values).rowcount

    def row(self, statement: str) -> Sequence[object]:
        with sqlite3.connect(self.path) as connection:
            return tuple(connection.execute(statement).fetchone())

    def verified(self) -> Report:
        store = main.open_store(self.settings.model_copy(update={"database": f"sqlite:///{self.path}"}))
        try:
            auditor = Auditor(self.checkpoint, trail_key=self.trail_key, schemas=SCHEMAS, genesis=self.settings.genesis)
            for entry in stored_entries(store, self.checkpoint.size):
                auditor.examine(entry)
            return auditor.conclude()
        finally:
            store.close()

    def _head(self) -> Checkpoint:
        store = main.open_store(self.settings.model_copy(update={"database": f"sqlite:///{self.path}"}))
        try:
            head = store.head()
            return Checkpoint(origin=self.settings.origin, size=head.size, root=head.frontier.root())
        finally:
            store.close()


@pytest.fixture
def database(community: Community, tmp_path: Path) -> Copy:
    return Copy(community, tmp_path)


def first_named(report: Report) -> int | None:
    return min((one.position for one in report.findings if one.position is not None), default=None)


def test_a_database_that_nobody_changed_is_whole(database: Copy) -> None:
    report = database.verified()

    assert report.findings == ()
    assert report.size > 256
    assert report.checked["signatures"] == report.events["message.accepted"] + report.events["item.acknowledged"]


@pytest.mark.parametrize("position", [0, 30, 255, 260])
@pytest.mark.parametrize(
    "statement",
    [
        "update entry set leaf = cast(replace(leaf, '\"v\":1', '\"v\":2') as blob) where position = ?",
        "update entry set leaf = cast(leaf as text) where position = ?",
        "delete from entry where position = ?",
        "update entry set position = 100000 where position = ?",
        "update sealed set wrapped = zeroblob(60) where position = ?",
        "update sealed set texts = zeroblob(length(texts)) where position = ?",
        "delete from sealed where position = ?",
        "update sealed set position = 100000 where position = ?",
    ],
)
def test_a_changed_entry_is_named(database: Copy, statement: str, position: int) -> None:
    assert database.change(statement, position) == 1

    assert first_named(database.verified()) == position


@pytest.mark.parametrize("position", [7, 255])
@pytest.mark.parametrize("member", ["actor", "object", "event", "blind", "key"])
def test_a_leaf_rewritten_by_somebody_who_knows_how_is_named_once_its_tile_is_full(
    database: Copy, member: str, position: int
) -> None:
    stated = json.loads(bytes(database.row(f"select leaf from entry where position = {position}")[0]))  # type: ignore[call-overload]
    other = {"blind": "ab" * 16, "event": "question.asked", "key": "x" * 43}
    stated[member] = other.get(member, "ncb-xxx")
    raw = json.dumps(stated, sort_keys=True, separators=(",", ":")).encode()
    assert database.change("update entry set leaf = ? where position = ?", raw, position) == 1

    assert first_named(database.verified()) == position


@pytest.mark.parametrize("kept_as", ["blob", "text"])
@pytest.mark.parametrize(
    ("table", "column"),
    [
        *((table, "position") for table in ("item", "acknowledgement", "change", "proposal")),
        *((table, "token") for table in ("item", "acknowledgement")),
        *((table, column) for table in ("change", "proposal") for column in ("jws", "approvals")),
    ],
)
def test_changed_bytes_behind_a_commitment_are_named(database: Copy, table: str, column: str, kept_as: str) -> None:
    position = int(str(database.row(f"select min(position) from {table}")[0]))
    values = {"position": "100000", "approvals": f"cast('[\"\"]' as {kept_as})"}
    value = values.get(column, f"cast(substr({column}, 1, length({column}) - 1) || '~' as {kept_as})")
    assert database.change(f"update {table} set {column} = {value} where position = ?", position) == 1

    assert first_named(database.verified()) == position


@pytest.mark.parametrize("column", ["hashes", "n"])
def test_a_changed_tile_is_named_where_it_begins(database: Copy, column: str) -> None:
    value = {"hashes": "zeroblob(8192)", "n": "77"}[column]
    assert database.change(f"update tile set {column} = {value} where level = 0 and n = 0") == 1

    assert first_named(database.verified()) == 0
