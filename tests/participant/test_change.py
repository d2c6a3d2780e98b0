"""Changes, approvals and the genesis, as they are written and as they are read."""

import json
from typing import Any

import pytest

from exchange import instant, jose, strictjson
from exchange.jose import SigningKey
from exchange.label import Classification, Tier
from exchange.participant import (
    CHANGE_LIMIT,
    Change,
    ChangeKind,
    SignedChange,
    Use,
    digest_of,
    parse_change,
    parse_genesis,
    policy_digest,
    write_change,
)
from exchange.participant.change import parse_approval, parse_key
from exchange.refusal import Reason
from tests import world
from tests.jose.forgery import malleated
from tests.refused import refused
from tests.world import NOW, ORIGIN, one_byte_changed, schemas

KEY = SigningKey.generate()
CONTENT = {"participant": "ncb-fra", "status": "suspended", "reason": "Its agreement is being renewed."}


def payload_of(token: bytes) -> bytes:
    return jose.decode(token.split(b".")[1])


def written(**members: Any) -> bytes:
    id = world.fresh_id()
    return write_change(ChangeKind.STATUS, origin=ORIGIN, id=id, made_at=NOW, key=KEY, **CONTENT | members)


def read(payload: bytes) -> Change:
    return parse_change(payload, schemas=schemas(), origin=ORIGIN)


def genesis(**members: Any) -> dict[str, Any]:
    own = world.found()
    return strictjson.parse_object(own.genesis.document, limit=CHANGE_LIMIT) | members


# Changes


def test_a_change_is_read_as_it_was_written() -> None:
    change = read(payload_of(written()))

    assert (change.kind, change.participant, change.made_at) == (ChangeKind.STATUS, "ncb-fra", NOW)
    assert {name: change.content[name] for name in CONTENT} == CONTENT


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda text: text[:-1] + b',"kind":"key.add"}', id="a second kind"),
        pytest.param(lambda text: b"\xef\xbb\xbf" + text, id="byte order mark"),
        pytest.param(lambda text: text.replace(b"renewed", b"\\ud800"), id="lone surrogate"),
        pytest.param(lambda text: text + b" " * CHANGE_LIMIT, id="too long"),
        pytest.param(lambda text: text[:-1], id="cut off"),
        pytest.param(lambda text: b"[" + text + b"]", id="a list"),
    ],
)
def test_a_change_in_other_json_is_refused(spoil: Any) -> None:
    with refused(Reason.JSON_MALFORMED):
        read(spoil(payload_of(written())))


@pytest.mark.parametrize(
    "members",
    [
        {"v": 2},
        {"v": True},
        {"id": "x"},
        {"kind": "participant.promote"},
        {"kind": "key.revoke"},
        {"made_at": "2026-11-20"},
        {"participant": "NCB-FRA"},
        {"status": "gone"},
        {"clearance": "CON"},
    ],
    ids=str,
)
def test_a_change_that_does_not_fit_its_kind_is_refused(members: dict[str, Any]) -> None:
    stated = json.loads(payload_of(written())) | members

    with refused(Reason.SCHEMA_VIOLATION):
        read(strictjson.write(stated))


def test_a_change_made_for_another_exchange_is_refused() -> None:
    token = write_change(
        ChangeKind.STATUS, origin="exchange.example", id=world.fresh_id(), made_at=NOW, key=KEY, **CONTENT
    )

    with refused(Reason.WRONG_EXCHANGE):
        read(payload_of(token))


def test_who_takes_part_and_with_which_keys_is_public_and_nothing_else() -> None:
    public = {ChangeKind.ADMIT, ChangeKind.ENTITY_ADMIT, ChangeKind.KEY_ADD, ChangeKind.KEY_REVOKE, ChangeKind.POLICY}

    assert {kind for kind in ChangeKind if kind.public} == public


def test_the_bytes_of_a_change_and_its_approvals_are_committed_to_as_one() -> None:
    own = world.found()
    change = written()
    first, second = (own.approval(change, key) for key in own.officers)
    signed = SignedChange(change=change, approvals=(first, second))

    committed = json.loads(signed.committed())

    assert committed == {"change": change.decode(), "approvals": [first.decode(), second.decode()]}
    assert signed.committed() != SignedChange(change=change, approvals=(second, first)).committed()


# Approvals


def test_an_approval_names_the_change_by_the_bytes_that_were_signed() -> None:
    own = world.found()
    change = written()

    approval = payload_of(own.approval(change, own.officers[0]))
    stated = json.loads(payload_of(change))["id"]

    assert parse_approval(approval, schemas=schemas(), origin=ORIGIN) == (stated, digest_of(change))
    assert digest_of(change) == digest_of(malleated(change))


def test_a_change_with_any_byte_changed_has_another_digest() -> None:
    change = written()
    signed, _, signature = change.rpartition(b".")

    digests = {digest_of(changed + b"." + signature) for changed in one_byte_changed(signed)}

    assert digest_of(change) not in digests
    assert len(digests) == len(signed)


def test_an_approval_for_another_exchange_is_refused() -> None:
    own = world.found()
    approval = own.approval(written(), own.officers[0], origin="exchange.example")

    with refused(Reason.WRONG_EXCHANGE):
        parse_approval(payload_of(approval), schemas=schemas(), origin=ORIGIN)


def test_a_change_is_no_approval_and_an_approval_no_change() -> None:
    own = world.found()
    change = written()
    approval = own.approval(change, own.officers[0])

    with refused(Reason.SCHEMA_VIOLATION):
        read(payload_of(approval))
    with refused(Reason.SCHEMA_VIOLATION):
        parse_approval(payload_of(change), schemas=schemas(), origin=ORIGIN)


# The genesis


def test_a_genesis_founds_a_directory_of_its_operator_alone() -> None:
    own = world.found()
    directory = own.genesis.directory
    operator = directory.participants[directory.operator]

    assert set(directory.participants) == {world.OPERATOR}
    assert (operator.tier, operator.clearance, operator.exercise) == (Tier.T0, Classification.PUB, True)
    assert set(operator.keys_for(Use.OFFICER)) == {key.public.kid for key in own.officers}
    assert set(operator.keys_for(Use.ACCESS)) == {own.access.public.kid}
    assert operator.keys_for(Use.MESSAGE) == {}
    assert (directory.version, directory.changes, own.genesis.trail_key) == (0, frozenset(), own.trail_key.vkey())


def test_a_genesis_where_one_key_stands_twice_is_refused() -> None:
    stated = genesis()
    operator = stated["operator"]
    operator["access"] = [operator["officers"][0]]

    with refused(Reason.HISTORY_WRONG):
        parse_genesis(strictjson.write(stated), schemas=schemas())


def test_a_genesis_with_one_officer_is_refused() -> None:
    stated = genesis()
    stated["operator"]["officers"].pop()

    with refused(Reason.SCHEMA_VIOLATION):
        parse_genesis(strictjson.write(stated), schemas=schemas())


def test_a_genesis_with_a_point_off_the_curve_is_refused() -> None:
    stated = genesis()
    jwk = stated["operator"]["officers"][0]["jwk"]
    jwk["x"], jwk["y"] = jwk["y"], jwk["x"]

    with refused(Reason.KEY_MALFORMED):
        parse_genesis(strictjson.write(stated), schemas=schemas())


# Keys and policies


def test_a_key_whose_time_is_over_before_it_begins_is_refused() -> None:
    now = instant.write(NOW)

    for before, after in ((now, now), (now, "2026-11-20T11:59:59Z")):
        with refused(Reason.CHANGE_WRONG):
            parse_key({"jwk": KEY.public.jwk, "not_before": before, "not_after": after}, Use.MESSAGE)


def test_a_policy_set_is_named_by_all_its_texts() -> None:
    texts = {"schema": "entity A;", "policies": {"a.cedar": "permit", "b.cedar": "forbid"}, "cases": {}}

    others: list[dict[str, Any]] = [
        texts | {"schema": "entity B;"},
        texts | {"policies": {"a.cedar": "forbid", "b.cedar": "permit"}},
        texts | {"policies": {"a.cedar": "permitforbid"}},
        texts | {"cases": {"a": ""}},
    ]

    assert policy_digest(dict(reversed(texts.items()))) == policy_digest(texts)
    assert len({policy_digest(t) for t in [texts, *others]}) == 5
