"""The gate's own rules that need an exchange around them, acted out: examples of gate.cases posted to its door."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from exchange import envelope
from exchange.intake import Accepted, Intake
from exchange.jose import SigningKey
from exchange.participant import Caller, ChangeKind, SignedChange
from exchange.policy.cases import ACCEPTED, GateCase, read_cases
from exchange.proving import Prover
from exchange.refusal import Refusal
from exchange.verifying import Verifier
from tests import gateway as gateways
from tests import world
from tests.gateway import Founding, Gateway
from tests.network import shipped_texts
from tests.world import World

CASES = [case for case in read_cases(shipped_texts().cases)[1] if case.posted_to == "door"]


@dataclass(slots=True, kw_only=True)
class Posting:
    """An exchange with its network, and messages posted to its door."""

    gateway: Gateway
    intake: Intake

    @property
    def world(self) -> World:
        return self.gateway.world

    async def post(self, document: dict[str, Any]) -> Accepted:
        """Signed by its sender's key, and posted by it."""
        sender = document["sender"]
        caller = Caller(participant=self.gateway.standing.directory.participants[sender], kid="")
        return await self.intake.submit(envelope.write(document, self.world[sender].message), caller)

    async def change(self, signed: SignedChange) -> None:
        await self.gateway.committer.commit(gateways.change(self.gateway.standing, signed, self.gateway.now))


@pytest.fixture
async def posting(tmp_path: Path) -> AsyncIterator[Posting]:
    founding = Founding(world=world.network(policy=shipped_texts().digest))
    url = f"sqlite:///{tmp_path / 'exchange.db'}"
    founding.build(url)
    async with gateways.gateway(url, founding, tmp_path / "published.json") as gateway:
        prover = Prover(store=gateway.store, key=founding.world.trail_key, origin=founding.world.origin)
        intake = Intake(
            committer=gateway.committer,
            store=gateway.store,
            standing=lambda: gateway.standing,
            verified=Verifier(0).verified,
            now=lambda: gateway.now,
            prove=prover.receipt,
            schemas=world.schemas(),
        )
        posting = Posting(gateway=gateway, intake=intake)
        for entry in founding.world.history:
            await posting.change(entry.signed)
        yield posting


async def revoked_key(posting: Posting) -> None:
    sender = posting.world["ncb-fra"]
    revoked = {"participant": sender.id, "kid": sender.message.public.kid, "reason": "lost"}
    await posting.change(posting.world.signed(ChangeKind.KEY_REVOKE, sender.officer, **revoked))
    await posting.post(world.sample(sender="ncb-fra"))


async def past_its_end(posting: Posting) -> None:
    posting.gateway.now += timedelta(days=3 * 365)
    await posting.post(world.sample(sender="ncb-fra", at=posting.gateway.now))


async def same_again(posting: Posting) -> None:
    document = world.sample(sender="ncb-fra")
    first, again = await posting.post(document), await posting.post(document)
    assert (first.new, again.new) == (True, False)
    assert first.receipt.leaf == again.receipt.leaf


async def same_id(posting: Posting) -> None:
    document = world.sample(sender="ncb-fra")
    await posting.post(document)
    await posting.post({**document, "subject": "another subject"})


async def anothers_id(posting: Posting) -> None:
    document = world.sample(sender="ncb-fra")
    await posting.post(document)
    accepted = await posting.post(world.sample(sender="ncb-ita", id=document["id"]))
    assert accepted.new


async def taken_in(posting: Posting, country: str = "FRA", clearance: str = "RES") -> None:
    """An entity, admitted and granted by the bureau of France, which is cleared for RESTRICTED."""
    bureau, entity = posting.world["ncb-fra"], "ent-fra-coast"
    officer = {"jwk": SigningKey.generate().public.jwk, **world.window(posting.gateway.now)}
    entry = {"participant": entity, "name": entity, "country": country, "exercise": True, "officers": [officer]}
    admitted = posting.world.signed(ChangeKind.ENTITY_ADMIT, bureau.officer, bureau=bureau.id, **entry)
    await posting.change(admitted)
    stated = world.granted(entity, posting.gateway.now, clearance=clearance)
    await posting.change(posting.world.signed(ChangeKind.ENTITY_GRANT, bureau.officer, **stated))


async def of_another_country(posting: Posting) -> None:
    await taken_in(posting, country="ITA")


async def beyond_its_bureau(posting: Posting) -> None:
    await taken_in(posting, clearance="CON")


EXAMPLES: dict[str, Callable[[Posting], Awaitable[None]]] = {
    "signed with a revoked key": revoked_key,
    "signed with a key past its end": past_its_end,
    "an entity admitted and granted by its bureau": taken_in,
    "an entity of another country": of_another_country,
    "a grant beyond what its bureau holds": beyond_its_bureau,
    "the same bytes again": same_again,
    "the same id for other bytes": same_id,
    "another sender's id": anothers_id,
}


def test_every_example_is_acted_out_and_no_other() -> None:
    assert EXAMPLES.keys() == {case.example for case in CASES}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.example)
async def test_the_door_answers_as_its_cases_say(case: GateCase, posting: Posting) -> None:
    try:
        await EXAMPLES[case.example](posting)
        answered = ACCEPTED, {case.by}
    except Refusal as refusal:
        answered = refusal.reason.code, set(refusal.rules)

    assert answered == (case.answer, {case.by})
