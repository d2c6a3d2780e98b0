"""A house: an exchange with its network in it, served on a socket of its own, and visitors who call at its doors.

The network is founded and admitted once for each kind of store; every house is a copy of that database with a folder of
its own, so that a test which breaks one harms no other.
"""

import asyncio
import secrets
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
import uvicorn

from exchange import main, strictjson
from exchange.client import Pin, Profile
from exchange.jose import SigningKey
from exchange.label import Classification, Tier
from exchange.main import Gateway
from exchange.participant import ChangeKind, Use
from exchange.settings import Settings
from tests import gateway as gateways
from tests import world as worlds
from tests.doors.visitor import Visitor
from tests.gateway import HEAD_KEY, WRAPPING, Founding
from tests.network import shipped_texts
from tests.serving import WIDE, Served, free_port
from tests.stores import Store
from tests.world import Member, World

AUDITOR = "aud-exchange"
EVERYBODY = (
    "agy-drugs",
    "agy-wildlife",
    "ent-fra-customs",
    "ncb-bra",
    "ncb-deu",
    "ncb-esp",
    "ncb-fra",
    "ncb-ita",
    "prt-museum",
)
UNCOUNTED = {"EXCHANGE_LIMITS__REFUSALS_PER_MINUTE": "100000"}

T = TypeVar("T")

_ENDS_WITHIN = 30.0  # seconds


def network() -> World:
    """Those of the examples, a bureau that gets into trouble, an entity and a private partner; as of now."""
    world = worlds.network(now=datetime.now(UTC).replace(microsecond=0), policy=shipped_texts().digest)
    world.admit("ncb-esp", "ESP", clearance=Classification.RES)
    world.admit("ent-fra-customs", "FRA", Tier.T2)
    world.admit("prt-museum", "FRA", Tier.T4)
    return world


@dataclass(slots=True, kw_only=True)
class Plot:
    """Where houses of one kind of store are built."""

    store: Store
    folder: Path
    founding: Founding = field(default_factory=lambda: Founding(world=network()))

    def build(self, url: str) -> None:
        """Genesis, and then every change of the network, through the committer."""
        self.founding.build(url)
        asyncio.run(self._admit(url))

    def house(self, **environment: str) -> "House":
        """A new one, not served yet. environment: settings that win."""
        url = self.store.new_url(built_by=self.build)
        folder = self.folder / secrets.token_hex(4)
        port = free_port()
        world = self.founding.world
        public = f"http://127.0.0.1:{port}"
        pin = Pin(url=public, origin=world.origin, trail_key=world.trail_key.vkey(), genesis=self.founding.genesis)
        furnish(folder, pin, url, world)
        served = Served(folder=folder, url=public, port=port, pin=pin, environment=WIDE | UNCOUNTED | environment)
        return House(served=served, world=world, database=url)

    async def _admit(self, url: str) -> None:
        async with gateways.gateway(url, self.founding, self.folder / "founding.json") as opened:
            for entry in self.founding.world.history:
                change = gateways.change(opened.standing, entry.signed, opened.now)
                await opened.committer.commit(change)


@dataclass(slots=True, kw_only=True)
class House:
    served: Served
    world: World
    database: str
    http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=40))  # for all: to make one is slow
    _visitors: dict[str, Visitor] = field(default_factory=dict)
    _loop: asyncio.AbstractEventLoop | None = None

    @property
    def url(self) -> str:
        return self.served.url

    def __getitem__(self, id: str) -> Visitor:
        """The same visitor each time: its token and its connection are kept."""
        if id not in self._visitors:
            self._visitors[id] = self.visitor(id)
        return self._visitors[id]

    def visitor(self, id: str, *, access: SigningKey | None = None, message: SigningKey | None = None) -> Visitor:
        """A new one, with other keys than its own where they are given. `one` and `two` are the operator's officers."""
        own = self._keys(id)
        named = id if id in self.world.members else worlds.OPERATOR
        access, message = access or own[Use.ACCESS], message or own.get(Use.MESSAGE, own[Use.ACCESS])
        return Visitor(id=named, url=self.url, origin=self.world.origin, access=access, message=message, http=self.http)

    def profile(self, id: str) -> Profile:
        """For the SDK: this participant on a machine of its own, with nothing remembered."""
        named = id if id in self.world.members else worlds.OPERATOR
        folder = self.served.folder / f"{id}-{secrets.token_hex(4)}"
        return Profile.create(folder, participant=named, pin=self.served.pin, keys=self._keys(id))

    def change(self, kind: ChangeKind, *officers: SigningKey, **content: Any) -> dict[str, Any]:
        """A change carried to the door with its approvals: by the operator's two officers, if none are named."""
        signers = officers or self.world.officers
        change = self.world.change(kind, signers[0], id=fresh_id(), made_at=datetime.now(UTC), **content)
        answer = self["one"].post("/v1/directory/changes", change)
        for officer in signers[1:]:
            if answer.status_code != 202:
                break
            at = f"/v1/directory/changes/{answer.json()['change']}/approvals"
            answer = self["one"].post(at, self.world.approval(change, officer))
        assert answer.status_code == 201, answer.text
        recorded: dict[str, Any] = answer.json()
        return recorded

    def suspend(self, id: str) -> None:
        self.change(ChangeKind.STATUS, self.world.officers[0], participant=id, status="suspended", reason="for a test")

    def reinstate(self, id: str) -> None:
        self.change(ChangeKind.STATUS, participant=id, status="active", reason="after a test")

    def grant(self, id: str, clearance: str) -> None:
        self.change(ChangeKind.RIGHTS, participant=id, clearance=clearance, purposes=["P3"], crime_areas=["DRG"])

    def let(self, entity: str, **members: Any) -> None:
        """What its bureau grants an entity from now on: everything for a year, but for these members."""
        bureau = next(id for id in self.world.members if id.startswith("ncb-") and id[4:] == entity.split("-")[1])
        stated = worlds.granted(entity, datetime.now(UTC)) | members
        self.change(ChangeKind.ENTITY_GRANT, self.world[bureau].officer, **stated)

    def agree(self, agency: str, **members: Any) -> None:
        """By what an agency takes part from now on: everything for a year, but for these members."""
        self.change(ChangeKind.AGREEMENT, **worlds.agreed(agency, datetime.now(UTC), **members))

    def newcomer(self, id: str, country: str = "UTO", clearance: str = "OUO", tier: Tier = Tier.T1) -> Member:
        """Somebody admitted for this test alone, with keys that may be lost."""
        branch = self.world.branch()
        known = len(branch.history)
        member = branch.admit(id, country, tier, clearance=Classification[clearance])
        for entry in branch.history[known:]:
            self.carry(entry.signed.change, *entry.signed.approvals)
        self.world.members[id] = member
        return member

    def carry(self, change: bytes, *approvals: bytes) -> None:
        answer = self["one"].post("/v1/directory/changes", change)
        for approval in approvals:
            assert answer.status_code == 202, answer.text
            answer = self["one"].post(f"/v1/directory/changes/{answer.json()['change']}/approvals", approval)
        assert answer.status_code == 201, answer.text

    def leaves(self, after: int = -1) -> list[dict[str, Any]]:
        """Everything beyond this position, as the auditor is shown it: {position, leaf (parsed), openings}."""
        found: list[dict[str, Any]] = []
        while True:
            page = self[AUDITOR].get("/v1/trail/entries", after=after).json()
            found += page["entries"]
            if page["next"] is None:
                break
            after = page["next"]
        return [entry | {"leaf": strictjson.parse_object(entry["leaf"].encode(), limit=4096)} for entry in found]

    @property
    def size(self) -> int:
        """Of the trail."""
        return int(self["one"].get("/v1/trail/checkpoint").text.splitlines()[1])

    @contextmanager
    def opened(self, alter: Callable[[Gateway], Any] | None = None, **settings: Any) -> Iterator[Gateway]:
        """Served by a thread of this process instead of a process of its own, for a test that looks or reaches inside.

        alter: what is done to the gateway before it is served; what it returns is served, if it returns something.
        """
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.served.environment.items():
                patch.setenv(name, value)
            gateway = main.build(Settings.load(self.served.folder, port=self.served.port, **settings))
        app = alter(gateway) if alter is not None else None
        server = uvicorn.Server(uvicorn.Config(app or gateway.app, port=self.served.port, log_config=None))

        async def serve() -> None:
            self._loop = asyncio.get_running_loop()
            await server.serve()

        thread = threading.Thread(target=asyncio.run, args=(serve(),))
        thread.start()
        try:
            until = time.monotonic() + _ENDS_WITHIN
            while not server.started and thread.is_alive() and time.monotonic() < until:
                time.sleep(0.01)
            assert server.started
            yield gateway
        finally:
            gateway.wake.close()
            server.should_exit = True
            thread.join(_ENDS_WITHIN)
            gateway.store.close()
            if gateway.lock is not None:
                gateway.lock.close()

    def on_its_loop(self, work: Coroutine[Any, Any, T]) -> T:
        """Where the gateway of `opened` runs."""
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def _keys(self, id: str) -> dict[Use, SigningKey]:
        if id in ("one", "two"):
            return {Use.OFFICER: self.world.officers[id == "two"], Use.ACCESS: self.world.access}
        member = self.world[id]
        return {Use.OFFICER: member.officer, Use.ACCESS: member.access, Use.MESSAGE: member.message}


def fresh_id() -> str:
    return worlds.fresh_id(datetime.now(UTC))


def furnish(folder: Path, pin: Pin, database: str, world: World) -> None:
    """The folder of an exchange as `exchange init` leaves it, with the keys that the copied database was made with."""
    inner = folder / "secrets"
    inner.mkdir(parents=True, mode=0o700)
    kept = {
        "trail.pem": world.trail_key.to_pem(),
        "token.pem": SigningKey.generate().to_pem(),
        "head.key": HEAD_KEY.hex().encode(),
        "wrapping.key": WRAPPING.hex().encode(),
        "cursor.key": secrets.token_hex(32).encode(),
    }
    for name, content in kept.items():
        (inner / name).touch(mode=0o600)
        (inner / name).write_bytes(content)
    stated: dict[str, str | bool] = {
        "origin": pin.origin,
        "genesis": pin.genesis,
        "public_url": pin.url,
        "database": database,
        "training": True,
    }
    lines = (f"{name} = {strictjson.write(value).decode()}\n" for name, value in stated.items())
    (folder / "exchange.toml").write_text("".join(lines), "utf-8")
