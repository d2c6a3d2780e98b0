"""The officers' door: changes by who may make them, as often as they are sent, shown to whom they concern."""

import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx

from exchange import jose, receipt, strictjson
from exchange.client import Client
from exchange.jose import SigningKey
from exchange.leaf import Field
from exchange.note import TrailVerifier
from exchange.participant import ChangeKind, SignedChange, digest_of
from exchange.policy import PolicyTexts
from tests.doors.house import AUDITOR, House, fresh_id
from tests.doors.provoking import admission
from tests.doors.visitor import Visitor
from tests.network import shipped_texts, without_policy

Own = Callable[..., House]

CHANGES = "/v1/directory/changes"


def signed(house: House, kind: ChangeKind, officer: SigningKey, **content: Any) -> bytes:
    return house.world.change(kind, officer, id=fresh_id(), made_at=datetime.now(UTC), **content)


def content(change: bytes) -> dict[str, Any]:
    return strictjson.parse_object(jose.decode(change.split(b".")[1]), limit=1 << 20)


def unheard_of() -> str:
    return f"ncb-u{secrets.token_hex(4)}"


def approved(house: House, visitor: Visitor, change: bytes, officer: SigningKey) -> httpx.Response:
    id = content(change)["id"]
    return visitor.post(f"{CHANGES}/{id}/approvals", house.world.approval(change, officer))


def pending(house: House) -> list[str]:
    """Ids, as the operator is shown them."""
    return [one["id"] for one in house["one"].get(CHANGES).json()["pending"]]


def taking_part(house: House, viewer: str = "ncb-ita") -> dict[str, dict[str, Any]]:
    return {one["id"]: one for one in house[viewer].get("/v1/directory").json()["participants"]}


# Two officers to widen, one to narrow


def test_an_admission_waits_for_a_second_officer(house: House) -> None:
    first, second = house.world.officers
    id = unheard_of()
    change = signed(house, ChangeKind.ADMIT, first, **admission(id))

    proposed = house["one"].post(CHANGES, change)
    waits, waiting = pending(house), taking_part(house)
    applied = approved(house, house["two"], change, second)

    assert (proposed.status_code, proposed.json()["state"], proposed.json()["missing"]) == (202, "pending", 1)
    assert proposed.json()["change"] in waits
    assert id not in waiting
    assert (applied.status_code, applied.json()["state"]) == (201, "applied")
    assert id in taking_part(house)
    assert proposed.json()["change"] not in pending(house)


def test_one_officer_suffices_to_narrow_and_not_to_widen_again(house: House) -> None:
    first, second = house.world.officers
    id = house.newcomer(unheard_of()).id

    suspended = house["one"].post(CHANGES, signed(house, ChangeKind.STATUS, first, participant=id, status="suspended"))
    reinstating = signed(house, ChangeKind.STATUS, first, participant=id, status="active")
    proposed = house["one"].post(CHANGES, reinstating)
    applied = approved(house, house["one"], reinstating, second)

    assert [answer.status_code for answer in (suspended, proposed, applied)] == [201, 202, 201]


def test_a_repeat_gets_its_first_answer(house: House) -> None:
    first, second = house.world.officers
    change = signed(house, ChangeKind.ADMIT, first, **admission(unheard_of()))

    proposed = [house["one"].post(CHANGES, change) for _ in range(2)]
    applied = [approved(house, house["one"], change, second) for _ in range(2)]
    after = house["one"].post(CHANGES, change)

    assert [answer.status_code for answer in proposed] == [202, 202]
    assert [answer.status_code for answer in applied] == [201, 201]
    assert proposed[0].json()["receipt"]["leaf"] == proposed[1].json()["receipt"]["leaf"]
    assert applied[0].json()["receipt"]["leaf"] == applied[1].json()["receipt"]["leaf"]
    assert (after.status_code, after.json()["receipt"]["leaf"]) == (201, applied[0].json()["receipt"]["leaf"])


def test_an_approval_of_what_does_not_wait_is_not_found(house: House) -> None:
    change = signed(house, ChangeKind.ADMIT, house.world.officers[0], **admission(unheard_of()))

    answer = approved(house, house["one"], change, house.world.officers[1])

    assert answer.json()["reason"] == "NOT_FOUND"


def test_an_approval_is_of_these_very_bytes(house: House) -> None:
    first, second = house.world.officers
    change, other = (signed(house, ChangeKind.ADMIT, first, **admission(unheard_of())) for _ in range(2))
    id = house["one"].post(CHANGES, change).json()["change"]
    at = f"{CHANGES}/{id}/approvals"

    answers = [
        house["one"].post(at, house.world.approval(other, second)),
        house["one"].post(at, house.world.approval(change, second, digest=digest_of(other))),
        house["one"].post(at, house.world.approval(change, second, origin="exchange.example/other")),
        house["one"].post(at, house.world.approval(change, first)),
        house["one"].post(at, house.world.approval(change, house.world["ncb-fra"].officer)),
        house["one"].post(at, house.world.approval(change, house.world["ncb-fra"].message)),
    ]

    assert [answer.json()["reason"] for answer in answers] == [
        "CHANGE_WRONG",
        "CHANGE_WRONG",
        "WRONG_EXCHANGE",
        "ALREADY_APPROVED",
        "NOT_AN_OFFICER",
        "UNKNOWN_KEY",
    ]
    assert id in pending(house)


def test_a_participants_officer_rules_over_its_own_keys_only(house: House) -> None:
    mine, other = house.newcomer(unheard_of()), house.newcomer(unheard_of())
    window = {"not_before": "2026-01-01T00:00:00Z", "not_after": "2030-01-01T00:00:00Z"}

    def key_added(officer: SigningKey, **content: Any) -> httpx.Response:
        jwk = SigningKey.generate().public.jwk
        key = {"participant": mine.id, "use": "message", "jwk": jwk, **window} | content
        return house["one"].post(CHANGES, signed(house, ChangeKind.KEY_ADD, officer, **key))

    revoked = {"participant": mine.id, "kid": mine.message.public.kid, "reason": "lost"}
    answers = [
        key_added(mine.officer),
        key_added(other.officer),
        key_added(house.world.officers[0]),
        key_added(mine.officer, jwk=other.message.public.jwk),
        key_added(mine.officer, use="officer"),
        house["one"].post(CHANGES, signed(house, ChangeKind.KEY_REVOKE, other.officer, **revoked)),
        house["one"].post(CHANGES, signed(house, ChangeKind.KEY_REVOKE, mine.officer, **revoked)),
    ]

    assert [answer.json().get("reason", answer.status_code) for answer in answers] == [
        201,
        "NOT_AN_OFFICER",
        "NOT_AN_OFFICER",
        "CHANGE_WRONG",
        "NOT_AN_OFFICER",
        "NOT_AN_OFFICER",
        201,
    ]


def test_whoever_carries_a_change_adds_nothing_to_it(house: House) -> None:
    """Carried by a stranger to it, it is in force as it was signed; what the carrier signs counts for nothing."""
    first, second = house.world.officers
    change = signed(house, ChangeKind.ADMIT, first, **admission(unheard_of()))

    carried = house["ncb-bra"].post(CHANGES, change)
    applied = approved(house, house["agy-drugs"], change, second)

    assert (carried.status_code, applied.status_code) == (202, 201)


def test_the_receipt_of_a_change_proves_it(house: House) -> None:
    first, second = house.world.officers
    change = signed(house, ChangeKind.ADMIT, first, **admission(unheard_of()))
    house["one"].post(CHANGES, change)
    approval = house.world.approval(change, second)
    id = content(change)["id"]
    answer = house["one"].post(f"{CHANGES}/{id}/approvals", approval).json()

    proven = receipt.verify(answer["receipt"], TrailVerifier.from_vkey(house.world.trail_key.vkey()))

    assert proven.opens(Field.CHANGE, SignedChange(change=change, approvals=(approval,)).committed())


# Who is shown what


def test_reserved_changes_are_shown_to_those_they_concern(house: House) -> None:
    house.grant("ncb-bra", "OUO")

    def kinds(viewer: str, about: str) -> set[str]:
        shown = house[viewer].get(CHANGES).json()["changes"]
        stated = [content(one["change"].encode()) for one in shown]
        return {one["kind"] for one in stated if one.get("participant") == about}

    public, reserved = {"participant.admit", "key.add"}, {"participant.rights"}
    assert kinds("ncb-ita", "ncb-bra") == kinds("agy-drugs", "ncb-bra") == public
    assert kinds("ncb-bra", "ncb-bra") == kinds(AUDITOR, "ncb-bra") == kinds("one", "ncb-bra") == public | reserved


def test_a_grant_is_shown_to_the_entity_and_its_bureau(house: House) -> None:
    def kinds(viewer: str) -> set[str]:
        stated = [content(one["change"].encode()) for one in house[viewer].get(CHANGES).json()["changes"]]
        return {one["kind"] for one in stated if one.get("participant") == "ent-fra-customs"}

    shown = {viewer: taking_part(house, viewer)["ent-fra-customs"] for viewer in ("ncb-fra", "ncb-ita", "prt-museum")}

    assert kinds("ncb-ita") == kinds("prt-museum") == {"entity.admit", "key.add"}
    for viewer in ("ncb-fra", "ent-fra-customs", AUDITOR, "one"):
        assert kinds(viewer) == {"entity.admit", "entity.grant", "key.add"}
    assert shown["ncb-fra"]["grant"]["scopes"] == ["*/forward", "*/read", "*/submit"]
    assert [one["bureau"] for one in shown.values()] == ["ncb-fra"] * 3
    assert not {"grant", "status", "purposes"} & (set(shown["ncb-ita"]) | set(shown["prt-museum"]))


def test_a_leaf_of_a_reserved_change_does_not_name_whom_it_concerns(house: House) -> None:
    recorded = house.change(
        ChangeKind.RIGHTS, participant="ncb-bra", clearance="OUO", purposes=["P3"], crime_areas=["DRG"]
    )

    assert "ncb-bra" not in recorded["receipt"]["leaf"]


def test_clearance_is_shown_to_bureaus_and_rights_to_nobody_else(house: House) -> None:
    shown = {viewer: taking_part(house, viewer)["ncb-fra"] for viewer in ("ncb-ita", "agy-drugs", "ent-fra-customs")}

    assert shown["ncb-ita"]["clearance"] == "RES"
    assert "clearance" not in shown["agy-drugs"]
    assert "clearance" not in shown["ent-fra-customs"]
    for entry in shown.values():
        assert not {"status", "purposes", "crime_areas"} & set(entry)
    for viewer in ("ncb-fra", AUDITOR, "one"):
        assert taking_part(house, viewer)["ncb-fra"]["status"] == "active"


def test_what_waits_is_shown_to_the_operator_only(house: House) -> None:
    for viewer in ("ncb-ita", "agy-drugs", AUDITOR):
        assert "pending" not in house[viewer].get(CHANGES).json()


def test_changes_come_in_pages(house: House) -> None:
    whole = house["ncb-ita"].get(CHANGES).json()["changes"]
    found: list[dict[str, Any]] = []
    after: int | None = 0

    while after is not None:
        page = house["ncb-ita"].get(CHANGES, after=after, limit=7).json()
        found, after = found + page["changes"], page["next"]

    assert found == whole


async def test_every_participant_folds_the_same_keys(house: House) -> None:
    listed = {id: {key["kid"] for key in one["keys"]} for id, one in taking_part(house).items()}

    async with Client.open(house.profile("agy-wildlife")) as client:
        directory = await client.directory()

    assert {who.id: set(who.keys) for who in directory} == listed


# Policy sets


def activated(house: House, texts: PolicyTexts) -> httpx.Response:
    first, second = house.world.officers
    change = signed(house, ChangeKind.POLICY, first, policy=texts.document)
    answer = house["one"].post(CHANGES, change)
    return approved(house, house["one"], change, second) if answer.status_code == 202 else answer


def stricter() -> PolicyTexts:
    """The shipped set and one rule more, with its cases."""
    texts = shipped_texts()
    rule = (
        '@id("R99") @source("a test") @verified("own") @tell("sender") @says("agencies do not post restricted items")\n'
        'forbid(principal, action in [Action::"Submit", Action::"SubmitForReview"], resource)\n'
        'when { principal.tier == Tier::"T3" && resource.rank == 2 };\n'
    )
    cases = (
        "who | asks | of what | being | answer | by\n"
        "T3 RES | submit | RES | - | DENY | R99\n"
        "T3 RES | submit | OUO | - | ALLOW | may-submit\n"
    )
    policies = {**texts.policies, "today.cedar": rule}
    return PolicyTexts(schema=texts.schema, policies=policies, cases={**texts.cases, "today.cases": cases})


def restricted(house: House) -> httpx.Response:
    agency = house["agy-drugs"]
    return agency.send(agency.write("ncb-ita", label={"classification": "RES", "purpose": ["P3"]}))


def test_a_policy_set_is_in_force_for_the_next_message(own: Own) -> None:
    house = own()
    with house.opened():
        before = restricted(house)

        activation = activated(house, stricter())
        after = restricted(house)
        digest = house["ncb-ita"].get("/v1/directory").json()["policy"]
        texts = house["ncb-ita"].get(f"/v1/policies/{digest}")

    assert before.status_code == 201
    assert activation.status_code == 201, activation.text
    assert (after.json()["reason"], after.json()["rules"]) == ("DENIED", ["R99"])
    assert digest == stricter().digest
    assert texts.json() == {"digest": digest, **stricter().document}


def test_a_policy_set_that_was_in_force_can_still_be_read(own: Own) -> None:
    house = own()
    with house.opened():
        first = shipped_texts().digest
        activated(house, stricter())

        answers = [house["ncb-ita"].get(f"/v1/policies/{digest}") for digest in (first, "0" * 64, "nonsense")]

    assert [answer.status_code for answer in answers] == [200, 404, 404]


def test_a_policy_set_that_fails_its_cases_is_not_even_proposed(house: House) -> None:
    weaker, broken = without_policy(shipped_texts(), "R09"), shipped_texts()
    broken = PolicyTexts(schema=broken.schema, policies={"x.cedar": "permit(principal, action, nothing);"}, cases={})
    size, waiting = house.size, pending(house)

    answers = [activated(house, texts) for texts in (weaker, broken)]

    assert [answer.json()["reason"] for answer in answers] == ["POLICY_CASES_FAILED", "POLICY_WRONG"]
    assert pending(house) == waiting
    assert all(e["leaf"]["event"] != "directory.proposed" for e in house.leaves(size - 1))


def test_a_gateway_that_starts_anew_has_the_policy_that_was_activated(own: Own) -> None:
    house = own()
    with house.opened():
        activated(house, stricter())

    with house.opened():
        answer = restricted(house)

    assert answer.json()["rules"] == ["R99"]
