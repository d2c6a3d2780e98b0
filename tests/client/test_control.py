"""Control after sending, by the client: each act is proven like a message, and what it leaves behind is kept."""

from exchange.client import Client
from exchange.client.control import SealedReason
from tests.community import Community

ONLY_GERMANY = {"mode": "ONLY", "include": ["DEU"]}


async def sent(client: Client, *to: str) -> str:
    draft = await client.compose("message", "Seizure", {"text": "at the port"}, to, case_ref="FRA-7")
    return (await client.send(draft)).item


async def test_what_was_sent_is_recalled_and_its_reader_told(community: Community) -> None:
    async with Client.open(community.profile("ncb-fra")) as fra, Client.open(community.copy_of("ncb-ita")) as ita:
        item = await sent(fra, "ncb-ita", "ncb-deu")
        began = (await ita.message(item)).message.thread
        recalled = await fra.recall(item, "ERROR", "DELETE", note="another person")
        notice = await ita.message(recalled.item)
        await ita.acknowledge(recalled.item)
        own, states = await fra.message(item), await fra.deliveries(recalled.item)

    assert recalled.released == ("ncb-ita",)
    assert (notice.message.about, notice.message.thread) == (item, began)
    assert notice.document["body"]["note"] == "another person"
    assert (notice.document["subject"], notice.document["case_ref"]) == ("Recalled: Seizure", "FRA-7")
    assert (own.recalled, own.restricted) == (True, False)
    assert [(one["participant"], one["state"]) for one in states] == [("ncb-ita", "acknowledged")]


async def test_a_restriction_keeps_its_reason_here_and_tells_it_to_nobody(community: Community) -> None:
    async with Client.open(community.profile("ncb-fra")) as fra, Client.open(community.copy_of("ncb-ita")) as ita:
        item = await sent(fra, "ncb-ita", "ncb-deu")
        await ita.message(item)
        restricted = await fra.restrict(item, ONLY_GERMANY, reason="INV-9")
        stated = (await ita.message(restricted.item)).document["body"]
        (kept,) = [one for one in fra.state.reasons() if one["object"] == item]
        lifted = await fra.lift(item)
        again = await ita.message(item)

    assert restricted.released == lifted.released == ("ncb-ita",)
    assert stated["releasable_to"] == ONLY_GERMANY
    assert stated["reason"] == kept["stated"] == SealedReason(code="INV-9", salt=bytes.fromhex(kept["salt"])).stated
    assert "INV-9" not in str(stated)
    assert again.released_at > again.accepted_at


async def test_a_correction_is_linked_to_what_it_corrects(community: Community) -> None:
    async with Client.open(community.profile("ncb-fra")) as fra, Client.open(community.copy_of("ncb-ita")) as ita:
        item = await sent(fra, "ncb-ita")
        corrected = await fra.correct(item, "ERROR", {"text": "at the station"})
        found = await ita.message(item)
        newer = await ita.message(corrected.item)

    assert found.newer == corrected.item
    assert newer.document["body"]["corrected"] == {"text": "at the station"}


async def test_a_key_that_was_revoked_since_is_no_doubt_about_what_comes_anew(community: Community) -> None:
    """An item released anew comes long after it was accepted; its key is judged by when that was."""
    async with Client.open(community.profile("ncb-fra")) as fra, Client.open(community.copy_of("ncb-ita")) as ita:
        item = await sent(fra, "ncb-ita")
        await fra.restrict(item, ONLY_GERMANY)
        page = await ita.inbox()
        while page.messages:
            page = await ita.inbox(page.cursor)
        await fra.lift(item)
        again = await ita.inbox(page.cursor)

    (one,) = [message for message in again.messages if message.item == item]
    assert again.doubtful == ()
    assert one.accepted_at < one.released_at
