"""Control after sending, by the client: each act is proven like a message, and what it leaves behind is kept."""

from datetime import timedelta

import pytest

from exchange.client import Client, Refused
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
        recalled = await fra.control.recall(item, "ERROR", "DELETE", note="another person")
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
        restricted = await fra.control.restrict(item, ONLY_GERMANY, reason="INV-9")
        stated = (await ita.message(restricted.item)).document["body"]
        (kept,) = [one for one in fra.state.reasons() if one["object"] == item]
        lifted = await fra.control.lift(item)
        again = await ita.message(item)

    assert restricted.released == lifted.released == ("ncb-ita",)
    assert stated["releasable_to"] == ONLY_GERMANY
    assert stated["reason"] == kept["stated"] == SealedReason(code="INV-9", salt=bytes.fromhex(kept["salt"])).stated
    assert "INV-9" not in str(stated)
    assert again.released_at > again.accepted_at


async def test_a_correction_is_linked_to_what_it_corrects(community: Community) -> None:
    async with Client.open(community.profile("ncb-fra")) as fra, Client.open(community.copy_of("ncb-ita")) as ita:
        item = await sent(fra, "ncb-ita")
        corrected = await fra.control.correct(item, "ERROR", {"text": "at the station"})
        found = await ita.message(item)
        newer = await ita.message(corrected.item)

    assert found.newer == corrected.item
    assert newer.document["body"]["corrected"] == {"text": "at the station"}


async def test_a_key_that_was_revoked_since_is_no_doubt_about_what_comes_anew(community: Community) -> None:
    """An item released anew comes long after it was accepted; its key is judged by when that was."""
    async with Client.open(community.profile("ncb-fra")) as fra, Client.open(community.copy_of("ncb-ita")) as ita:
        item = await sent(fra, "ncb-ita")
        await fra.control.restrict(item, ONLY_GERMANY)
        page = await ita.inbox()
        while page.messages:
            page = await ita.inbox(page.cursor)
        await fra.control.lift(item)
        again = await ita.inbox(page.cursor)

    (one,) = [message for message in again.messages if message.item == item]
    assert again.doubtful == ()
    assert one.accepted_at < one.released_at


async def test_what_its_source_controls_is_passed_on_once_it_permits_it(community: Community) -> None:
    async with (
        Client.open(community.profile("ncb-fra")) as fra,
        Client.open(community.copy_of("ncb-ita")) as ita,
        Client.open(community.copy_of("ncb-deu")) as deu,
    ):
        controlled = {"classification": "OUO", "handling": ["H1", "ORCON"], "permitted_action": "PA1"}
        draft = await fra.compose("message", "Source", {"text": "a source"}, ["ncb-ita"], label=controlled)
        item = (await fra.send(draft)).item
        with pytest.raises(Refused) as refused:
            await ita.control.forward(item, ["ncb-deu"])
        request = await ita.control.ask_permission(item, ["ncb-deu"], "for the joint team")
        until = fra.clock.now() + timedelta(hours=1)
        permission = await fra.control.answer_permission(request.item, True, until=until)
        note = await ita.control.forward(item, ["ncb-deu"], permission=permission.item, reason="as agreed")
        held, word = await deu.message(item), await deu.message(note.item)
        await deu.acknowledge(held)
        await ita.acknowledge(item)
        states = {one["participant"]: one for one in await fra.deliveries(item)}

    assert (refused.value.reason, refused.value.offer) == ("ORIGINATOR_CONTROL", "permission-request")
    assert held.message.label.duties == ("H1", "ORCON", "PA1")
    assert [(one["state"], one.get("by")) for _, one in sorted(states.items())] == [
        ("acknowledged", "ncb-ita"),
        ("acknowledged", None),
    ]
    assert note.released == ("ncb-deu",)
    assert (held.message.sender, word.message.sender) == ("ncb-fra", "ncb-ita")
    assert held.document == draft.document
    assert word.message.about == item


async def test_a_permission_that_is_denied_says_so(community: Community) -> None:
    async with Client.open(community.profile("ncb-fra")) as fra, Client.open(community.copy_of("ncb-ita")) as ita:
        item = await sent(fra, "ncb-ita")
        request = await ita.control.ask_permission(item, ["ncb-deu"], "for the joint team")
        answer = await fra.control.answer_permission(request.item, False, conditions="not before the trial")
        body = (await ita.message(answer.item)).document["body"]

    assert (body["granted"], body["conditions"]) == (False, "not before the trial")
    assert "recipients" not in body
