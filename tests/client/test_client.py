"""The client on a real exchange: what it sends is proven, what it reads is verified, and nothing else is believed."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from exchange import jose
from exchange.client import Client, Identity, Owed, Received, Refused, Rights, Unproven
from exchange.client.compose import EXERCISE_NOTE, OUO_NOTE
from exchange.jose import Kind
from exchange.leaf import Event
from exchange.participant import ChangeKind, Use
from tests.community import Community

RES = {"classification": "RES", "purpose": ["P3"]}


async def test_a_message_is_accepted_released_and_read_with_proof(community: Community) -> None:
    async with Client.open(community.profile("ncb-fra")) as fra, Client.open(community.copy_of("ncb-ita")) as ita:
        draft = await fra.compose("message", "Seizure", {"text": "at the port"}, ["ncb-ita"])
        sent = await fra.send(draft)
        page = await ita.inbox()
        held = await ita.message(sent.item)

    assert sent.new
    assert sent.released == ("ncb-ita",)
    assert sent.item in [one.item for one in page.messages]
    assert page.doubtful == ()
    assert held.evidence is not None
    assert held.evidence.position == sent.position
    assert held.document == draft.document


async def test_what_is_decided_for_the_sender_is_said(community: Community) -> None:
    async with Client.open(community.profile("ncb-fra")) as fra:
        draft = await fra.compose("message", "No label", {"text": "none"}, ["ncb-ita"], case_ref="FRA-1")

    assert draft.notes == (OUO_NOTE, EXERCISE_NOTE)
    assert draft.document["label"]["classification"] == "OUO"


async def test_the_same_bytes_count_once(community: Community) -> None:
    async with Client.open(community.profile("ncb-fra")) as fra:
        token = fra.sign(await fra.compose("message", "Twice", {"text": "once"}, ["ncb-ita"]))

        first, second = await fra.post(token), await fra.post(token)

    assert (first.new, second.new) == (True, False)
    assert first.position == second.position
    assert first.routing == second.routing


@pytest.mark.parametrize("token", ["another's", "no message", "no JSON", "no token"])
async def test_what_this_participants_key_did_not_sign_as_a_message_is_not_posted(
    community: Community, token: str
) -> None:
    """And it is told like every other refusal: whoever catches the SDK's errors catches it."""
    async with Client.open(community.profile("ncb-fra")) as fra, Client.open(community.profile("ncb-ita")) as ita:
        own = fra.profile.key(Use.MESSAGE)
        tokens = {
            "another's": ita.sign(await ita.compose("message", "Not France's", {"text": "!"}, ["ncb-deu"])),
            "no message": jose.sign(b'{"id":7}', Kind.MESSAGE, own),
            "no JSON": jose.sign(b"{", Kind.MESSAGE, own),
            "no token": b"",
        }
        with pytest.raises(Refused) as refused:
            await fra.post(tokens[token])

    assert refused.value.status is None  # this client said no


async def test_many_posts_at_once_are_each_proven(community: Community) -> None:
    async with Client.open(community.profile("ncb-fra")) as fra:
        drafts = [await fra.compose("message", f"No. {n}", {"text": "many"}, ["ncb-ita"]) for n in range(20)]

        sent = await asyncio.gather(*(fra.send(draft) for draft in drafts))

    assert len({one.position for one in sent}) == 20


async def test_a_preview_tells_what_the_routing_does(community: Community) -> None:
    async with Client.open(community.profile("ncb-fra")) as fra:
        draft = await fra.compose("message", "Restricted", {"text": "for some"}, ["ncb-ita", "ncb-deu"], label=RES)

        seen = await fra.preview(draft)
        sent = await fra.send(draft)

    assert seen.recipients == sent.routing
    assert [one.participant for one in sent.withheld] == ["ncb-deu"]
    assert sent.duties == ("RES",)


async def test_an_answer_goes_into_the_thread_of_its_question(community: Community) -> None:
    async with Client.open(community.profile("ncb-fra")) as fra, Client.open(community.profile("ncb-ita")) as ita:
        asked = await fra.send(await fra.compose("message", "Question", {"text": "who?"}, ["ncb-ita"]))
        answer = await ita.compose("message", "Answer", {"text": "he"}, ["ncb-fra"], in_reply_to=asked.item)
        answered = await ita.send(answer)

        thread = await fra.thread(asked.item)

    assert [one.item for one in thread.messages] == [asked.item, answered.item]


async def test_the_sender_sees_how_far_its_item_came(community: Community) -> None:
    async with Client.open(community.profile("ncb-fra")) as fra, Client.open(community.profile("ncb-ita")) as ita:
        sent = await fra.send(await fra.compose("message", "Delivered", {"text": "?"}, ["ncb-ita", "ncb-deu"]))
        await ita.message(sent.item)

        receipt = await ita.acknowledge(sent.item)

        states = {one["participant"]: one["state"] for one in await fra.deliveries(sent.item)}
        mine = await fra.sent(limit=100)
    assert receipt.leaf.event is Event.ITEM_ACKNOWLEDGED
    assert states == {"ncb-ita": "acknowledged", "ncb-deu": "released"}
    assert sent.item in [one.item for one in mine.messages]


async def test_follow_gives_each_message_at_least_once_and_remembers_where_it_was(community: Community) -> None:
    reader = community.copy_of("ncb-deu")
    async with Client.open(community.profile("ncb-fra")) as fra:
        wanted = [
            (await fra.send(await fra.compose("message", f"Part {n}", {"text": "go"}, ["ncb-deu"]))).item
            for n in range(3)
        ]

        async with Client.open(reader) as deu:
            interrupted = await take(deu.follow(), until=wanted[1])

        async with Client.open(reader) as deu:
            following = deu.follow()
            again = await take(following, until=wanted[2])
            late = await fra.send(await fra.compose("message", "Late", {"text": "go"}, ["ncb-deu"]))
            newest = await take(following, until=late.item)
            await following.aclose()

        async with Client.open(reader) as deu:
            # The page before was taken whole; this one was left with its last message in hand.
            first_of_all = await take(deu.follow(), until=late.item)

    assert interrupted[-2:] == wanted[:2]
    assert again == [*interrupted, wanted[2]]
    assert newest == first_of_all == [late.item]


async def take(following: AsyncIterator[Received], *, until: str) -> list[str]:
    taken: list[str] = []
    async with asyncio.timeout(20):
        while until not in taken:
            taken.append((await anext(following)).item)
    return taken


async def test_a_reader_that_waits_is_woken_by_its_message(community: Community) -> None:
    async with Client.open(community.copy_of("ncb-deu")) as deu, Client.open(community.profile("ncb-fra")) as fra:
        cursor = (await deu.inbox(limit=100)).cursor
        waiting = asyncio.create_task(deu.inbox(cursor, wait=20))
        sent = await fra.send(await fra.compose("message", "Wake up", {"text": "!"}, ["ncb-deu"]))

        page = await asyncio.wait_for(waiting, 10)

    assert [one.item for one in page.messages] == [sent.item]


async def test_a_refusal_says_why_and_names_its_ticket(community: Community) -> None:
    async with Client.open(community.profile("ncb-deu")) as deu:
        draft = await deu.compose("message", "Too high", {"text": "!"}, ["ncb-ita"], label=RES)

        with pytest.raises(Refused) as refused:
            await deu.send(draft)

    error = refused.value
    assert (error.reason, error.status, error.rules) == ("NOT_CLEARED", 403, ("R07.post",))
    assert error.ticket
    assert error.receipt is not None


async def test_what_does_not_fit_its_schema_is_refused_before_it_is_sent(community: Community) -> None:
    async with Client.open(community.profile("ncb-fra")) as fra:
        draft = await fra.compose("message", "Line\nbreak", {"text": "!"}, ["ncb-ita"])

        with pytest.raises(Refused) as refused:
            await fra.send(draft)

    assert refused.value.status is None
    assert [fault.path for fault in refused.value.faults] == ["/subject"]


async def test_unknown_items_are_not_found(community: Community) -> None:
    async with Client.open(community.profile("ncb-fra")) as fra:
        for item in ("ncb-ita:01KAJ4Y0000000000000000000", "../trail/entries", ""):
            with pytest.raises(Refused) as refused:
                await fra.message(item)
            assert refused.value.reason == "NOT_FOUND"


async def test_what_was_signed_before_a_revocation_stays_signed(community: Community) -> None:
    # One that only this test knows: what the others write is signed by keys that stand.
    await community.admit(Identity(participant="ncb-esp", name="NCB Madrid", tier="T1", country="ESP"), Rights())
    async with Client.open(community.profile("ncb-esp")) as esp, Client.open(community.copy_of("ncb-fra")) as fra:
        sent = await esp.send(await esp.compose("message", "Before", {"text": "!"}, ["ncb-fra"]))
        old = esp.profile.key(Use.MESSAGE).public
        window = {"not_before": "2026-01-01T00:00:00Z", "not_after": "2030-01-01T00:00:00Z"}
        spare = community.copy_of("ncb-deu").key(Use.OFFICER)  # somebody's key is nobody else's

        jwk = spare.public.jwk
        with pytest.raises(Refused) as taken:
            await esp.officer.propose(ChangeKind.KEY_ADD, participant="ncb-esp", use="message", jwk=jwk, **window)
        revoked = await esp.officer.propose(
            ChangeKind.KEY_REVOKE, participant="ncb-esp", kid=old.kid, reason="superseded"
        )

        held = await fra.message(sent.item)
        with pytest.raises(Refused) as late:
            await esp.send(await esp.compose("message", "After", {"text": "!"}, ["ncb-fra"]))

    assert taken.value.reason == "CHANGE_WRONG"
    assert revoked.applied
    assert held.key.kid == old.kid
    assert held.key.revoked_at is not None
    assert late.value.reason == "KEY_NOT_VALID"


async def test_what_was_shown_and_not_acknowledged_is_owed_whatever_is_due_first_at_the_beginning(
    community: Community,
) -> None:
    async with Client.open(community.profile("ncb-fra")) as fra, Client.open(community.copy_of("ncb-ita")) as ita:
        items = {}
        for urgency in ("U4", "U1", "U3"):
            label = {"classification": "OUO", "urgency": urgency, "handling": ["H1"]}
            draft = await fra.compose("message", "Urgent", {"text": "!"}, ["ncb-ita"], label=label)
            items[urgency] = (await fra.send(draft)).item
        before = await ita.owed()
        shown = [await ita.message(item) for item in items.values()]
        owed = [one for one in await ita.owed() if one.item in items.values()]
        await ita.acknowledge(items["U3"])
        after = [one.item for one in await ita.owed() if one.item in items.values()]

    assert not {one.item for one in before} & set(items.values())
    assert [one.item for one in owed] == [items[urgency] for urgency in ("U1", "U3", "U4")]
    assert {one.item: one.due_at for one in owed} == {one.item: one.due_at for one in shown}
    assert {(one.sender, one.duties, one.overdue) for one in owed} == {("ncb-fra", ("H1",), False)}
    assert after == [items["U1"], items["U4"]]


@pytest.mark.parametrize("shown", [None, 5, [5], ["x"], [{}], [{"item": "ncb-fra:1", "position": "x"}]])
def test_what_is_owed_in_another_form_is_not_believed(shown: object) -> None:
    with pytest.raises(Unproven):
        Owed.read_all(shown)


async def test_a_page_is_sorted_by_urgency_where_that_is_asked(community: Community) -> None:
    async with Client.open(community.profile("ncb-fra")) as fra, Client.open(community.copy_of("ncb-ita")) as ita:
        begun = (await ita.inbox(limit=100)).cursor
        items = {}
        for urgency in ("U4", "U1", "U3"):
            label = {"classification": "OUO", "urgency": urgency}
            draft = await fra.compose("message", "Urgent", {"text": "!"}, ["ncb-ita"], label=label)
            items[urgency] = (await fra.send(draft)).item
        page = await ita.inbox(begun, limit=100)

    sorted_so = [one.item for one in page.by_urgency if one.item in items.values()]
    assert sorted_so == [items[urgency] for urgency in ("U1", "U3", "U4")]
    assert all(one.due_at > one.released_at for one in page.messages)
