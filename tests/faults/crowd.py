"""Many at once on one exchange: its participants behind the cheapest client there is, on as many gateways as are asked.

The client of the benchmarks sends prepared bytes. What it is told is compared with the trail afterwards.
"""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import network, posting
from benchmarks.network import Member, Network
from benchmarks.wire import Answered, Connection, request
from exchange import envelope, leaf, main, replay, shipped
from exchange.audit import Auditor, Report
from exchange.client import Identity, Profile, Rights
from exchange.client.compose import Author, compose
from exchange.leaf import Event
from exchange.note import TrailKey
from exchange.participant import Use
from exchange.proving import Prover
from exchange.schema import Schemas
from exchange.settings import Settings
from exchange.store import Store
from exchange.trail.stored import first_policy, stored_entries
from tests.community import Community
from tests.faults.warm import Warm
from tests.serving import ORIGIN, WIDE, Served, free_port

RETRIES_FOR = 60.0  # seconds, against hanging only


@dataclass(slots=True)
class Desk:
    """One participant at one gateway. Its connection is made when it is needed, and anew when it has ended."""

    net: Network
    member: Member
    port: int
    _connection: Connection | None = None

    async def post(self, token: bytes) -> Answered:
        return await self.send("POST", "/v1/messages", body=token, media="application/jose")

    async def get(self, path: str) -> Any:
        """The answer's JSON."""
        answered = await self.send("GET", path)
        assert answered.status == 200, answered.body
        return json.loads(answered.body)

    async def send(
        self, method: str, path: str, *, body: bytes = b"", media: str = "", proof: str | None = None
    ) -> Answered:
        """proof: this one; a fresh one if it is not said. Raises OSError where the gateway is away."""
        headers = {
            "Authorization": f"DPoP {self.member.token.decode()}",
            "DPoP": proof or self.proof(method, path),
            **({"Content-Type": media} if media else {}),
        }
        return await self.exchange(request(method, path, headers=headers, body=body))

    def proof(self, method: str, path: str) -> str:
        return network.proof(self.member, method, self.net.url + path.partition("?")[0])

    async def exchange(self, prepared: bytes) -> Answered:
        if self._connection is None:
            self._connection = await Connection.open("127.0.0.1", self.port)
        try:
            return await self._connection.send(prepared)
        except ConnectionError:
            self._connection = None
            raise

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    async def insist(self, token: bytes) -> Answered:
        """The same bytes, again and again, until they are answered by more than a wish to wait."""
        async with asyncio.timeout(RETRIES_FOR):
            while True:
                try:
                    answered = await self.post(token)
                except OSError:
                    await asyncio.sleep(0.02)
                    continue
                if answered.status not in (429, 503):
                    return answered
                await asyncio.sleep(0.02)

    def document(self, *recipients: str, text: str = "as seen") -> dict[str, Any]:
        """An envelope of now, to these."""
        written = compose(self._author, type="message", subject="Seen", body={"text": text}, recipients=recipients)
        return dict(written.document)

    def act(self, type: str, item: str, body: Mapping[str, Any]) -> bytes:
        """Of its source upon an item that began its thread."""
        written = compose(self._author, type=type, subject="An act", body={"object": item, **body}, thread=item)
        return signed(written.document, self.member)

    @property
    def _author(self) -> Author:
        origin = self.net.pin.origin
        return Author(participant=self.member.id, user="desk", origin=origin, training=True, now=datetime.now(UTC))

    def message(self, *recipients: str, text: str = "as seen") -> bytes:
        return signed(self.document(*recipients, text=text), self.member)


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """The members of an exchange, and the gateways that serve it: the first in its own folder, the others in copies."""

    net: Network
    gateways: Sequence[Served]
    _desks: list[Desk] = field(default_factory=list)

    def desk(self, name: str, gateway: int = 0) -> Desk:
        """A connection of its own for each call."""
        member = next(member for member in self.net.members if member.id == name)
        made = Desk(self.net, member, self.gateways[gateway].port)
        self._desks.append(made)
        return made

    @asynccontextmanager
    async def present(self) -> AsyncIterator["Crowd"]:
        """Everybody with a token of its own, good for all gateways."""
        connection = await Connection.open("127.0.0.1", self.gateways[0].port)
        for member in self.net.members:
            await posting.fetch_token(self.net, member, connection)
        connection.close()
        try:
            yield self
        finally:
            for desk in self._desks:
                desk.close()
            self._desks.clear()


def signed(document: Mapping[str, Any], member: Member) -> bytes:
    return envelope.write(document, member.message)


def gather(community: Community, *names: str, gateways: Sequence[Served] = ()) -> Crowd:
    """Participants of a community, with the keys in their profiles."""
    members = []
    for name in names:
        profile = Profile.load(community.profile(name))
        message, access = profile.key(Use.MESSAGE), profile.key(Use.ACCESS)
        members.append(Member(id=name, country="", tier="", message=message, access=access))
    served = community.served
    net = Network(folder=served.folder, pin=served.pin, members=tuple(members), url=served.pin.url)
    return Crowd(net=net, gateways=(served, *gateways))


async def settle(community: Community, *names: str) -> None:
    """Bureaus of these names take part, each cleared for RESTRICTED."""
    for name in names:
        identity = Identity(participant=name, name=name.upper(), tier="T1", country=name[-3:].upper())
        await community.admit(identity, Rights(clearance="RES", purposes=("P3",), crime_areas=("DRG",)))


def another_gateway(first: Served, folder: Path) -> Served:
    """A gateway of the same exchange on a port of its own, as if on another machine: the same settings and secrets,
    and nothing that the first has noted down.
    """
    shutil.copytree(first.folder, folder, ignore=shutil.ignore_patterns("published.*", "*.log", "*.db*"))
    port = free_port()
    return replace(first, folder=folder, port=port, url=f"http://127.0.0.1:{port}", process=None)


def found(folder: Path, warm: Warm, database: str = "", **environment: str) -> Community:
    """An exchange of nobody but its operator, with quotas that no test meets, served until `warm` ends it."""
    served = Served.found(folder / "exchange", database=database)
    served.environment = {**WIDE, **environment}
    warm.start(served)
    return Community(served=served, folder=folder)


def accepted(folder: Path) -> list[tuple[str, int]]:
    """Every item that the trail says was accepted, with its position, in the trail's order."""
    with database(folder) as store:
        leaves = [(leaf.read(entry.leaf), entry.position) for entry in store.entries(-1, store.head().size)]
    return [(stated.object, position) for stated, position in leaves if stated.event is Event.MESSAGE_ACCEPTED]


def audit(folder: Path) -> Report:
    """The whole trail in the database of this exchange, recomputed."""
    settings = Settings.load(folder)
    with database(folder) as store:
        key = TrailKey.from_pem(ORIGIN, settings.secret("trail.pem"))
        checkpoint, _ = Prover(store=store, key=key, origin=ORIGIN).checkpoint()
        schemas = Schemas.compile(shipped.texts("schemas", ".schema.json"))
        auditor = Auditor(
            checkpoint,
            trail_key=key.vkey(),
            schemas=schemas,
            genesis=settings.genesis,
            deciding=replay.under,
            policy=first_policy(store),
        )
        for entry in stored_entries(store, checkpoint.size):
            auditor.examine(entry)
        return auditor.conclude()


@contextmanager
def database(folder: Path) -> Iterator[Store]:
    """Of the exchange in this folder, beside its gateways."""
    store = main.open_store(Settings.load(folder))
    try:
        yield store
    finally:
        store.close()
