"""National entities: admitted, granted and ended by their own bureau, never beyond what it holds, never longer."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange import instant, jose, participant
from exchange.jose import SigningKey
from exchange.label import Classification, Tier
from exchange.participant import ChangeKind, Directory, Operation, Participant, Status, Use
from exchange.participant.entity import capped, within
from exchange.refusal import Reason
from tests import world
from tests.participant.changes import FRA, NETWORK, admit, key_add, key_revoke, rights, status
from tests.refused import outcome, refused
from tests.world import Entry, World, agreed, granted, schemas, window

CUSTOMS = "ent-fra-customs"
CUSTOMS_OFFICER = SigningKey.generate()
ITA = NETWORK["ncb-ita"]
ONE, TWO = NETWORK.officers


def entering(bureau: str = "ncb-fra", **members: Any) -> Any:
    plain = {
        "participant": CUSTOMS,
        "bureau": bureau,
        "name": "Customs (exercise)",
        "country": "FRA",
        "exercise": True,
        "officers": [{"jwk": CUSTOMS_OFFICER.public.jwk, **window(world.NOW)}],
    }
    return plain | members


def with_customs(**grant: Any) -> World:
    net = NETWORK.branch()
    net.fold(net.signed(ChangeKind.ENTITY_ADMIT, FRA.officer, **entering()))
    net.fold(net.signed(ChangeKind.ENTITY_GRANT, FRA.officer, **granted(CUSTOMS, net.now, **grant)))
    return net


def customs(net: World) -> Participant:
    return net.directory.participants[CUSTOMS]


# By its own bureau


def test_an_entity_enters_by_one_officer_of_its_bureau_and_holds_nothing_yet(net: World) -> None:
    net.fold(net.signed(ChangeKind.ENTITY_ADMIT, FRA.officer, **entering()))

    entered = customs(net)
    assert (entered.tier, entered.country, entered.bureau) == (Tier.T2, "FRA", "ncb-fra")
    assert (entered.clearance, entered.purposes, entered.crime_areas) == (Classification.PUB, frozenset(), frozenset())
    assert entered.grant is None
    assert entered.active


def test_the_operator_admits_no_entity_and_grants_it_nothing(net: World) -> None:
    with refused(Reason.CHANGE_WRONG):
        net.judge(net.signed(ChangeKind.ADMIT, ONE, TWO, **admit(participant=CUSTOMS, tier="T2", country="FRA")))
    with refused(Reason.NOT_AN_OFFICER):
        net.judge(net.signed(ChangeKind.ENTITY_ADMIT, ONE, TWO, **entering()))
    with refused(Reason.NOT_AN_OFFICER):
        net.judge(net.signed(ChangeKind.ENTITY_ADMIT, ONE, TWO, **entering(bureau=world.OPERATOR)))

    net = with_customs()
    with refused(Reason.CHANGE_WRONG):
        net.judge(net.signed(ChangeKind.RIGHTS, ONE, TWO, **rights() | {"participant": CUSTOMS}))
    for kind in (ChangeKind.ENTITY_GRANT, ChangeKind.ENTITY_END):
        content = granted(CUSTOMS, net.now) if kind is ChangeKind.ENTITY_GRANT else {"participant": CUSTOMS}
        with refused(Reason.NOT_AN_OFFICER):
            net.judge(net.signed(kind, ONE, TWO, **content))


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        (ChangeKind.ENTITY_ADMIT, entering(participant="ent-fra-other", officers=admit()["officers"])),
        (ChangeKind.ENTITY_GRANT, granted(CUSTOMS, world.NOW)),
        (ChangeKind.ENTITY_END, {"participant": CUSTOMS}),
        (ChangeKind.KEY_ADD, key_add(Use.OFFICER, participant=CUSTOMS)),
    ],
    ids=lambda value: value if isinstance(value, ChangeKind) else "",
)
def test_what_concerns_an_entity_is_signed_by_its_bureau_alone(kind: ChangeKind, content: Any) -> None:
    net = with_customs()

    assert net.judge(net.signed(kind, FRA.officer, **content)).missing == 0
    for signers in [(ONE, TWO), (ITA.officer,), (FRA.officer, ONE), (FRA.officer, ITA.officer), (CUSTOMS_OFFICER,)]:
        with refused(Reason.NOT_AN_OFFICER):
            net.judge(net.signed(kind, *signers, **content))


@pytest.mark.parametrize("kind", [ChangeKind.ENTITY_GRANT, ChangeKind.ENTITY_END])
@pytest.mark.parametrize("id", ["ncb-ita", "agy-drugs", world.OPERATOR])
def test_who_is_no_entity_is_granted_nothing_by_a_bureau(net: World, kind: ChangeKind, id: str) -> None:
    content = granted(id, net.now) if kind is ChangeKind.ENTITY_GRANT else {"participant": id}

    with refused(Reason.NOT_AN_OFFICER):
        net.judge(net.signed(kind, FRA.officer, **content))


def test_a_key_of_an_entity_is_revoked_by_itself_its_bureau_or_the_operator() -> None:
    net, message = with_customs(), SigningKey.generate()
    net.fold(net.signed(ChangeKind.KEY_ADD, CUSTOMS_OFFICER, **key_add(Use.MESSAGE, message, CUSTOMS)))

    for key, signers in ((message, (CUSTOMS_OFFICER, FRA.officer, ONE)), (CUSTOMS_OFFICER, (FRA.officer, ONE))):
        for signer in signers:
            assert net.judge(net.signed(ChangeKind.KEY_REVOKE, signer, **key_revoke(key, CUSTOMS))).missing == 0
        with refused(Reason.NOT_AN_OFFICER):
            net.judge(net.signed(ChangeKind.KEY_REVOKE, ITA.officer, **key_revoke(key, CUSTOMS)))


# Within its country, within what it holds, for a time


def test_an_entity_of_another_country_is_not_the_bureaus_to_admit(net: World) -> None:
    for content in (entering(country="ITA"), entering(bureau="ncb-ita")):
        signer = FRA if content["bureau"] == "ncb-fra" else ITA
        with refused(Reason.BEYOND_GRANT):
            net.judge(net.signed(ChangeKind.ENTITY_ADMIT, signer.officer, **content))


@pytest.mark.parametrize("bureau", ["agy-drugs", "aud-exchange", "ncb-xxx", CUSTOMS])
def test_only_a_bureau_admits_entities(bureau: str) -> None:
    net = with_customs()
    officer = net.members[bureau].officer if bureau in net.members else CUSTOMS_OFFICER

    with refused(Reason.NOT_AN_OFFICER):
        content = entering(bureau, participant="ent-fra-other", officers=admit()["officers"])
        net.judge(net.signed(ChangeKind.ENTITY_ADMIT, officer, **content))


@pytest.mark.parametrize(
    "more",
    [{"clearance": "CON"}, {"purposes": ["P3", "P4"]}, {"crime_areas": ["DRG", "VEH"]}, {"crime_areas": ["ENV.WLD"]}],
)
def test_a_bureau_grants_nothing_that_it_does_not_hold(more: dict[str, Any]) -> None:
    net = with_customs()

    with refused(Reason.BEYOND_GRANT):
        net.judge(net.signed(ChangeKind.ENTITY_GRANT, FRA.officer, **granted(CUSTOMS, net.now, **more)))


def test_a_part_of_an_area_is_within_the_area() -> None:
    assert customs(with_customs(crime_areas=["DRG.SYN", "DRG.COC"])).crime_areas == {"DRG.SYN", "DRG.COC"}


@pytest.mark.parametrize(
    "wrong", [{"until": world.NOW}, {"review_by": world.NOW}, {"review_by": world.NOW + timedelta(days=367)}], ids=str
)
def test_a_grant_ends_and_is_reviewed_within_a_year(wrong: dict[str, Any]) -> None:
    net = with_customs()
    stated = {name: instant.write(moment) for name, moment in wrong.items()}

    with refused(Reason.CHANGE_WRONG):
        net.judge(net.signed(ChangeKind.ENTITY_GRANT, FRA.officer, **granted(CUSTOMS, net.now, **stated)))


def test_a_grant_covers_the_types_and_operations_that_it_names_until_it_ends() -> None:
    until = world.NOW + timedelta(days=1)
    grant = customs(with_customs(scopes=["message/submit", "*/read"], until=instant.write(until))).grant

    assert grant is not None
    assert grant.covers("message", Operation.SUBMIT, world.NOW)
    assert grant.covers("anything", Operation.READ, until - timedelta(microseconds=1))
    assert not grant.covers("information-request", Operation.SUBMIT, world.NOW)
    assert not grant.covers("message", Operation.FORWARD, world.NOW)
    assert not grant.covers("message", Operation.SUBMIT, until)


# At once


def test_what_a_bureau_loses_its_entities_lose() -> None:
    net = with_customs(clearance="RES", crime_areas=["DRG", "DRG.SYN"])

    net.fold(net.signed(ChangeKind.RIGHTS, ONE, **rights("OUO", (), ("DRG.COC",))))
    narrowed = customs(net)
    net.fold(net.signed(ChangeKind.RIGHTS, ONE, TWO, **rights("RES")))

    assert (narrowed.clearance, narrowed.purposes) == (Classification.OUO, frozenset())
    assert narrowed.crime_areas == {"DRG.COC"}
    assert customs(net) == narrowed  # what the bureau gets back it has yet to grant


def test_the_entities_of_a_suspended_bureau_are_held_back_with_it() -> None:
    net = with_customs()

    net.fold(net.signed(ChangeKind.STATUS, ONE, **status(Status.SUSPENDED)))
    held_back = customs(net).active
    with refused(Reason.NOT_AN_OFFICER):
        net.judge(net.signed(ChangeKind.ENTITY_GRANT, FRA.officer, **granted(CUSTOMS, net.now)))
    net.fold(net.signed(ChangeKind.STATUS, ONE, TWO, **status(Status.ACTIVE)))

    assert not held_back
    assert customs(net).active


def test_an_entity_that_was_suspended_itself_stays_so_when_its_bureau_is_back() -> None:
    net = with_customs()

    net.fold(net.signed(ChangeKind.STATUS, ONE, **status(Status.SUSPENDED, CUSTOMS)))
    net.fold(net.signed(ChangeKind.STATUS, ONE, **status(Status.SUSPENDED)))
    net.fold(net.signed(ChangeKind.STATUS, ONE, TWO, **status(Status.ACTIVE)))

    assert not customs(net).active


def test_an_entity_that_was_ended_is_ended_for_ever() -> None:
    net = with_customs()

    net.fold(net.signed(ChangeKind.ENTITY_END, FRA.officer, participant=CUSTOMS, reason="Merged with the police."))

    assert (customs(net).status, customs(net).grant, customs(net).active) == (Status.ENDED, None, False)
    assert CUSTOMS_OFFICER.public.kid in customs(net).keys
    for again in (
        net.signed(ChangeKind.ENTITY_GRANT, FRA.officer, **granted(CUSTOMS, net.now)),
        net.signed(ChangeKind.ENTITY_END, FRA.officer, participant=CUSTOMS),
        net.signed(ChangeKind.STATUS, ONE, TWO, **status(Status.ACTIVE, CUSTOMS)),
        net.signed(ChangeKind.ENTITY_ADMIT, FRA.officer, **entering(officers=admit()["officers"])),
    ):
        with refused(Reason.CHANGE_WRONG):
            net.judge(again)


# Whatever happens, and whatever one is shown of it


def harbour(members: list[str]) -> dict[str, Any]:
    stated = [{"participant": id, "from": instant.write(world.NOW)} for id in members]
    return {"group": "OP-HARBOUR", "name": "Harbour", "members": stated}


RANKS = st.sampled_from(["PUB", "OUO", "RES", "CON"])
PURPOSES = st.lists(st.sampled_from(["P1", "P3", "P4"]), unique=True, max_size=3)
AREAS = st.lists(st.sampled_from(["DRG", "DRG.SYN", "DRG.COC", "VEH"]), unique=True, max_size=3)

changes = st.one_of(
    st.builds(lambda c, p, a: (ChangeKind.RIGHTS, (ONE, TWO), rights(c, tuple(p), tuple(a))), RANKS, PURPOSES, AREAS),
    st.builds(
        lambda c, p, a: (
            ChangeKind.ENTITY_GRANT,
            (FRA.officer,),
            granted(CUSTOMS, world.NOW, clearance=c, purposes=p, crime_areas=a),
        ),
        RANKS,
        PURPOSES,
        AREAS,
    ),
    st.builds(
        lambda to, whom: (ChangeKind.STATUS, (ONE, TWO), status(to, whom)),
        st.sampled_from((Status.ACTIVE, Status.SUSPENDED)),
        st.sampled_from(("ncb-fra", CUSTOMS)),
    ),
    st.builds(
        lambda signers, members: (ChangeKind.GROUP, signers, harbour(members)),
        st.sampled_from(((ONE,), (ONE, TWO))),
        st.lists(st.sampled_from(("ncb-fra", "ncb-ita", CUSTOMS)), unique=True),
    ),
    st.builds(
        lambda signers, types: (ChangeKind.AGREEMENT, signers, agreed("agy-drugs", world.NOW, types=types)),
        st.sampled_from(((ONE,), (ONE, TWO))),
        st.lists(st.sampled_from(("message", "feedback")), unique=True),
    ),
    st.just((ChangeKind.ENTITY_ADMIT, (FRA.officer,), entering())),
    st.just((ChangeKind.ENTITY_END, (FRA.officer,), {"participant": CUSTOMS})),
    st.just((ChangeKind.KEY_ADD, (FRA.officer,), key_add(Use.OFFICER, participant=CUSTOMS))),
    st.just((ChangeKind.KEY_REVOKE, (FRA.officer,), key_revoke(CUSTOMS_OFFICER, CUSTOMS))),
)


@given(drawn=st.lists(changes, max_size=12))
@settings(max_examples=60)
def test_no_history_grants_an_entity_more_than_its_bureau_holds(drawn: list[Any]) -> None:
    net = with_customs()

    for kind, signers, content in drawn:
        signed = net.signed(kind, *signers, **content)
        outcome(lambda signed=signed: net.fold(signed))  # type: ignore[misc]
        entity, bureau = customs(net), net.directory.participants["ncb-fra"]
        assert within(entity, bureau)
        assert bureau.active or not entity.active


def seen_by(viewer: str, history: list[Entry], net: World) -> list[Entry]:
    """What this participant is shown of a history."""
    shown = []
    for entry in history:
        judged = participant.parse_change(_payload(entry), schemas=schemas(), origin=net.origin)
        about = net.directory.get(judged.participant)
        named = [one["participant"] for one in judged.content.get("members", ())]
        concerned = viewer in (judged.participant, None if about is None else about.bureau, *named)
        if judged.kind.public or concerned:
            shown.append(entry)
    return shown


def _payload(entry: Entry) -> bytes:
    return jose.decode(entry.signed.change.split(b".")[1])


def folded(net: World, history: list[Entry], *, partly: bool = True) -> Directory:
    directory = net.genesis.directory
    for entry in history:
        directory = participant.fold(
            directory, entry.signed, position=entry.position, at=entry.at, schemas=schemas(), partly=partly
        )
    return directory


def test_an_entity_cannot_know_whether_its_grant_lies_within() -> None:
    """The control of the law below: what its bureau holds is not shown to it."""
    net = with_customs()
    shown = seen_by(CUSTOMS, net.history, net)

    assert folded(net, shown).participants[CUSTOMS] == customs(net)
    with refused(Reason.HISTORY_WRONG):
        folded(net, shown, partly=False)


@given(drawn=st.lists(changes, max_size=12), viewer=st.sampled_from(("ncb-fra", CUSTOMS, "ncb-ita", "agy-drugs")))
@settings(max_examples=40)
def test_whatever_one_is_shown_of_a_history_it_folds(drawn: list[Any], viewer: str) -> None:
    """To the same keys; a reserved change that is kept from a client never makes another one impossible."""
    net = with_customs()
    for kind, signers, content in drawn:
        signed = net.signed(kind, *signers, **content)
        outcome(lambda signed=signed: net.fold(signed))  # type: ignore[misc]

    directory = folded(net, seen_by(viewer, net.history, net))

    assert directory.owners == net.directory.owners
    assert {who.id: who.keys for who in directory} == {who.id: who.keys for who in net.directory}


@given(
    ours=st.builds(lambda a: rights(areas=tuple(a)), AREAS), theirs=st.builds(lambda a: rights(areas=tuple(a)), AREAS)
)
def test_what_is_capped_lies_within_both(ours: Any, theirs: Any) -> None:
    one, other = (
        NETWORK.branch().fold(NETWORK.signed(ChangeKind.RIGHTS, ONE, TWO, **stated)).participants["ncb-fra"]
        for stated in (ours, theirs)
    )

    common = capped(one, other)

    assert within(common, one)
    assert within(common, other)
    assert capped(one, one) == one
