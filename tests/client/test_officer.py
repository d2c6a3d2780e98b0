"""Officers: what one of them may do alone, what takes two, and what a newcomer brings with it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from exchange.client import (
    Client,
    Enrolment,
    EntityGrant,
    Identity,
    ProfileWrong,
    Refused,
    Rights,
    enrol,
    introduce_entity,
)
from exchange.participant import ChangeKind, Status, Use
from tests.community import Community

NEWCOMER = Identity(participant="agy-customs", name="Agency for customs", tier="T3", country="XXB")
CUSTOMS = Identity(participant="ent-fra-customs", name="Customs", tier="T2", country="FRA")
WITHIN = Rights(clearance="OUO", purposes=("P3",), crime_areas=("DRG.SYN",))


async def test_a_newcomer_enters_with_two_officers_and_carries_its_keys_in(community: Community) -> None:
    one, two = community.officers
    folder = community.profile("agy-customs")
    enrolment = enrol(folder, community.served.pin, NEWCOMER, now=datetime.now(UTC))
    async with Client.open(one) as first, Client.open(two) as second:
        proposed = await first.officer.admit(enrolment.identity, enrolment.officers)
        waiting = {one.change.id: one for one in await second.officer.waiting()}
        with pytest.raises(Refused) as twice:
            await first.officer.approve(proposed.change)
        approved = await second.officer.approve(proposed.change)
        carried = [await second.officer.carry(change) for change in enrolment.changes]
        again = await second.officer.carry(enrolment.changes[0])

    assert (proposed.applied, proposed.missing, approved.applied) == (False, 1, True)
    assert waiting[proposed.change].change.kind is ChangeKind.ADMIT
    assert twice.value.reason == "ALREADY_APPROVED"
    assert all(one.applied for one in carried)
    assert again.receipt.position == carried[0].receipt.position
    async with Client.open(folder) as newcomer:
        me = (await newcomer.directory()).participants["agy-customs"]
    assert {key.use for key in me.keys.values()} == set(Use)


async def test_one_officer_narrows_and_two_widen(community: Community) -> None:
    one, two = community.officers
    async with Client.open(one) as first, Client.open(two) as second:
        suspended = await first.officer.propose(ChangeKind.STATUS, participant="ncb-deu", status="suspended")
        suspended_status = (await first.directory()).participants["ncb-deu"].status
        reinstated = await first.officer.propose(ChangeKind.STATUS, participant="ncb-deu", status="active")
        approved = await second.officer.approve(reinstated.change)

    assert suspended.applied
    assert suspended_status is Status.SUSPENDED
    assert (reinstated.applied, approved.applied) == (False, True)


async def test_rights_are_shown_to_the_operator_and_to_their_holder_only(community: Community) -> None:
    async with Client.open(community.officers[0]) as operator, Client.open(community.copy_of("ncb-deu")) as deu:
        seen_by_operator = (await operator.directory()).participants["ncb-fra"].clearance.name
        seen_by_another = (await deu.directory()).participants["ncb-fra"].clearance.name
        listed = {one["id"]: one for one in (await deu.officer.listing())["participants"]}

    assert seen_by_operator == "RES"
    assert seen_by_another == "OUO"  # as everybody begins; the change was not shown
    assert listed["ncb-fra"]["clearance"] == "RES"  # an NCB is told it, and need not believe it
    assert "status" not in listed["ncb-fra"]


async def test_a_participant_may_not_admit_or_widen(community: Community) -> None:
    async with Client.open(community.profile("ncb-fra")) as fra:
        with pytest.raises(Refused) as refused:
            await fra.officer.grant("ncb-fra", Rights(clearance="CON"))
        assert await fra.officer.waiting() == ()

    assert refused.value.reason == "NOT_AN_OFFICER"


def granted(rights: Rights = WITHIN) -> EntityGrant:
    in_a_year = datetime.now(UTC) + timedelta(days=365)
    return EntityGrant(rights=rights, scopes=("*/submit", "*/read"), until=in_a_year, review_by=in_a_year)


async def test_a_bureau_takes_its_entity_in_says_what_it_may_and_ends_it(community: Community) -> None:
    enrolment = enrol(community.profile("ent-fra-customs"), community.served.pin, CUSTOMS, now=datetime.now(UTC))
    async with Client.open(community.copy_of("ncb-fra")) as fra:
        await introduce_entity(fra, enrolment, granted())
        listed = {one["id"]: one for one in (await fra.officer.listing())["participants"]}["ent-fra-customs"]
        with pytest.raises(Refused) as beyond:
            await fra.officer.grant_entity("ent-fra-customs", granted(Rights(clearance="CON")))
        async with Client.open(community.profile("ent-fra-customs")) as customs:
            itself = (await customs.directory()).participants["ent-fra-customs"]
            ended = await fra.officer.end_entity("ent-fra-customs", "merged")
            after = (await customs.history.directory(fresh=True)).participants["ent-fra-customs"]
        seen_by_its_bureau = (await fra.history.directory(fresh=True)).participants["ent-fra-customs"]

    assert (listed["bureau"], listed["status"], listed["crime_areas"]) == ("ncb-fra", "active", ["DRG.SYN"])
    assert listed["grant"]["scopes"] == ["*/read", "*/submit"]
    assert (beyond.value.reason, beyond.value.rules) == ("BEYOND_GRANT", ("R05",))
    assert itself.bureau == "ncb-fra"
    assert itself.crime_areas == {"DRG.SYN"}
    assert {key.use for key in itself.keys.values()} == set(Use)
    assert ended.applied
    assert after.status is seen_by_its_bureau.status is Status.ENDED


async def test_what_does_not_wait_cannot_be_approved(community: Community) -> None:
    async with Client.open(community.officers[0]) as officer:
        with pytest.raises(Refused) as refused:
            await officer.officer.approve("01KAJ4Y0000000000000000000")

    assert refused.value.reason == "NOT_FOUND"


async def test_the_policy_in_force_is_the_one_that_the_directory_names(community: Community) -> None:
    async with Client.open(community.profile("ncb-fra")) as fra:
        texts = await fra.officer.policy()

    assert set(texts) == {"schema", "policies", "cases"}


def test_an_enrolment_is_read_as_it_was_written(community: Community, tmp_path: Path) -> None:
    made = enrol(tmp_path / "new", community.served.pin, NEWCOMER, now=datetime.now(UTC))

    assert Enrolment.load(tmp_path / "new" / "enrolment.json") == made
    with pytest.raises(ProfileWrong):
        enrol(tmp_path / "new", community.served.pin, NEWCOMER, now=datetime.now(UTC))


def test_an_identity_of_no_known_form_makes_no_profile(community: Community, tmp_path: Path) -> None:
    wrong = Identity(participant="customs", name="Customs", tier="T2", country="France")

    with pytest.raises(Refused) as refused:
        enrol(tmp_path / "wrong", community.served.pin, wrong, now=datetime.now(UTC))

    assert {fault.path for fault in refused.value.faults} == {"/participant", "/country"}
    assert not (tmp_path / "wrong").exists()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"participant": "ncb-fra"}'])
def test_what_is_no_enrolment_is_told_so(tmp_path: Path, text: str) -> None:
    (tmp_path / "enrolment.json").write_text(text)

    with pytest.raises(ProfileWrong):
        Enrolment.load(tmp_path / "enrolment.json")
