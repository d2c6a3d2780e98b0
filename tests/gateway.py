"""A gateway without doors: a founded database, its store and its committer, and acts to commit.

What the doors would have decided is made up here; keys, changes, policies, databases and the writer are real.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from exchange import committer, jose, leaf, merkle, migrations, participant, strictjson
from exchange.act import Act, NewAcknowledgement, NewChange, NewItem, NewProposal, PageShown, Row
from exchange.committer import Committer, Published
from exchange.envelope import ItemId
from exchange.jose import Kind, SigningKey
from exchange.leaf import Draft, Event, Field
from exchange.participant import ChangeKind, ParticipantId, SignedChange
from exchange.policy import PolicyTexts, Standing
from exchange.store import KeyWrap, Store
from exchange.wake import Wake
from tests import world as worlds
from tests.network import shipped_texts
from tests.stores import Store as Databases
from tests.world import World

WRAPPING = bytes(range(32))
HEAD_KEY = bytes(range(32, 64))
READERS = ("ncb-bra", "ncb-deu", "ncb-ita")

Again = Callable[[Standing, datetime], Act]


def open_store(url: str, *, head_key: bytes = HEAD_KEY, wrapping: bytes = WRAPPING) -> Store:
    return Store.open(url, wrapping=KeyWrap(wrapping, entropy=secrets.token_bytes), head_key=head_key)


@dataclass(slots=True, eq=False)
class Founding:
    """Makes an exchange with a genesis and nothing else of an empty database; all copies of it have one genesis."""

    world: World = field(default_factory=lambda: worlds.found(policy=shipped_texts().digest))
    texts: PolicyTexts = field(default_factory=shipped_texts)
    genesis: str = ""

    def build(self, url: str) -> None:
        migrations.upgrade(url)
        store = open_store(url)
        first = committer.found(
            store,
            document=self.world.genesis.document,
            policy=strictjson.write(self.texts.document),
            schemas=worlds.schemas(),
            now=self.world.now,
            entropy=secrets.token_bytes,
        )
        store.close()
        self.genesis = leaf.digest(first)


@pytest.fixture(scope="session")
def founding(store: Databases) -> Founding:
    """On each kind of database one."""
    return Founding()


@pytest.fixture
def founded(store: Databases, founding: Founding) -> Iterator[str]:
    """The URL of a database of this test alone, in which an exchange was founded."""
    url = store.new_url(built_by=founding.build)
    yield url
    store.drop(url)


@pytest.fixture
async def running(founded: str, founding: Founding, tmp_path: Path) -> AsyncIterator["Gateway"]:
    """A gateway on it."""
    async with gateway(founded, founding, tmp_path / "published.json") as made:
        yield made


class Ended(Exception):
    """Here the process would have ended."""


def end() -> None:
    raise Ended


@dataclass(slots=True, kw_only=True)
class Gateway:
    """now: what its clock says, moved by the test alone."""

    world: World
    store: Store
    wake: Wake
    published: Published
    now: datetime
    committer: Committer = field(init=False)

    @property
    def standing(self) -> Standing:
        return self.committer.standing()

    async def commit(self, *acts: Act) -> list[Any]:
        """All at once -> what each came to: Committed, Repeated or an exception."""
        return await asyncio.gather(*map(self.committer.commit, acts), return_exceptions=True)

    async def positions(self, *acts: Act) -> list[int]:
        """All at once -> where each stands, now or before."""
        return [outcome.position for outcome in await self.commit(*acts)]

    def verify(self) -> None:
        """The whole trail: every leaf under the head, every commitment opened, every directory that a leaf names."""
        entries = self.store.entries(-1, 1_000_000)
        head = self.store.head()
        assert [entry.position for entry in entries] == list(range(head.size))
        assert merkle.root_of(merkle.leaf_hash(entry.leaf) for entry in entries) == head.frontier.root()
        tokens = self.store.messages(0, head.size)
        version, last = 0, datetime.min.replace(tzinfo=self.now.tzinfo)
        for entry in entries:
            stated = leaf.read(entry.leaf)
            texts = dict(entry.texts)
            if entry.position in tokens:
                texts[Field.MESSAGE] = tokens[entry.position].rpartition(b".")[0]
            assert stated.commit.keys() == {name.value for name in texts}
            assert all(leaf.opens(stated, name, entry.key.salt(name), text) for name, text in texts.items())
            assert (stated.directory, last) == (version, min(last, stated.at))
            last = stated.at
            if stated.event is Event.DIRECTORY_CHANGED:
                version = entry.position
        assert head.directory == version


@asynccontextmanager
async def gateway(
    url: str,
    founding: Founding,
    published: Path,
    *,
    queue: int = 2048,
    die: Callable[[], None] = end,
    started: bool = True,
) -> AsyncIterator[Gateway]:
    """published: the file of what it signed. die: how its process ends."""
    store = open_store(url)
    made = Gateway(
        world=founding.world, store=store, wake=Wake(), published=Published.load(published), now=founding.world.now
    )
    try:
        made.committer = Committer(
            store=store,
            standing=committer.load_standing(store, genesis=founding.genesis, schemas=worlds.schemas()),
            schemas=worlds.schemas(),
            key=founding.world.trail_key,
            wake=made.wake,
            now=lambda: made.now,
            entropy=secrets.token_bytes,
            published=made.published,
            die=die,
            queue=queue,
        )
        if started:
            made.committer.start()
        yield made
        await made.committer.stop()
    finally:
        store.close()


def act(standing: Standing, draft: Draft, row: Row | None = None, **members: Any) -> Act:
    """Decided under this standing."""
    version, policy = standing.directory.version, standing.policy.digest
    return Act(draft=draft, directory=version, policy=policy, row=row, **members)


def message(
    standing: Standing,
    *,
    sender: str = "ncb-fra",
    ulid: str | None = None,
    text: str = "",
    thread: str | None = None,
    signature: bytes = bytes(64),
    readers: tuple[str, ...] = READERS,
    **members: Any,
) -> Act:
    """A message as intake hands it on. text makes it another than one with the same id, signature does not."""
    ulid = ulid or worlds.fresh_id()
    header = jose.encode(strictjson.write({"alg": "ES256", "typ": Kind.MESSAGE.value}))
    payload = jose.encode(strictjson.write({"id": ulid, "text": text}))
    row = NewItem(
        item=ItemId(f"{sender}:{ulid}"),
        sender=ParticipantId(sender),
        ulid=ulid,
        type="message",
        thread=thread or ulid,
        label=strictjson.write(worlds.label(originator=sender)),
        token=f"{header}.{payload}.{jose.encode(signature)}".encode(),
        readers=tuple(map(ParticipantId, readers)),
    )
    told = "[" + ",".join(f'{{"outcome":"released","participant":"{reader}"}}' for reader in readers) + "]"
    draft = Draft(
        event=Event.MESSAGE_ACCEPTED,
        actor=sender,
        object=row.item,
        type=row.type,
        rules=("may-submit",),
        sealed={Field.MESSAGE: row.signed, Field.ROUTING: told.encode(), Field.USER: b"u-117"},
    )
    return act(standing, draft, row, **members)


def item_of(act: Act) -> NewItem:
    """What a message brings."""
    assert isinstance(act.row, NewItem)
    return act.row


def acknowledgement(standing: Standing, item: int, reader: str, text: str = "", **members: Any) -> Act:
    """item: the position of the message."""
    signed = f"header.{jose.encode(f'{item} {reader} {text}'.encode())}".encode()
    row = NewAcknowledgement(reader=ParticipantId(reader), item=item, token=signed + b".signature")
    draft = Draft(
        event=Event.ITEM_ACKNOWLEDGED, actor=reader, object=str(item), sealed={Field.MESSAGE: signed, Field.USER: b"u"}
    )
    return act(standing, draft, row, **members)


def page(standing: Standing, reader: str, *items: int) -> Act:
    draft = Draft(event=Event.ITEMS_READ, actor=reader, object=reader, items=items, sealed={Field.USER: b"u-9"})
    return act(standing, draft, PageShown(reader=ParticipantId(reader), items=items))


def admission(world: World, id: str, *officers: SigningKey) -> SignedChange:
    """A new bureau, admitted by two officers unless they are named."""
    key = {"jwk": SigningKey.generate().public.jwk, **worlds.window(world.now)}
    names: dict[str, Any] = {"name": id, "tier": "T1", "country": "UTO", "exercise": True}
    return world.signed(ChangeKind.ADMIT, *(officers or world.officers), participant=id, officers=[key], **names)


def change(standing: Standing, signed: SignedChange, now: datetime) -> Act:
    """A change as the registry hands it on: in force if its officers are enough, else a proposal."""
    position = standing.directory.version + 1
    judged = participant.judge(standing.directory, signed, position=position, at=now, schemas=worlds.schemas())
    made, waits = judged.change, judged.missing > 0
    row: Row = NewProposal(change=made.id, signed=signed)
    if not waits:
        policy = strictjson.write(made.content["policy"]) if made.kind is ChangeKind.POLICY else None
        row = NewChange(change=made.id, kind=made.kind, participant=made.participant, signed=signed, policy=policy)
    draft = Draft(
        event=Event.CHANGE_PROPOSED if waits else Event.DIRECTORY_CHANGED,
        actor="opr-exchange",
        object=made.id,
        type=made.kind.value,
        sealed={Field.CHANGE: signed.committed()},
    )
    return act(standing, draft, row, again=lambda standing, now: change(standing, signed, now))
