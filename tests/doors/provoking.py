"""How each reason is provoked over HTTP: one way for each, with a canary wherever the input has room for one.

`WAYS` is the table. Each way gets a house that all share, does what must not be done, and says who did it.
"""

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from sqlalchemy import create_engine, text

from exchange import instant, jose, strictjson
from exchange.jose import Kind, SigningKey
from exchange.participant import ChangeKind
from exchange.refusal import Reason
from tests import world as worlds
from tests.doors.house import AUDITOR, House, fresh_id
from tests.doors.visitor import JOSE, Visitor
from tests.network import shipped_texts, without_policy

CANARY = "canary-5e1f0c77"
_A_MOMENT = 1.5  # seconds: long enough to be granted something that is over then


@dataclass(frozen=True, slots=True)
class Provoked:
    """by: the participant that proved itself; nobody, where the request did not come that far."""

    answer: httpx.Response
    by: str = ""


Way = Callable[[House], Provoked]
WAYS: dict[Reason, Way] = {}


def provokes(reason: Reason) -> Callable[[Way], Way]:
    def enter(way: Way) -> Way:
        assert reason not in WAYS
        WAYS[reason] = way
        return way

    return enter


def paris(house: House) -> Visitor:
    """Carries the canary in a header of each of its requests."""
    visitor = house["ncb-fra"]
    visitor.http.headers["X-Canary"] = visitor.http.headers["User-Agent"] = CANARY
    return visitor


def posted(house: House, **members: Any) -> Provoked:
    """A message that is right but for these members; a label's members are added to a plain label."""
    visitor = paris(house)
    more = {"subject": CANARY, "body": {"text": CANARY}} | members
    return Provoked(visitor.send(visitor.write("ncb-ita", **more)), "ncb-fra")


def carried(house: House, change: bytes) -> Provoked:
    return Provoked(paris(house).post("/v1/directory/changes", change), "ncb-fra")


def changed(house: House, kind: ChangeKind, *officers: SigningKey, **content: Any) -> Provoked:
    signer = (*officers, *house.world.officers)[0]
    return carried(house, house.world.change(kind, signer, id=fresh_id(), made_at=datetime.now(UTC), **content))


def admission(id: str) -> dict[str, Any]:
    """As content of a change."""
    key = {"jwk": SigningKey.generate().public.jwk, **worlds.window(datetime.now(UTC))}
    return {
        "participant": id,
        "name": CANARY,
        "tier": "T1",
        "country": "UTO",
        "exercise": True,
        "officers": [key],
    }


@contextmanager
def database(house: House) -> Iterator[Any]:
    """A connection of somebody who has come into the database. Everything at once in force."""
    engine = create_engine(house.database, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection
    engine.dispose()


# At the edge


@provokes(Reason.BODY_TOO_LARGE)
def too_large(house: House) -> Provoked:
    return Provoked(paris(house).post("/v1/messages", CANARY.encode() * 20_000), "ncb-fra")


@provokes(Reason.FORM_MALFORMED)
def malformed(house: House) -> Provoked:
    return Provoked(paris(house).get("/v1/inbox", limit=CANARY), "ncb-fra")


@provokes(Reason.MEDIA_TYPE)
def media_type(house: House) -> Provoked:
    return Provoked(paris(house).post("/v1/messages", CANARY.encode(), f"text/{CANARY}"), "ncb-fra")


@provokes(Reason.METHOD_NOT_ALLOWED)
def method(house: House) -> Provoked:
    return Provoked(paris(house).http.delete(house.url + "/v1/inbox", params={"x": CANARY}))


@provokes(Reason.NOT_FOUND)
def not_found(house: House) -> Provoked:
    return Provoked(paris(house).get(f"/v1/messages/{CANARY}"), "ncb-fra")


@provokes(Reason.NOT_ALLOWED)
def not_allowed(house: House) -> Provoked:
    return Provoked(paris(house).get("/v1/trail/entries"), "ncb-fra")


@provokes(Reason.FAULT)
def fault(house: House) -> Provoked:
    """Somebody has changed a row: what it now says is not believed, and nobody foresaw who would ask for it."""
    item = paris(house).sent("ncb-ita", subject=CANARY)
    where = {"position": item["position"]}
    with database(house) as connection:
        kept = connection.execute(text("SELECT token FROM item WHERE position = :position"), where).scalar_one()
        change = text("UPDATE item SET token = :token WHERE position = :position")
        connection.execute(change, where | {"token": bytes(kept)[:-1] + bytes([bytes(kept)[-1] ^ 1])})
        try:
            return Provoked(paris(house).get(f"/v1/messages/{item['item']}"), "ncb-fra")
        finally:
            connection.execute(change, where | {"token": kept})


# Access


@provokes(Reason.ASSERTION_WRONG)
def assertion(house: House) -> Provoked:
    return Provoked(house.visitor("ncb-fra", access=SigningKey.generate()).ask_token(state=CANARY))


@provokes(Reason.GRANT_UNSUPPORTED)
def grant(house: House) -> Provoked:
    return Provoked(house.visitor("ncb-fra").ask_token(grant_type=CANARY))


@provokes(Reason.PROOF_OF_KEY_WRONG)
def proof(house: House) -> Provoked:
    visitor = paris(house)
    headers = visitor.headers("GET", "/v1/inbox") | {"DPoP": CANARY}
    return Provoked(visitor.http.get(house.url + "/v1/inbox", headers=headers))


@provokes(Reason.REPLAYED)
def replayed(house: House) -> Provoked:
    visitor = paris(house)
    headers = visitor.headers("GET", "/v1/directory")
    assert visitor.http.get(house.url + "/v1/directory", headers=headers).status_code == 200
    return Provoked(visitor.http.get(house.url + "/v1/directory", headers=headers))


@provokes(Reason.TOKEN_WRONG)
def token(house: House) -> Provoked:
    visitor = paris(house)
    headers = visitor.headers("GET", "/v1/inbox") | {"Authorization": f"DPoP {CANARY}"}
    return Provoked(visitor.http.get(house.url + "/v1/inbox", headers=headers))


# The gate


@provokes(Reason.JWS_MALFORMED)
def jws_malformed(house: House) -> Provoked:
    return Provoked(paris(house).post("/v1/messages", CANARY.encode()), "ncb-fra")


@provokes(Reason.JWS_HEADER)
def jws_header(house: House) -> Provoked:
    visitor = paris(house)
    signed = jose.sign(
        strictjson.write(visitor.write("ncb-ita", subject=CANARY)), Kind.ACKNOWLEDGEMENT, visitor.message
    )
    return Provoked(visitor.post("/v1/messages", signed), "ncb-fra")


@provokes(Reason.UNKNOWN_KEY)
def unknown_key(house: House) -> Provoked:
    visitor = house.visitor("ncb-fra", message=house.world["ncb-ita"].message)
    return Provoked(visitor.send(visitor.write("ncb-ita", subject=CANARY)), "ncb-fra")


@provokes(Reason.BAD_SIGNATURE)
def bad_signature(house: House) -> Provoked:
    own, others = house.world["ncb-fra"].message, house.world["ncb-ita"].message
    visitor = house.visitor("ncb-fra", message=replace(others, public=own.public))
    return Provoked(visitor.send(visitor.write("ncb-ita", subject=CANARY)), "ncb-fra")


@provokes(Reason.KEY_NOT_VALID)
def key_not_valid(house: House) -> Provoked:
    member = house.newcomer(f"ncb-u{secrets.token_hex(3)}")
    revoked = {"participant": member.id, "kid": member.message.public.kid, "reason": "lost"}
    house.change(ChangeKind.KEY_REVOKE, member.officer, **revoked)
    visitor = house[member.id]
    return Provoked(visitor.send(visitor.write("ncb-ita", subject=CANARY)), member.id)


@provokes(Reason.KEY_MALFORMED)
def key_malformed(house: House) -> Provoked:
    jwk = SigningKey.generate().public.jwk | {"y": jose.encode(bytes(32))}
    content = {"participant": "ncb-fra", "use": "message", "jwk": jwk, **worlds.window(datetime.now(UTC))}
    return changed(house, ChangeKind.KEY_ADD, house.world["ncb-fra"].officer, **content)


# The content


@provokes(Reason.JSON_MALFORMED)
def json_malformed(house: House) -> Provoked:
    visitor = paris(house)
    twice = f'{{"subject":"{CANARY}","subject":"{CANARY}"}}'.encode()
    return Provoked(visitor.post("/v1/messages", jose.sign(twice, Kind.MESSAGE, visitor.message)), "ncb-fra")


@provokes(Reason.SCHEMA_VIOLATION)
def schema_violation(house: House) -> Provoked:
    return posted(house, **{CANARY: CANARY, "case_ref": f"{CANARY} {CANARY}"})


@provokes(Reason.UNKNOWN_TYPE)
def unknown_type(house: House) -> Provoked:
    return posted(house, type=CANARY)


@provokes(Reason.LABEL_INCOMPLETE)
def label_incomplete(house: House) -> Provoked:
    visitor = paris(house)
    document = visitor.write("ncb-ita", subject=CANARY)
    del document["label"]["classification"]
    return Provoked(visitor.send(document), "ncb-fra")


@provokes(Reason.LABEL_FOREIGN)
def label_foreign(house: House) -> Provoked:
    return posted(house, label={"policy": f"urn:{CANARY}:1"})


@provokes(Reason.LABEL_INCONSISTENT)
def label_inconsistent(house: House) -> Provoked:
    return posted(house, label={"releasable_to": {"mode": "ALL_MINUS"}})


@provokes(Reason.PERSON_STATUS_MISSING)
def person_status(house: House) -> Provoked:
    return posted(house, entities=[{"kind": "person", "names": [CANARY]}])


@provokes(Reason.PURPOSE_MISSING)
def purpose(house: House) -> Provoked:
    return posted(house, label={"classification": "RES"})


@provokes(Reason.SEALING_REQUIRED)
def sealing(house: House) -> Provoked:
    return posted(house, label={"classification": "CON", "purpose": ["P3"]})


@provokes(Reason.WRONG_EXCHANGE)
def wrong_exchange(house: House) -> Provoked:
    return posted(house, aud=f"exchange.example/{CANARY}")


@provokes(Reason.NOT_THE_SENDER)
def not_the_sender(house: House) -> Provoked:
    return posted(house, label={"originator": f"ncb-{CANARY}"})


@provokes(Reason.OUT_OF_TIME)
def out_of_time(house: House) -> Provoked:
    old = datetime.now(UTC) - timedelta(days=8)
    return posted(house, id=worlds.fresh_id(old), sent_at=instant.write(old))


@provokes(Reason.UNKNOWN_REFERENCE)
def unknown_reference(house: House) -> Provoked:
    return posted(house, thread=f"ncb-{CANARY}:{fresh_id()}")


# Policy and routing


@provokes(Reason.DENIED)
def denied(house: House) -> Provoked:
    child = {"kind": "person", "person_status": "MIS", "names": [CANARY]}
    return posted(house, label={"handling": ["MINOR", "EXERCISE"]}, entities=[child])


@provokes(Reason.NOT_CLEARED)
def not_cleared(house: House) -> Provoked:
    visitor = house["ncb-bra"]
    label = {"classification": "RES", "purpose": ["P3"]}
    return Provoked(visitor.send(visitor.write("ncb-ita", label=label, subject=CANARY)), "ncb-bra")


CUSTOMS = "ent-fra-customs"


def posted_by_customs(house: House, **granted: Any) -> Provoked:
    """By an entity with this grant, which has its own again afterwards."""
    customs = house[CUSTOMS]
    customs.http.headers["X-Canary"] = CANARY
    house.let(CUSTOMS, **granted)
    try:
        time.sleep(_A_MOMENT)
        return Provoked(customs.send(customs.write("ncb-fra", subject=CANARY)), CUSTOMS)
    finally:
        house.let(CUSTOMS)


@provokes(Reason.SCOPE)
def beyond_its_scope(house: House) -> Provoked:
    return posted_by_customs(house, scopes=["*/read", "feedback/submit"])


@provokes(Reason.GRANT_STALE)
def not_reviewed(house: House) -> Provoked:
    return posted_by_customs(house, review_by=instant.write(datetime.now(UTC) + timedelta(seconds=_A_MOMENT)))


@provokes(Reason.NO_AGREEMENT)
def beyond_its_agreement(house: House) -> Provoked:
    agency = house["agy-drugs"]
    house.agree("agy-drugs", types=["feedback"])
    try:
        return Provoked(agency.send(agency.write("ncb-fra", subject=CANARY)), "agy-drugs")
    finally:
        house.agree("agy-drugs")


@provokes(Reason.UNKNOWN_RECIPIENT)
def unknown_recipient(house: House) -> Provoked:
    return posted(house, recipients=[{"participant": f"ncb-{CANARY}"}])


@provokes(Reason.NO_RECIPIENTS)
def no_recipients(house: House) -> Provoked:
    return posted(house, recipients=[{"participant": "ncb-fra"}])


# What stands already


@provokes(Reason.ID_REUSED)
def id_reused(house: House) -> Provoked:
    first = paris(house).sent("ncb-ita")
    return posted(house, id=first["document"]["id"], sent_at=first["document"]["sent_at"])


@provokes(Reason.ERASED)
def erased(house: House) -> Provoked:
    """Erasing comes with a later issue; its mark in the database is there."""
    first = paris(house).sent("ncb-ita", subject=CANARY)
    with database(house) as connection:
        mark = text("UPDATE item SET erased_at = :position WHERE position = :position")
        connection.execute(mark, {"position": first["position"]})
    return Provoked(paris(house).post("/v1/messages", first["jws"].encode()), "ncb-fra")


@provokes(Reason.CURSOR_WRONG)
def cursor(house: House) -> Provoked:
    return Provoked(paris(house).get("/v1/inbox", cursor=CANARY), "ncb-fra")


@provokes(Reason.RANGE_WRONG)
def range_wrong(house: House) -> Provoked:
    return Provoked(paris(house).get("/v1/trail/inclusion", position=0, size=10**9), "ncb-fra")


# Acts upon items


@provokes(Reason.RECALLED)
def recalled(house: House) -> Provoked:
    sent = paris(house).sent("ncb-ita", subject=CANARY)
    paris(house).recall(sent)
    again = paris(house).write_act("recall", sent, {"ground": "COURT", "action": "RETURN", "note": CANARY})
    return Provoked(paris(house).send(again), "ncb-fra")


@provokes(Reason.ACT_WRONG)
def act_wrong(house: House) -> Provoked:
    recall = paris(house).recall(paris(house).sent("ncb-ita", subject=CANARY))
    of_it = paris(house).write_act("recall", recall, {"ground": "ERROR", "action": "DELETE", "note": CANARY})
    return Provoked(paris(house).send(of_it), "ncb-fra")


@provokes(Reason.ORIGINATOR_CONTROL)
def originator_control(house: House) -> Provoked:
    sent = paris(house).sent("ncb-ita", subject=CANARY, label={"handling": ["EXERCISE", "ORCON"]})
    rome = house["ncb-ita"]
    return Provoked(rome.forward(rome.write_forward(sent, "ncb-deu", subject=CANARY)), "ncb-ita")


@provokes(Reason.NOT_TO_ALL)
def not_to_all(house: House) -> Provoked:
    document = paris(house).write("ncb-ita", AUDITOR, subject=CANARY, delivery={"mode": "all-or-none"})
    return Provoked(paris(house).send(document), "ncb-fra")


@provokes(Reason.DUTIES_MISSING)
def duties_missing(house: House) -> Provoked:
    sent = paris(house).sent("ncb-ita", subject=CANARY, label={"handling": ["H1", "EXERCISE"]})
    return Provoked(house["ncb-ita"].acknowledge(sent["item"], user=CANARY), "ncb-ita")


# The directory and its officers


@provokes(Reason.CHANGE_WRONG)
def change_wrong(house: House) -> Provoked:
    return changed(house, ChangeKind.ADMIT, **admission("ncb-ita"))


@provokes(Reason.NOT_AN_OFFICER)
def not_an_officer(house: House) -> Provoked:
    return changed(house, ChangeKind.ADMIT, house.world["ncb-fra"].officer, **admission(f"ncb-{CANARY}"))


@provokes(Reason.BEYOND_GRANT)
def beyond_grant(house: House) -> Provoked:
    content = {name: value for name, value in admission(f"ent-{CANARY}").items() if name != "tier"}
    return changed(house, ChangeKind.ENTITY_ADMIT, house.world["ncb-fra"].officer, **content, bureau="ncb-fra")


@provokes(Reason.ALREADY_APPROVED)
def already_approved(house: House) -> Provoked:
    officer = house.world.officers[0]
    content = admission(f"ncb-u{secrets.token_hex(3)}")
    change = house.world.change(ChangeKind.ADMIT, officer, id=fresh_id(), made_at=datetime.now(UTC), **content)
    proposed = paris(house).post("/v1/directory/changes", change)
    assert proposed.status_code == 202
    at = f"/v1/directory/changes/{proposed.json()['change']}/approvals"
    return Provoked(paris(house).post(at, house.world.approval(change, officer)), "ncb-fra")


@provokes(Reason.POLICY_WRONG)
def policy_wrong(house: House) -> Provoked:
    broken = shipped_texts().document | {"policies": {"broken.cedar": f"permit(principal, action, {CANARY});"}}
    return changed(house, ChangeKind.POLICY, policy=broken)


@provokes(Reason.POLICY_CASES_FAILED)
def cases_failed(house: House) -> Provoked:
    weaker = without_policy(shipped_texts(), "R09").document
    cases = {name: f"# {CANARY}\n{cases}" for name, cases in weaker["cases"].items()}
    return changed(house, ChangeKind.POLICY, policy=weaker | {"cases": cases})


def waits_for(condition: Callable[[], bool], seconds: float = 20) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.02)
    return condition()


def slowly(visitor: Visitor, path: str, parts: Iterator[bytes]) -> httpx.Response:
    """A body that comes in parts, with no length stated."""
    headers = visitor.headers("POST", path) | {"Content-Type": JOSE}
    return visitor.http.post(visitor.url + path, content=parts, headers=headers)
