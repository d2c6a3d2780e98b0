"""Four gateways on one PostgreSQL, all of them busy, while rights are taken away and items are taken back.

Everybody posts and reads at every gateway without a pause. Meanwhile a key is revoked, an entity is ended, an item is
recalled, another is restricted and released anew, each through another gateway. What came of it is read from the trail:
nothing stands behind the position of a revocation or a recall that it forbids, on whatever gateway it was decided.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from exchange import jose, leaf, strictjson
from exchange.client import Client, EntityGrant, Identity, Rights, enrol, introduce_entity
from exchange.leaf import Event, Field, Leaf
from exchange.participant import ChangeKind, Use
from tests.community import Community
from tests.faults import crowd
from tests.faults.crowd import Crowd, Desk
from tests.faults.warm import FORGETS_WHAT_WAS_DONE, SAFE, Warm
from tests.stores import PostgresStore

pytestmark = pytest.mark.parametrize("store", ["postgresql"], indirect=True)

SOURCE, ROBBED, BUREAU, ENTITY = "ncb-fra", "ncb-bra", "ncb-aut", "ent-aut-border"
READERS, KEPT_OUT = ("ncb-ita", "ncb-deu", "ncb-che"), ("ncb-deu", "ncb-che")
EVERYBODY = (SOURCE, ROBBED, BUREAU, *READERS)
GATEWAYS = range(4)

RECALL = {"ground": "ERROR", "action": "DELETE"}
WITHOUT_THEM = {"releasable_to": {"mode": "ALL_MINUS", "exclude": ["DEU", "CHE"]}}
LIFTED = {"lifted": True}


@dataclass(slots=True, kw_only=True)
class Town:
    """Four gateways, and what those who are present have got from them."""

    community: Community
    present: Crowd
    hot: list[str] = field(default_factory=list)  # items that everybody looks at by name, again and again
    answered: Counter[tuple[str, int]] = field(default_factory=Counter)  # by participant and gateway
    refused: set[tuple[str, int, str]] = field(default_factory=set)  # and by reason
    read: Counter[tuple[str, int]] = field(default_factory=Counter)  # by item and gateway
    followed: dict[str, list[str]] = field(default_factory=dict)  # by reader: items as they came
    wrong: list[str] = field(default_factory=list)
    ended: bool = False

    async def post(self, name: str, gateway: int) -> None:
        desk = self.present.desk(name, gateway)
        while not self.ended:
            answer = await desk.post(desk.message(*READERS))
            self._note(name, gateway, answer.status, answer.body, (201, 401, 403))
            await asyncio.sleep(0.02)

    async def look(self, name: str, gateway: int) -> None:
        desk = self.present.desk(name, gateway)
        while not self.ended:
            for item in self.hot:
                answer = await desk.send("GET", f"/v1/messages/{item}")
                self._note(name, gateway, answer.status, answer.body, (200, 404))
                self.read[item, gateway] += answer.status == 200
            await asyncio.sleep(0.002)

    async def follow(self, name: str, gateway: int) -> None:
        """By the cursor, as a client does that must not miss anything."""
        desk, cursor = self.present.desk(name, gateway), ""
        came = self.followed[name] = []
        while not self.ended:
            page = await desk.get(f"/v1/inbox?wait=0.5{cursor}")
            came += [one["item"] for one in page["items"]]
            cursor = f"&cursor={page['cursor']}"

    async def until(self, reached: Callable[[], bool]) -> None:
        async with asyncio.timeout(crowd.RETRIES_FOR):
            while not reached():  # noqa: ASYNC110  the town has no bell
                await asyncio.sleep(0.01)

    async def a_while(self) -> None:
        """Every gateway has answered everybody some times more."""
        busy = {key: count for key, count in self.answered.items() if count}
        await self.until(lambda: all(self.answered[key] >= count + 3 for key, count in busy.items()))

    async def read_everywhere(self, item: str) -> None:
        await self.until(lambda: all(self.read[item, gateway] for gateway in GATEWAYS))

    async def send(self, gateway: int, write: Callable[[Desk], bytes]) -> tuple[str, int]:
        """Of the source -> item and position."""
        desk = self.present.desk(SOURCE, gateway)
        token = write(desk)
        answer = await desk.insist(token)
        assert answer.status == 201, answer.body
        ulid = json.loads(jose.decode(token.split(b".")[1]))["id"]
        return f"{SOURCE}:{ulid}", json.loads(answer.body)["position"]

    async def sent(self, gateway: int) -> str:
        """An item to all readers, which everybody looks at from now on."""
        item, _ = await self.send(gateway, lambda desk: desk.message(*READERS))
        self.hot.append(item)
        return item

    async def act(self, gateway: int, type: str, item: str, body: Mapping[str, Any]) -> int:
        _, position = await self.send(gateway, lambda desk: desk.act(type, item, body))
        return position

    def _note(self, name: str, gateway: int, status: int, body: bytes, expected: Sequence[int]) -> None:
        self.answered[name, gateway] += 1
        if status not in expected:
            self.wrong.append(f"{name} at {gateway}: {status} {body[:200]!r}")
        elif status in (401, 403):
            self.refused.add((name, gateway, json.loads(body)["reason"]))

    @asynccontextmanager
    async def busy(self, *, posting: Sequence[str]) -> AsyncIterator[None]:
        work: list[Awaitable[None]] = [self.post(name, gateway) for name in posting for gateway in GATEWAYS]
        work += [self.look(name, gateway) for name in READERS for gateway in GATEWAYS]
        work += [self.follow(name, gateway) for gateway, name in enumerate(READERS)]
        tasks = [asyncio.ensure_future(one) for one in work]
        try:
            yield
        finally:
            self.ended = True
            await asyncio.gather(*tasks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trail:
    """What stands in the trail, by position."""

    leaves: Mapping[int, Leaf]
    told: Mapping[int, frozenset[str]]

    @classmethod
    def of(cls, folder: Path) -> "Trail":
        with crowd.database(folder) as store:
            entries = list(store.entries(-1, store.head().size))
        leaves = {entry.position: leaf.read(entry.leaf) for entry in entries}
        said = {
            e.position: e.texts[Field.DECISIONS]
            for e in entries
            if leaves[e.position].type in ("recall", "restriction")
        }
        told = {at: frozenset(strictjson.parse_object(text, limit=1 << 20)["told"]) for at, text in said.items()}
        return cls(leaves=leaves, told=told)

    def accepted(self, actor: str) -> list[int]:
        return [at for at, s in self.leaves.items() if s.event is Event.MESSAGE_ACCEPTED and s.actor == actor]

    def position(self, item: str) -> int:
        return next(at for at, s in self.leaves.items() if s.event is Event.MESSAGE_ACCEPTED and s.object == item)

    def pages(self, item: str, *readers: str) -> dict[int, str]:
        """Where the item was shown -> to whom."""
        place = self.position(item)
        shown = {at: s.actor for at, s in self.leaves.items() if s.event is Event.ITEMS_READ and place in s.items}
        return {at: actor for at, actor in shown.items() if actor in (readers or READERS)}

    def changed(self, kind: ChangeKind) -> int:
        """Where the last change of this kind stands."""
        return max(at for at, s in self.leaves.items() if s.event is Event.DIRECTORY_CHANGED and s.type == kind.value)


def readers_before(trail: Trail, item: str, at: int) -> frozenset[str]:
    return frozenset(who for place, who in trail.pages(item).items() if place < at)


@pytest.fixture
def variant() -> str:
    return SAFE


@pytest.fixture
def served(store: PostgresStore, tmp_path: Path, warm: Warm, variant: str) -> Iterator[tuple[Community, Crowd]]:
    community = crowd.found(tmp_path, warm, store.new_url())
    asyncio.run(settle(community))
    warm.stop(community.served)
    others = [crowd.another_gateway(community.served, tmp_path / f"other-{n}") for n in GATEWAYS[1:]]
    gateways = [community.served, *others]
    for one in gateways:
        warm.start(one, variant)
    yield community, crowd.gather(community, *EVERYBODY, ENTITY, gateways=others)
    for one in gateways:
        warm.stop(one)


async def settle(community: Community) -> None:
    await crowd.settle(community, *EVERYBODY)
    border = Identity(participant=ENTITY, name="Border", tier="T2", country="AUT")
    now = datetime.now(UTC)
    enrolment = enrol(community.profile(ENTITY), community.served.pin, border, now=now)
    rights = Rights(clearance="OUO", purposes=("P3",), crime_areas=("DRG",))
    soon = now + timedelta(days=100)
    grant = EntityGrant(rights=rights, scopes=("*/submit", "*/read"), until=soon, review_by=soon)
    async with Client.open(community.profile(BUREAU)) as bureau:
        await introduce_entity(bureau, enrolment, grant)


@pytest.fixture
async def town(served: tuple[Community, Crowd]) -> AsyncIterator[Town]:
    community, gathered = served
    async with gathered.present() as present:
        yield Town(community=community, present=present)


async def test_what_is_taken_away_is_gone_on_every_gateway_from_its_position_on(town: Town) -> None:
    async with town.busy(posting=(SOURCE, ROBBED, ENTITY)):
        taken, limited = [await town.sent(gateway) for gateway in (0, 1)]
        await town.read_everywhere(taken)
        await town.read_everywhere(limited)
        await town.until(lambda: all({taken, limited} <= set(came) for came in town.followed.values()))

        recalled = await town.act(1, "recall", taken, RECALL)
        restricted = await town.act(2, "restriction", limited, WITHOUT_THEM)
        await revoke(town.community)
        await end(town.community)
        await town.a_while()
        lifted = await town.act(3, "restriction", limited, LIFTED)
        await town.until(lambda: all(town.followed[who].count(limited) == 2 for who in KEPT_OUT))
        await town.a_while()

    folder = town.community.served.folder
    trail = Trail.of(folder)
    assert town.wrong == []
    assert {reason for who, _, reason in town.refused if who == ROBBED} == {"KEY_NOT_VALID"}
    assert {(who, gateway) for who, gateway, _ in town.refused} == {(w, g) for w in (ROBBED, ENTITY) for g in GATEWAYS}
    assert 0 < max(trail.accepted(ROBBED)) < trail.changed(ChangeKind.KEY_REVOKE)
    assert 0 < max(trail.accepted(ENTITY)) < trail.changed(ChangeKind.ENTITY_END)
    assert max(trail.pages(taken)) < recalled
    assert trail.told[recalled] == readers_before(trail, taken, recalled)
    assert trail.told[restricted] == readers_before(trail, limited, restricted)
    shut_out = trail.pages(limited, *KEPT_OUT)
    assert [at for at in shut_out if restricted < at < lifted] == []
    assert {who for at, who in shut_out.items() if at > lifted} == set(KEPT_OUT)
    assert [town.followed[who].count(taken) for who in READERS] == [1, 1, 1]
    assert town.followed["ncb-ita"].count(limited) == 1
    assert crowd.audit(folder).findings == ()


@pytest.mark.parametrize("variant", [FORGETS_WHAT_WAS_DONE])
async def test_gateways_that_forget_what_was_done_to_items_are_found_out(town: Town) -> None:
    """The control: without the comparison in the commit, the test above would be red, and so is the audit."""
    late: dict[int, str] = {}
    async with town.busy(posting=()):
        async with asyncio.timeout(crowd.RETRIES_FOR):
            while not late:
                taken = await town.sent(0)
                await town.read_everywhere(taken)
                recalled = await town.act(1, "recall", taken, RECALL)
                await town.a_while()
                late = {
                    at: who for at, who in Trail.of(town.community.served.folder).pages(taken).items() if at > recalled
                }
                town.hot.clear()

    found = crowd.audit(town.community.served.folder).findings
    assert {finding.position for finding in found} >= late.keys()


async def revoke(community: Community) -> None:
    """A lost key, by the officer of the one who lost it."""
    async with Client.open(community.profile(ROBBED)) as robbed:
        kid = robbed.profile.key(Use.MESSAGE).public.kid
        await robbed.officer.propose(ChangeKind.KEY_REVOKE, participant=ROBBED, kid=kid, reason="compromised")


async def end(community: Community) -> None:
    async with Client.open(community.profile(BUREAU)) as bureau:
        await bureau.officer.end_entity(ENTITY, "merged")
