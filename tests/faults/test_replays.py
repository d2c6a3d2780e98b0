"""A hundred at once send the same thing to all gateways of an exchange: one of them is the first, and only that one."""

import asyncio
import json
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from urllib.parse import urlencode

import pytest

from benchmarks.wire import Answered, request
from exchange import access, jose
from exchange.jose import SigningKey
from tests.faults import crowd
from tests.faults.crowd import Crowd, Desk
from tests.faults.warm import Warm
from tests.stores import Store

TIMES = 100
GATEWAYS = {"sqlite": 1, "postgresql": 4}
SENDER, READER = "ncb-fra", "ncb-ita"


@pytest.fixture(scope="module")
def served(store: Store, tmp_path_factory: pytest.TempPathFactory, warm: Warm) -> Crowd:
    """One exchange on each store, with as many gateways as it bears."""
    folder = tmp_path_factory.mktemp("replays")
    community = crowd.found(folder, warm, store.new_url() if store.name == "postgresql" else "")
    asyncio.run(crowd.settle(community, SENDER, READER))
    others = [crowd.another_gateway(community.served, folder / f"other{n}") for n in range(1, GATEWAYS[store.name])]
    for other in others:
        warm.start(other)
    return crowd.gather(community, SENDER, READER, gateways=others)


@pytest.fixture
async def present(served: Crowd) -> AsyncIterator[Crowd]:
    async with served.present() as present:
        yield present


async def at_once(present: Crowd, send: Callable[[Desk], "asyncio.Future[Answered]"]) -> Sequence[Answered]:
    """The same by a hundred connections, spread over the gateways; each is open before the first begins."""
    desks = [present.desk(SENDER, n % len(present.gateways)) for n in range(TIMES)]
    await asyncio.gather(*(desk.exchange(request("GET", "/livez", headers={})) for desk in desks))
    return await asyncio.gather(*map(send, desks))


def reasons(answers: Sequence[Answered]) -> Counter[str]:
    return Counter(json.loads(answered.body).get("reason", str(answered.status)) for answered in answers)


async def test_of_a_hundred_requests_with_one_proof_one_is_answered(present: Crowd) -> None:
    proof = present.desk(SENDER).proof("GET", "/v1/directory")

    answers = await at_once(present, lambda desk: asyncio.ensure_future(desk.send("GET", "/v1/directory", proof=proof)))

    assert reasons(answers) == {"200": 1, "REPLAYED": TIMES - 1}


async def test_of_a_hundred_tokens_asked_for_with_one_assertion_one_is_given(present: Crowd) -> None:
    """Each time by a key of its own, as somebody would who has taken the assertion."""
    member = present.desk(SENDER).member
    assertion = jose.write_assertion(
        member.access,
        participant=member.id,
        audience=present.net.url,
        jti=secrets.token_urlsafe(16),
        now=int(time.time()),
    )

    answers = await at_once(
        present, lambda desk: asyncio.ensure_future(desk.exchange(token_request(present.net.url, assertion)))
    )

    assert reasons(answers) == {"200": 1, "REPLAYED": TIMES - 1}


async def test_of_a_hundred_posts_of_one_message_one_is_new_and_all_are_told_its_position(
    present: Crowd, tmp_path: Path
) -> None:
    token = present.desk(SENDER).message(READER)

    answers = await at_once(present, lambda desk: asyncio.ensure_future(desk.post(token)))

    assert Counter(answered.status for answered in answers) == {201: 1, 200: TIMES - 1}
    assert len({json.loads(answered.body)["position"] for answered in answers}) == 1


async def test_of_two_messages_under_one_id_one_is_taken_and_the_other_never(present: Crowd) -> None:
    desk = present.desk(SENDER)
    document = desk.document(READER)
    versions = [crowd.signed(document | {"subject": subject}, desk.member) for subject in ("One", "Another")]
    turns = iter(versions * (TIMES // 2))

    answers = await at_once(present, lambda desk: asyncio.ensure_future(desk.post(next(turns))))

    assert Counter(answered.status for answered in answers) == {201: 1, 200: TIMES // 2 - 1, 409: TIMES // 2}
    assert reasons([answered for answered in answers if answered.status == 409]) == {"ID_REUSED": TIMES // 2}


def token_request(url: str, assertion: bytes) -> bytes:
    key = SigningKey.generate()
    proof = jose.write_proof(
        key, method="POST", url=url + "/v1/token", jti=secrets.token_urlsafe(16), now=int(time.time())
    )
    form = {
        "grant_type": access.CLIENT_CREDENTIALS,
        "client_assertion_type": access.JWT_BEARER,
        "client_assertion": assertion.decode(),
    }
    headers = {"Content-Type": "application/x-www-form-urlencoded", "DPoP": proof.decode()}
    return request("POST", "/v1/token", headers=headers, body=urlencode(form).encode())
