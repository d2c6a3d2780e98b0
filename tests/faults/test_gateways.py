"""Two gateways on one PostgreSQL are one exchange: what one commits, the other knows with its own next commit."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from exchange.client import Client, Identity, Rights, enrol
from exchange.participant import ChangeKind, Use
from tests.community import Community
from tests.faults import crowd
from tests.faults.crowd import Crowd
from tests.faults.warm import Warm
from tests.stores import PostgresStore

pytestmark = pytest.mark.parametrize("store", ["postgresql"], indirect=True)

SENDERS, READER = ("ncb-bra", "ncb-fra"), "ncb-ita"
HERE, THERE = 0, 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The community speaks to the gateway HERE; whoever is present in the crowd, to either."""

    community: Community
    present: Crowd


@pytest.fixture
def served(store: PostgresStore, tmp_path_factory: pytest.TempPathFactory, warm: Warm) -> tuple[Community, Crowd]:
    folder = tmp_path_factory.mktemp("pair")
    community = crowd.found(folder, warm, store.new_url())
    asyncio.run(crowd.settle(community, *SENDERS, READER))
    other = crowd.another_gateway(community.served, folder / "other")
    warm.start(other)
    return community, crowd.gather(community, *SENDERS, READER, gateways=[other])


@pytest.fixture
async def pair(served: tuple[Community, Crowd]) -> AsyncIterator[Pair]:
    community, gathered = served
    async with gathered.present() as present:
        yield Pair(community=community, present=present)


async def test_a_key_revoked_here_signs_nothing_there_from_the_next_commit_on(pair: Pair) -> None:
    desk = pair.present.desk("ncb-fra", THERE)
    assert (await desk.post(desk.message(READER))).status == 201
    async with Client.open(pair.community.profile("ncb-fra")) as fra:
        kid = fra.profile.key(Use.MESSAGE).public.kid
        token = desk.message(READER)

        await fra.officer.propose(ChangeKind.KEY_REVOKE, participant="ncb-fra", kid=kid, reason="compromised")
        answered = await desk.post(token)

    assert (answered.status, json.loads(answered.body)["reason"]) == (403, "KEY_NOT_VALID")


async def test_a_participant_admitted_here_is_addressed_there_after_the_next_commit(pair: Pair) -> None:
    desk = pair.present.desk("ncb-fra", THERE)
    newcomer = Identity(participant="ncb-new", name="Newcomer", tier="T1", country="UTO")
    enrolment = enrol(pair.community.profile("ncb-new"), pair.community.served.pin, newcomer, now=datetime.now(UTC))
    one, two = pair.community.officers
    async with Client.open(one) as first, Client.open(two) as second:
        proposed = await first.officer.admit(newcomer, enrolment.officers)

        await second.officer.approve(proposed.change)
        assert (await desk.post(desk.message(READER))).status == 201
        answered = await desk.post(desk.message("ncb-new"))

    assert answered.status == 201
    assert json.loads(answered.body)["routing"] == [{"participant": "ncb-new", "outcome": "released"}]


async def test_a_gateway_without_traffic_learns_of_a_change_within_seconds(pair: Pair) -> None:
    watching = pair.present.desk("ncb-fra", THERE)
    before = (await watching.get("/v1/directory"))["version"]
    async with Client.open(pair.community.officers[0]) as officer:
        await officer.officer.grant("ncb-bra", Rights())  # one officer is enough to take rights away

    async with asyncio.timeout(crowd.RETRIES_FOR):
        while (await watching.get("/v1/directory"))["version"] == before:  # noqa: ASYNC110  it is the gateway that looks
            await asyncio.sleep(0.05)


async def test_a_reader_that_waits_there_is_woken_by_a_message_posted_here(pair: Pair) -> None:
    reader, sender = pair.present.desk(READER, THERE), pair.present.desk("ncb-bra", HERE)
    began = time.monotonic()
    waiting = asyncio.create_task(reader.get("/v1/inbox?wait=30"))
    await asyncio.sleep(0.5)  # it waits by now; and if it does not, what it looks for is there when it looks

    sent = await sender.post(sender.message(READER))
    page = await waiting

    assert [item["position"] for item in page["items"]] == [json.loads(sent.body)["position"]]
    assert time.monotonic() - began < 20


async def test_positions_given_by_both_stand_in_one_order_without_a_gap(pair: Pair) -> None:
    each = 40

    async def post(name: str, gateway: int) -> list[int]:
        desk = pair.present.desk(name, gateway)
        return [json.loads((await desk.post(desk.message(READER))).body)["position"] for _ in range(each)]

    started = await head(pair, HERE)
    series = await asyncio.gather(*(post(name, gateway) for name in SENDERS for gateway in (HERE, THERE)))
    pages = [await pair.present.desk(READER, gateway).get("/v1/inbox?limit=100") for gateway in (HERE, THERE)]

    given = sorted(position for positions in series for position in positions)
    assert given == list(range(started, started + 4 * each))
    assert all(positions == sorted(positions) for positions in series)
    shown = [[item["position"] for item in page["items"]] for page in pages]
    assert shown == [given[:100], given[:100]]
    assert crowd.audit(pair.community.served.folder).findings == ()


async def head(pair: Pair, gateway: int) -> int:
    answered = await pair.present.desk(READER, gateway).send("GET", "/v1/trail/checkpoint")
    return int(answered.body.splitlines()[1])
