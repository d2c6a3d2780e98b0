"""The journey of one message over real sockets, by the SDK, which believes nothing that it cannot verify."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from exchange.client import Client
from exchange.leaf import Event
from tests import world as worlds
from tests.doors.house import House

ANSWERED = {"outcome": "PARTIAL", "text": "Stolen on 15 November."}


@pytest.fixture
async def desks(house: House) -> AsyncIterator[dict[str, Client]]:
    async with AsyncExitStack() as stack:
        named = ("ncb-ita", "ncb-fra", "ncb-bra", "agy-wildlife")
        yield {id: await stack.enter_async_context(Client.open(house.profile(id))) for id in named}


async def end_of_inbox(reader: Client) -> str:
    page = await reader.inbox()
    while page.messages:
        page = await reader.inbox(page.cursor)
    return page.cursor


async def test_an_urgent_request_is_answered_in_its_thread(desks: dict[str, Client]) -> None:
    rome, paris = desks["ncb-ita"], desks["ncb-fra"]
    cursor = await end_of_inbox(paris)
    request = worlds.sample("urgent-request", at=rome.clock.now())

    previewed = await rome.preview(request)
    sent = await rome.send(request)
    page = await paris.inbox(cursor)
    received = await paris.message(page.messages[0].item)
    acknowledged = await paris.acknowledge(received.item)
    answer = await paris.compose(
        "information-answer", "Answer", ANSWERED, ["ncb-ita"], in_reply_to=received.item, label={"purpose": ["P3"]}
    )
    answered = await paris.send(answer)
    thread = await rome.thread(sent.item)
    deliveries = await rome.deliveries(sent.item)

    assert previewed.recipients == sent.routing
    assert [one.item for one in page.messages] == [sent.item]
    assert received.evidence is not None
    assert received.document == request
    assert acknowledged.leaf.event is Event.ITEM_ACKNOWLEDGED
    assert [one.item for one in thread.messages] == [sent.item, answered.item]
    assert [(one["participant"], one["state"]) for one in deliveries] == [("ncb-fra", "acknowledged")]


async def test_deliveries_go_from_released_to_read_to_acknowledged(desks: dict[str, Client]) -> None:
    rome, paris = desks["ncb-ita"], desks["ncb-fra"]
    sent = await rome.send(worlds.sample("urgent-request", at=rome.clock.now()))
    states = []

    for step in (None, paris.message, paris.acknowledge):
        if step is not None:
            await step(sent.item)
        states += [one["state"] for one in await rome.deliveries(sent.item)]

    assert states == ["released", "read", "acknowledged"]


async def test_a_page_is_disclosed_by_a_leaf_that_names_its_items(desks: dict[str, Client]) -> None:
    rome, paris = desks["ncb-ita"], desks["ncb-fra"]
    cursor = await end_of_inbox(paris)
    for _ in range(3):
        await rome.send(worlds.sample("urgent-request", at=rome.clock.now()))

    page = await paris.inbox(cursor)

    assert page.receipt is not None
    assert page.receipt.leaf.event is Event.ITEMS_READ
    assert page.receipt.leaf.actor == "ncb-fra"
    assert page.receipt.leaf.items == tuple(one.position for one in page.messages)
    assert len(page.messages) == 3


async def test_a_cursor_goes_on_where_the_page_ended(desks: dict[str, Client]) -> None:
    rome, paris = desks["ncb-ita"], desks["ncb-fra"]
    cursor = await end_of_inbox(paris)
    sent = [await rome.send(worlds.sample("urgent-request", at=rome.clock.now())) for _ in range(5)]
    seen: list[str] = []

    for _ in range(3):
        page = await paris.inbox(cursor, limit=2)
        cursor, seen = page.cursor, seen + [one.item for one in page.messages]
    beyond = await paris.inbox(cursor)

    assert seen == [one.item for one in sent]
    assert beyond.messages == ()
    assert beyond.receipt is None


async def test_what_was_sent_is_there_for_its_sender(desks: dict[str, Client]) -> None:
    rome = desks["ncb-ita"]
    page = await rome.sent(limit=100)
    while page.messages:
        page = await rome.sent(page.cursor, limit=100)

    sent = await rome.send(worlds.sample("urgent-request", at=rome.clock.now()))
    found = await rome.sent(page.cursor)

    assert [one.item for one in found.messages] == [sent.item]


async def test_a_repeat_gets_its_first_receipt(desks: dict[str, Client]) -> None:
    rome = desks["ncb-ita"]
    token = rome.sign(worlds.sample("urgent-request", at=rome.clock.now()))

    first, again = await rome.post(token), await rome.post(token)

    assert (first.new, again.new) == (True, False)
    assert first.verified.leaf == again.verified.leaf
    assert first.position == again.position
    assert first.routing == again.routing


async def test_a_waiting_reader_is_woken_by_the_commit_itself(desks: dict[str, Client]) -> None:
    rome, paris = desks["ncb-ita"], desks["ncb-fra"]
    cursor = await end_of_inbox(paris)
    waiting = asyncio.create_task(paris.inbox(cursor, wait=20))
    await asyncio.sleep(0.5)
    assert not waiting.done()

    began = time.monotonic()
    sent = await rome.send(worlds.sample("urgent-request", at=rome.clock.now()))
    page = await waiting

    assert [one.item for one in page.messages] == [sent.item]
    assert time.monotonic() - began < 5


async def test_a_wait_for_nothing_ends_in_an_empty_page_and_no_leaf(house: House) -> None:
    reader = house.visitor("agy-wildlife")
    cursor, size = reader.caught_up(), house.size

    page = reader.inbox(cursor=cursor, wait=0.3)

    assert page["items"] == []
    assert page["receipt"] is None
    assert house.size == size


async def test_a_report_reaches_its_agency_and_a_restricted_one_does_not(desks: dict[str, Client]) -> None:
    paris, brazil, agency = desks["ncb-fra"], desks["ncb-bra"], desks["agy-wildlife"]

    report = await brazil.send(worlds.sample("wildlife-report", at=brazil.clock.now()))
    restricted = await paris.send(worlds.sample("restricted-network", at=paris.clock.now()))
    held = await agency.message(report.item)

    assert held.item == report.item
    assert {one.participant for one in restricted.routing} == {"ncb-deu", "ncb-esp", "ncb-ita"}
    assert restricted.duties
