"""10,000 messages that must not be taken, and none is: each is refused at the stage where its fault lies."""

import asyncio
import json
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks.wire import Answered
from exchange import jose
from exchange.client import Identity, Rights
from exchange.refusal import Reason
from tests.community import Community
from tests.faults import crowd
from tests.faults.crowd import Desk
from tests.faults.harm import AUDITOR, CLEARED, READER, UNCLEARED
from tests.faults.mutators import SAMPLES, Mutant, Mutators
from tests.faults.warm import Warm

MUTATIONS = 10_000
SHARE = 0.05
CONNECTIONS = 24
_SEED = "EXCHANGE_SEED"

STAGES: dict[str, frozenset[Reason]] = {
    "bytes": frozenset({Reason.JWS_MALFORMED, Reason.BODY_TOO_LARGE}),
    "JOSE": frozenset({Reason.JWS_HEADER, Reason.UNKNOWN_KEY, Reason.BAD_SIGNATURE}),
    "JSON": frozenset({Reason.JSON_MALFORMED}),
    "schema": frozenset(
        {
            Reason.SCHEMA_VIOLATION,
            Reason.UNKNOWN_TYPE,
            Reason.LABEL_INCOMPLETE,
            Reason.LABEL_FOREIGN,
            Reason.LABEL_INCONSISTENT,
            Reason.PERSON_STATUS_MISSING,
        }
    ),
    "policy": frozenset(
        {
            Reason.DENIED,
            Reason.NOT_CLEARED,
            Reason.SEALING_REQUIRED,
            Reason.PURPOSE_MISSING,
            Reason.UNKNOWN_RECIPIENT,
            Reason.NO_RECIPIENTS,
        }
    ),
    # Right in itself, and not here, not now, not from this one: asked between schema and policy.
    "place": frozenset(
        {
            Reason.WRONG_EXCHANGE,
            Reason.NOT_THE_SENDER,
            Reason.OUT_OF_TIME,
            Reason.UNKNOWN_REFERENCE,
            Reason.ID_REUSED,
        }
    ),
}


@pytest.fixture
def community(tmp_path: Path, warm: Warm) -> Community:
    made = crowd.found(tmp_path, warm)
    asyncio.run(crowd.settle(made, CLEARED, READER))
    for name, tier in ((UNCLEARED, "T1"), (AUDITOR, "T6")):
        identity = Identity(participant=name, name=name.upper(), tier=tier, country=name[-3:].upper())
        asyncio.run(made.admit(identity, Rights()))
    return made


def drawn(mutators: Mutators, count: int) -> Iterator[tuple[str, Mutant]]:
    """(level, mutant); a tenth of them are what an accepted message is made into."""
    # What is wrong at the last level is refused at two stages, and each has its share to show.
    levels = [*mutators.levels().items(), ("policy", mutators.of_policy)]
    for _ in range(count):
        chosen = mutators.chance.random()
        if chosen < 0.05:
            yield "malleated", mutators.malleated()
        elif chosen < 0.1:
            yield "reused", mutators.reused()
        else:
            level, make = mutators.chance.choice(levels)
            yield level, make()


async def posted(desks: dict[str, Desk], mutants: Iterator[tuple[str, Mutant]]) -> list[tuple[str, Mutant, Answered]]:
    answers = []
    for level, mutant in mutants:  # one iterator for all connections: each takes the next
        answers.append((level, mutant, await desks[mutant.poster].post(mutant.token)))
    return answers


async def test_no_mutation_of_a_good_message_is_accepted_and_each_stage_refuses_its_share(
    community: Community, warm: Warm, say: Callable[[str], None]
) -> None:
    seed = int(os.environ.get(_SEED) or random.SystemRandom().randrange(2**32))
    names = (CLEARED, READER, UNCLEARED, AUDITOR)
    async with crowd.gather(community, *names).present() as present:
        members = {member.id: member for member in present.net.members}
        mutators = Mutators(chance=random.Random(seed), members=members, earlier={})
        documents = [mutators.good(name=name) for name in SAMPLES]
        originals = {document["id"]: mutators.signed(document) for document in documents}
        first = {id: await present.desk(CLEARED).post(token) for id, token in originals.items()}
        assert [answered.body for answered in first.values() if answered.status != 201] == []

        mutants = drawn(Mutators(chance=mutators.chance, members=members, earlier=originals), MUTATIONS)
        connections = [{name: present.desk(name) for name in names} for _ in range(CONNECTIONS)]
        answers = [a for some in await asyncio.gather(*(posted(desks, mutants) for desks in connections)) for a in some]
    warm.stop(community.served)

    statuses = Counter(answered.status for _, _, answered in answers)
    reasons = Counter(_reason(answered) for level, _, answered in answers if level != "malleated")
    shares = {stage: sum(reasons[reason] for reason in those) / MUTATIONS for stage, those in STAGES.items()}
    say(f"mutations: {MUTATIONS}, seed {seed} ({_SEED}={seed} repeats them)")
    say("refused at " + ", ".join(f"{stage} {share:.1%}" for stage, share in shares.items()))
    taken = [(level, mutant) for level, mutant, answered in answers if answered.status < 300]
    accepted = [(level, _shown(mutant)) for level, mutant in taken if level != "malleated"]
    positions = {json.loads(answered.body)["position"] for answered in first.values()}
    assert accepted == []
    assert {answered.status for level, _, answered in answers if level == "malleated"} == {200}
    assert {json.loads(a.body)["position"] for level, _, a in answers if level == "malleated"} == positions
    assert [status for status in statuses if status >= 500 or status == 429] == []
    assert set(reasons) <= frozenset().union(*STAGES.values())
    assert min(shares.values()) >= SHARE
    assert crowd.accepted(community.served.folder) == [
        (f"{CLEARED}:{id}", json.loads(answered.body)["position"]) for id, answered in first.items()
    ]
    assert crowd.audit(community.served.folder).findings == ()


def _reason(answered: Answered) -> Reason | int:
    """As the answer says it; the status, where it says none."""
    stated = json.loads(answered.body)
    return Reason[stated["reason"]] if "reason" in stated else answered.status


def _shown(mutant: Mutant) -> str:
    """The payload of a token that was taken, so that its fault can be seen."""
    return jose.decode(mutant.token.split(b".")[1]).decode(errors="replace")
