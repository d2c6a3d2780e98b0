"""Every reason of docs/reasons.md can be provoked, and is answered in its form: recorded, proven, echoing nothing."""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from exchange import leaf, note, participant, receipt
from exchange.merkle import Frontier, leaf_hash, verify_inclusion
from exchange.note import TrailVerifier
from exchange.participant import ChangeKind, SignedChange
from exchange.refusal import Reason
from exchange.web.problem import STATUS
from tests import gateway as gateways
from tests import world as worlds
from tests.doors import provoking
from tests.doors.house import AUDITOR, House
from tests.doors.provoking import CANARY, WAYS, Provoked, database, paris, slowly, waits_for
from tests.refused import refused
from tests.world import World

Own = Callable[..., House]

# Those that need an exchange of their own, with narrow limits or in trouble: a test below for each.
IN_TROUBLE = {
    Reason.BODY_TOO_SLOW,
    Reason.OVERLOADED,
    Reason.STORE_UNAVAILABLE,
    Reason.TOO_MANY_REQUESTS,
    Reason.TOO_MANY_RECIPIENTS,
}
# Those that an exchange never answers: found out by whoever checks its proofs. A test below for each.
BY_WHOEVER_CHECKS = {Reason.PROOF_WRONG, Reason.CHECKPOINT_WRONG, Reason.LEAF_MALFORMED, Reason.HISTORY_WRONG}

# What the exchange itself could not do is no act of the caller's.
NOT_RECORDED = {Reason.FAULT, Reason.OVERLOADED, Reason.STORE_UNAVAILABLE}


def test_every_reason_has_somebody_who_provokes_it() -> None:
    assert set(WAYS) | IN_TROUBLE | BY_WHOEVER_CHECKS == set(Reason)
    assert len(WAYS) + len(IN_TROUBLE) + len(BY_WHOEVER_CHECKS) == len(Reason)


@pytest.mark.parametrize("reason", WAYS, ids=lambda reason: reason.code)
def test_a_reason_is_answered_in_its_form(reason: Reason, house: House) -> None:
    size, said = house.size, len(house.served.log)

    provoked = WAYS[reason](house)

    hold_to_form(provoked, reason)
    hold_to_record(house, provoked, reason, since=size)
    assert CANARY not in house.served.log[said:]


def hold_to_form(provoked: Provoked, reason: Reason) -> dict[str, Any]:
    answer = provoked.answer
    assert answer.json().get("reason") == reason.code, answer.text
    problem: dict[str, Any] = answer.json()
    assert answer.status_code == problem["status"] == STATUS[reason]
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert problem["type"] == f"urn:exchange:refusal:{reason.code}"
    assert (problem["title"], problem["detail"]) == (reason.says, reason.mend)
    assert len(problem["ticket"]) >= 16
    assert ("retry-after" in answer.headers) == (answer.status_code in (429, 503))
    assert ("www-authenticate" in answer.headers) == (answer.status_code == 401)
    if reason.rule is not None:
        assert problem["rules"] == [reason.rule.id]
    assert_no_echo(answer)
    return problem


def assert_no_echo(answer: httpx.Response) -> None:
    headers = "\n".join(f"{name}: {value}" for name, value in answer.headers.items())
    assert CANARY not in answer.text
    assert CANARY not in headers


def hold_to_record(house: House, provoked: Provoked, reason: Reason, *, since: int) -> None:
    """A leaf under the ticket for whoever proved itself, with a receipt that proves it; for nobody else."""
    problem = provoked.answer.json()
    recorded = [e for e in house.leaves(since - 1) if e["leaf"]["event"] == "request.refused"]
    if not provoked.by or reason in NOT_RECORDED:
        assert "receipt" not in problem
        assert recorded == []
        return

    (entry,) = [e for e in recorded if e["leaf"]["object"] == problem["ticket"]]
    stated = entry["leaf"]
    assert (stated["actor"], stated["type"]) == (provoked.by, reason.code)
    assert stated.get("rules", []) == problem.get("rules", [])
    assert CANARY not in json.dumps(stated)
    assert entry["openings"]["reason"]["text"].startswith(f"{provoked.answer.request.method} /v1/")
    assert entry["openings"]["user"]["text"] == "u-117"
    proven = receipt.verify(problem["receipt"], TrailVerifier.from_vkey(house.world.trail_key.vkey()))
    assert proven.position == entry["position"]


# In trouble


def test_a_body_that_comes_too_slowly_is_cut_off(own: Own) -> None:
    house = own(EXCHANGE_LIMITS__BODY_SECONDS="0.4")

    def drops() -> Iterator[bytes]:
        for _ in range(100):
            yield CANARY.encode()
            time.sleep(0.1)

    with house.opened():
        since, began = house.size, time.monotonic()
        provoked = Provoked(slowly(paris(house), "/v1/messages", drops()), "ncb-fra")

        assert time.monotonic() - began < 5
        assert provoked.answer.headers["connection"] == "close"
        hold_to_form(provoked, Reason.BODY_TOO_SLOW)
        hold_to_record(house, provoked, Reason.BODY_TOO_SLOW, since=since)


def test_a_queue_that_is_full_turns_away_and_loses_nobody(own: Own) -> None:
    house = own(EXCHANGE_LIMITS__QUEUE="16")
    lock = "BEGIN IMMEDIATE" if house.database.startswith("sqlite") else "BEGIN; SELECT size FROM head FOR UPDATE"
    with house.opened():
        visitor = paris(house)
        tokens = [visitor.sign(visitor.write("ncb-ita", subject=CANARY)) for _ in range(60)]
        visitor.token  # noqa: B018  asked for while there is room
        with database(house) as connection, ThreadPoolExecutor(60) as pool:
            for statement in lock.split("; "):
                connection.exec_driver_sql(statement)
            posts = [pool.submit(visitor.post, "/v1/messages", token) for token in tokens]
            assert waits_for(lambda: any(post.done() for post in posts))
            connection.exec_driver_sql("ROLLBACK")
            answers = [post.result() for post in posts]
        again = [visitor.post("/v1/messages", token).status_code for token in tokens]

    overloaded = [answer for answer in answers if answer.status_code == 503]
    assert overloaded
    hold_to_form(Provoked(overloaded[0], "ncb-fra"), Reason.OVERLOADED)
    assert {answer.status_code for answer in answers} == {201, 503}
    assert (again.count(201), again.count(200)) == (len(overloaded), len(answers) - len(overloaded))


@pytest.mark.parametrize("store", ["postgresql"], indirect=True)
def test_a_database_that_is_away_is_said_and_found_again(own: Own) -> None:
    house = own()
    with house.opened():
        first = house["ncb-fra"].sent("ncb-ita")
        server, name = house.database.rsplit("/", 1)
        with_server = House(served=house.served, world=house.world, database=f"{server}/postgres")
        with database(with_server) as admin:
            admin.execute(text(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false'))
            admin.execute(
                text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :n"), {"n": name}
            )
            posted = Provoked(paris(house).send(paris(house).write("ncb-ita", subject=CANARY)), "ncb-fra")
            read = Provoked(paris(house).get(f"/v1/messages/{first['item']}"))
            ready = paris(house).http.get(house.url + "/readyz")
            admin.execute(text(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true'))

        hold_to_form(posted, Reason.STORE_UNAVAILABLE)
        hold_to_form(read, Reason.STORE_UNAVAILABLE)
        assert ready.status_code == 503
        assert waits_for(lambda: paris(house).send(paris(house).write("ncb-ita")).status_code == 201)
        assert paris(house).http.get(house.url + "/readyz").status_code == 200


def test_a_store_whose_writer_has_ended_is_said_to_be_away(own: Own) -> None:
    house = own()
    with house.opened():
        with database(house) as connection:
            connection.execute(text("UPDATE head SET directory = directory + 1"))  # the MAC is now wrong

        provoked = Provoked(paris(house).send(paris(house).write("ncb-ita", subject=CANARY)), "ncb-fra")

        hold_to_form(provoked, Reason.STORE_UNAVAILABLE)


def test_a_share_that_is_used_up_is_said_with_the_time_to_wait(own: Own) -> None:
    house = own(EXCHANGE_LIMITS__READS_PER_SECOND="0.5", EXCHANGE_LIMITS__READS_BURST="4")
    with house.opened():
        since, visitor = house.size, paris(house)

        answers = [visitor.get("/v1/directory") for _ in range(5)]

        assert [answer.status_code for answer in answers] == [200] * 4 + [429]
        provoked = Provoked(answers[-1], "ncb-fra")
        hold_to_form(provoked, Reason.TOO_MANY_REQUESTS)
        hold_to_record(house, provoked, Reason.TOO_MANY_REQUESTS, since=since)
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 2
        assert house[AUDITOR].get("/v1/directory").status_code == 200


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_a_crowd_is_too_many_recipients(own: Own) -> None:
    house = own()
    with house.opened() as gateway:
        world = house.world.branch()
        world.directory = gateway.committer.standing().directory

        async def crowd(world: World) -> None:
            for n in range(257):
                signed = gateways.admission(world, f"ncb-crowd-{n}", *world.officers)
                standing = gateway.committer.standing()
                await gateway.committer.commit(gateways.change(standing, signed, world.now))

        house.on_its_loop(crowd(world))
        since = house.size
        provoked = Provoked(paris(house).send(paris(house).write({"all": True}, subject=CANARY)), "ncb-fra")

        hold_to_form(provoked, Reason.TOO_MANY_RECIPIENTS)
        hold_to_record(house, provoked, Reason.TOO_MANY_RECIPIENTS, since=since)


# By whoever checks


@pytest.fixture
def sent(house: House) -> dict[str, Any]:
    return house["ncb-fra"].sent("ncb-ita")


def test_a_proof_of_another_leaf_is_refused(house: House, sent: dict[str, Any]) -> None:
    trail = TrailVerifier.from_vkey(house.world.trail_key.vkey())
    other = house["ncb-fra"].sent("ncb-ita")

    receipt.verify(sent, trail)
    with refused(Reason.PROOF_WRONG):
        receipt.verify(sent | {"leaf": other["leaf"]}, trail)


def test_a_checkpoint_of_another_key_is_refused(house: House, sent: dict[str, Any]) -> None:
    stranger = TrailVerifier.from_vkey(note.TrailKey.generate(house.world.origin).vkey())

    with refused(Reason.CHECKPOINT_WRONG):
        receipt.verify(sent, stranger)


def test_bytes_that_are_no_leaf_are_refused_though_they_are_proven(house: House) -> None:
    key, forged = house.world.trail_key, b'{"v":1}'
    frontier = Frontier(size=0, peaks=()).append(leaf_hash(forged))
    signed = key.sign(note.Checkpoint(origin=house.world.origin, size=1, root=frontier.root()))
    verify_inclusion(leaf_hash(forged), 0, 1, (), frontier.root())
    proof = note.print_proof(note.Proof(index=0, hashes=(), note=signed))

    with refused(Reason.LEAF_MALFORMED):
        receipt.verify(
            {"position": 0, "leaf": forged.decode(), "proof": proof, "openings": {}},
            TrailVerifier.from_vkey(key.vkey()),
        )
    with refused(Reason.LEAF_MALFORMED):
        leaf.read(forged)


def test_a_history_with_a_change_that_too_few_signed_is_refused(house: House) -> None:
    world = house.world.branch()
    alone = world.change(ChangeKind.ADMIT, world.officers[0], **provoking.admission("ncb-alone"))

    with refused(Reason.HISTORY_WRONG):
        participant.fold(
            world.directory,
            SignedChange(change=alone),
            position=world.directory.version + 1,
            at=world.now,
            schemas=worlds.schemas(),
        )
