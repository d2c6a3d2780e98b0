"""An exchange that lies: whatever it changes, hides or makes up, the client that keeps its pin does not believe it."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from exchange import jose, merkle
from exchange.client import Client, Forked, Profile, Unproven
from exchange.client.watch import Watch
from exchange.jose import SigningKey
from exchange.note import Checkpoint, TrailKey
from exchange.participant import ChangeKind, write_change
from tests.client.lying import Bend, Lying
from tests.community import Community


@asynccontextmanager
async def lied_to(community: Community, name: str, path: str, bend: Bend) -> AsyncIterator[Client]:
    """A client of a participant that remembers nothing yet, of an exchange that bends its answers at a path."""
    async with Client.open(community.copy_of(name), transport=Lying(path, bend)) as client:
        yield client


async def sent_by(community: Community, name: str, *recipients: str, text: str = "hello") -> str:
    async with Client.open(community.profile(name)) as client:
        return (await client.send(await client.compose("message", "A test", {"text": text}, list(recipients)))).item


def trail_key(community: Community) -> TrailKey:
    """As whoever owns the gateway has it."""
    secret = community.served.folder / "secrets" / "trail.pem"
    return TrailKey.from_pem(community.served.pin.origin, secret.read_bytes())


# What is read


async def test_an_altered_message_is_left_out_and_the_others_are_read(community: Community) -> None:
    good = await sent_by(community, "ncb-fra", "ncb-deu")
    bad = await sent_by(community, "ncb-fra", "ncb-deu", text="the original")

    def alter(page: Any) -> Any:
        for one in page["items"]:
            if one["item"] == bad:
                header, payload, signature = one["jws"].split(".")
                said = jose.decode(payload.encode()).replace(b"the original", b"something new")
                one["jws"] = f"{header}.{jose.encode(said)}.{signature}"
        return page

    async with lied_to(community, "ncb-deu", "/v1/inbox", alter) as deu:
        page = await deu.inbox(limit=100)

    assert good in [one.item for one in page.messages]
    assert bad not in [one.item for one in page.messages]
    assert [one.item for one in page.doubtful] == [bad]
    assert "BAD_SIGNATURE" in page.doubtful[0].why


async def test_a_message_shown_as_another_senders_is_left_out(community: Community) -> None:
    item = await sent_by(community, "ncb-fra", "ncb-deu")

    def rename(page: Any) -> Any:
        for one in page["items"]:
            one["sender"] = "ncb-ita"
        return page

    async with lied_to(community, "ncb-deu", "/v1/inbox", rename) as deu:
        page = await deu.inbox(limit=100)

    assert item not in [one.item for one in page.messages]
    assert item in [one.item for one in page.doubtful]


async def test_a_message_of_a_made_up_key_is_left_out(community: Community) -> None:
    """Whoever owns the gateway cannot speak as a sender to a recipient that checks keys from genesis."""
    item = await sent_by(community, "ncb-fra", "ncb-deu")
    made_up = SigningKey.generate()

    def forge(page: Any) -> Any:
        for one in page["items"]:
            if one["item"] == item:
                payload = jose.decode(one["jws"].split(".")[1].encode())
                one["jws"] = jose.sign(payload, jose.Kind.MESSAGE, made_up).decode()
        return page

    async with lied_to(community, "ncb-deu", "/v1/inbox", forge) as deu:
        page = await deu.inbox(limit=100)

    assert [one.item for one in page.doubtful] == [item]
    assert made_up.public.kid in page.doubtful[0].why


async def test_a_page_that_hides_what_its_receipt_names_is_not_believed(community: Community) -> None:
    await sent_by(community, "ncb-fra", "ncb-deu")

    def hide(page: Any) -> Any:
        return page | {"items": page["items"][:-1]}

    async with lied_to(community, "ncb-deu", "/v1/inbox", hide) as deu:
        with pytest.raises(Unproven, match="names other items"):
            await deu.inbox(limit=100)


async def test_evidence_for_another_message_is_no_evidence(community: Community) -> None:
    first, second = [await sent_by(community, "ncb-fra", "ncb-deu") for _ in range(2)]
    async with Client.open(community.profile("ncb-deu")) as deu:
        evidence = (await deu.wire.get(f"/v1/messages/{first}")).object()["evidence"]

    async with lied_to(community, "ncb-deu", f"/v1/messages/{second}", lambda one: one | {"evidence": evidence}) as deu:
        with pytest.raises(Unproven):
            await deu.message(second)


# What is sent


@pytest.mark.parametrize(
    "bend",
    [
        lambda answer: answer | {"leaf": answer["leaf"].replace("ncb-fra", "ncb-ita")},
        lambda answer: answer | {"position": answer["position"] + 1},
        lambda answer: answer | {"routing": [{"participant": "ncb-deu", "outcome": "released"}]},
        lambda answer: answer | {"openings": {}},
        lambda answer: {},
        lambda answer: answer | {"proof": answer["proof"].replace("index", "Index")},
    ],
    ids=["leaf", "position", "routing", "openings", "nothing", "proof"],
)
async def test_a_receipt_that_does_not_hold_is_not_believed(community: Community, bend: Bend) -> None:
    async with lied_to(community, "ncb-fra", "/v1/messages", bend) as fra:
        draft = await fra.compose("message", "A test", {"text": "hello"}, ["ncb-ita"])
        with pytest.raises(Unproven):
            await fra.send(draft)


async def test_the_receipt_of_another_message_is_not_believed(community: Community) -> None:
    async with Client.open(community.profile("ncb-fra")) as fra:
        other = await fra.send(await fra.compose("message", "Another", {"text": "!"}, ["ncb-ita"]))

    async with lied_to(community, "ncb-fra", "/v1/messages", lambda answer: answer | other.receipt) as fra:
        draft = await fra.compose("message", "A test", {"text": "hello"}, ["ncb-ita"])
        with pytest.raises(Unproven, match="speaks of something else"):
            await fra.send(draft)


# The directory


async def test_another_genesis_is_not_believed(community: Community) -> None:
    def replant(history: Any) -> Any:
        leaf = history["genesis"]["leaf"].replace("opr-exchange", "opr-stranger")
        return history | {"genesis": history["genesis"] | {"leaf": leaf}}

    async with lied_to(community, "ncb-fra", "/v1/directory/changes", replant) as fra:
        with pytest.raises(Unproven, match="another genesis"):
            await fra.directory()


async def test_a_key_slipped_into_the_directory_is_not_believed(community: Community) -> None:
    """A change as the gateway could write it: everything right, but for the officer's signature."""
    stranger = SigningKey.generate()

    def slip_in(history: Any) -> Any:
        last = history["changes"][-1]
        made = write_change(
            ChangeKind.KEY_ADD,
            origin=community.served.pin.origin,
            id="01KAJ4Y0000000000000000000",
            made_at=datetime.now(UTC),
            key=stranger,
            participant="ncb-fra",
            use="message",
            jwk=stranger.public.jwk,
            not_before="2026-01-01T00:00:00Z",
            not_after="2030-01-01T00:00:00Z",
        )
        slipped = last | {"position": last["position"] + 1, "change": made.decode(), "approvals": []}
        return history | {"changes": [*history["changes"], slipped]}

    async with lied_to(community, "ncb-ita", "/v1/directory/changes", slip_in) as ita:
        with pytest.raises(Unproven, match="history does not hold"):
            await ita.directory()


async def test_a_history_with_a_change_left_out_is_not_believed_where_later_ones_need_it(
    community: Community,
) -> None:
    def leave_out(history: Any) -> Any:
        admissions = [n for n, one in enumerate(history["changes"]) if "participant.admit" in one["leaf"]]
        del history["changes"][admissions[0]]
        return history

    async with lied_to(community, "ncb-ita", "/v1/directory/changes", leave_out) as ita:
        with pytest.raises(Unproven):
            await ita.directory()


async def test_a_change_that_is_in_no_tree_gives_no_key(community: Community) -> None:
    """Shown to us alone it would verify; that it is not in the trail that all others see gives it away."""
    item = await sent_by(community, "ncb-fra", "ncb-deu")

    def other_place(proof: Any) -> Any:
        return proof | {"hashes": list(reversed(proof["hashes"]))}

    async with lied_to(community, "ncb-deu", "/v1/trail/inclusion", other_place) as deu:
        page = await deu.inbox(limit=100)

    assert page.messages == ()
    assert item in [one.item for one in page.doubtful]
    assert "is not in the trail" in page.doubtful[0].why


async def test_a_listing_with_other_keys_than_the_history_is_not_believed(community: Community) -> None:
    def add(listing: Any) -> Any:
        listing["participants"][0]["keys"].append({"kid": "x" * 43, "use": "message"})
        return listing

    async with lied_to(
        community, "ncb-fra", "/v1/directory", lambda one: add(one) if "participants" in one else one
    ) as fra:
        with pytest.raises(Unproven, match="lists other keys"):
            await fra.officer.listing()


async def test_what_was_kept_of_the_history_is_verified_like_what_comes(community: Community) -> None:
    profile = community.copy_of("ncb-fra")
    async with Client.open(profile) as fra:
        true = await fra.directory()
        kept = fra.state.folder / "history.jsonl"
    kept.write_text(kept.read_text().replace("ncb-deu", "ncb-xxx"))

    async with Client.open(profile) as fra:
        assert await fra.directory() == true


async def test_a_policy_set_that_is_not_the_one_named_is_not_believed(community: Community) -> None:
    def soften(texts: Any) -> Any:
        return texts | {"policies": {"all.cedar": "permit (principal, action, resource);"}}

    async with lied_to(community, "ncb-fra", "/v1/policies", soften) as fra:
        with pytest.raises(Unproven, match="policy set"):
            await fra.officer.policy()


# The trail


def another_history(community: Community, kept: Checkpoint) -> str:
    """The same size with another root, signed by the trail's key: what only a fork can show."""
    return trail_key(community).sign(replace(kept, root=merkle.leaf_hash(b"another history")))


async def kept_by(profile: Profile) -> Checkpoint:
    async with Client.open(profile) as client:
        return (await client.trail.checkpoint())[0]


async def test_two_roots_of_one_size_are_evidence_and_end_all_sending(community: Community) -> None:
    profile = community.copy_of("ncb-fra")
    kept = await kept_by(profile)
    forged = another_history(community, kept)

    with pytest.raises(Forked):
        async with Client.open(profile, transport=Lying("/v1/trail/checkpoint", lambda _: forged)) as fra:
            await fra.trail.checkpoint()

    async with Client.open(profile) as fra:
        evidence = fra.state.fork
        draft = await fra.compose("message", "After the fork", {"text": "!"}, ["ncb-ita"])
        with pytest.raises(Forked):
            await fra.send(draft)
        with pytest.raises(Forked):
            await fra.preview(draft)
        with pytest.raises(Forked):
            await fra.acknowledge("ncb-ita:01KAJ4Y0000000000000000000")
        assert evidence is not None
        notes = {trail_key(community).verifier.open((evidence / name).read_text()) for name in ("kept", "offered")}
        assert {note.size for note in notes} == {kept.size}
        assert len(notes) == 2
        remove(evidence)
        assert (await fra.send(draft)).new


async def test_a_history_that_does_not_extend_the_kept_one_is_a_fork(community: Community) -> None:
    profile = community.copy_of("ncb-fra")
    kept = await kept_by(profile)
    state = _state(profile)
    (state / "checkpoint").write_text(another_history(community, kept))

    async with Client.open(community.profile("ncb-fra")) as fra:
        await fra.send(await fra.compose("message", "The trail grows", {"text": "!"}, ["ncb-ita"]))
    with pytest.raises(Forked, match="no proof leads"):
        async with Client.open(profile) as fra:
            await fra.trail.checkpoint()

    assert (state / "fork" / "kept").exists()
    assert (state / "fork" / "offered").exists()


async def test_a_trail_that_was_put_back_is_a_fork(community: Community) -> None:
    """A kept checkpoint of more entries than the trail has now: a backup restored under a living trail."""
    profile = community.copy_of("ncb-fra")
    now = await kept_by(profile)
    longer = Checkpoint(origin=now.origin, size=now.size + 1000, root=merkle.leaf_hash(b"what was lost"))
    (_state(profile) / "checkpoint").write_text(trail_key(community).sign(longer))

    with pytest.raises(Forked, match="no longer has"):
        async with Client.open(profile) as fra:
            await fra.trail.checkpoint()


async def test_a_checkpoint_of_another_key_is_not_believed(community: Community) -> None:
    forged = TrailKey.generate(community.served.pin.origin).sign(await kept_by(community.copy_of("ncb-fra")))

    async with lied_to(community, "ncb-fra", "/v1/trail/checkpoint", lambda _: forged) as fra:
        with pytest.raises(Unproven, match="CHECKPOINT_WRONG"):
            await fra.trail.checkpoint()


async def test_consistency_is_asked_for_at_most_once_a_second(community: Community) -> None:
    asked: list[str] = []

    def count(proof: Any) -> Any:
        asked.append(json.dumps(proof))
        return proof

    ticks = iter(range(1, 1000))
    async with Client.open(community.copy_of("ncb-fra"), transport=Lying("/v1/trail/consistency", count)) as fra:
        still = Watch(wire=fra.wire, state=fra.state, trail=fra.profile.trail, tick=lambda: 0.5)
        patient = replace(fra, watch=still)
        for n in range(3):
            await patient.send(await fra.compose("message", f"No. {n}", {"text": "!"}, ["ncb-ita"]))
        within_the_second = len(asked)
        going = Watch(wire=fra.wire, state=fra.state, trail=fra.profile.trail, tick=lambda: float(next(ticks)))
        for n in range(3):
            await replace(fra, watch=going).send(await fra.compose("message", f"No. {n}", {"text": "!"}, ["ncb-ita"]))

    assert within_the_second == 0
    assert len(asked) >= 3


def remove(folder: Path) -> None:
    """By hand, as it must be."""
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()


def _state(profile: Profile) -> Path:
    return profile.state / profile.pin.origin.replace("/", "+")


async def test_an_answer_that_is_not_bent_is_believed(community: Community) -> None:
    """The control of all tests above: the way of the lies carries the truth as well."""
    async with lied_to(community, "ncb-fra", "/v1/", lambda answer: answer) as fra:
        sent = await fra.send(await fra.compose("message", "A test", {"text": "hello"}, ["ncb-ita"]))
        assert (await fra.message(sent.item)).item == sent.item
        assert (await fra.officer.policy())["policies"]
