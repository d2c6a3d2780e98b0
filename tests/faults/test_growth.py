"""Ten thousand acts: every head that was ever signed is a beginning of the last, and each leaf proves itself alone."""

import asyncio
import base64
import functools
import os
import random
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

import pytest

from exchange import leaf, main, merkle
from exchange.act import Act
from exchange.leaf import Draft, Event
from exchange.merkle import Hash
from exchange.note import Checkpoint, TrailVerifier
from exchange.receipt import Committed
from exchange.refusal import Reason
from exchange.settings import Settings
from tests.community import Community
from tests.faults import crowd
from tests.faults.crowd import Crowd, Desk
from tests.faults.warm import Warm
from tests.refused import refused

ACTS = 10_000
ASKED = 150  # leaves and old heads that are asked for over HTTP
READER = "ncb-ita"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grown:
    """leaves: all of the trail. heads: each that was signed while it grew, the smallest first."""

    community: Community
    leaves: Sequence[bytes]
    heads: Sequence[Checkpoint]
    seed: int


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory, warm: Warm, say: Callable[[str], None]) -> Grown:
    community = crowd.found(tmp_path_factory.mktemp("growth"), warm)
    asyncio.run(crowd.settle(community, READER))
    warm.stop(community.served)
    seed = int(os.environ.get("EXCHANGE_SEED") or random.SystemRandom().randrange(2**32))
    say(f"growth: seed {seed}")
    notes = asyncio.run(_grow(community, random.Random(seed)))
    trail = TrailVerifier.from_vkey(community.served.pin.trail_key)
    heads = sorted(map(trail.open, notes), key=lambda head: head.size)
    with crowd.database(community.served.folder) as store:
        leaves = [entry.leaf for entry in store.entries(-1, 2 * ACTS)]
    warm.start(community.served)
    return Grown(community=community, leaves=leaves, heads=heads, seed=seed)


async def _grow(community: Community, chance: random.Random) -> set[str]:
    """Acts in batches of any size, through the writer itself -> the notes that were signed."""
    gateway = main.build(Settings.load(community.served.folder))
    gateway.committer.start()
    notes: set[str] = set()
    left = ACTS
    try:
        while left:
            count = min(left, chance.choice((1, 2, 3, 7, 60, 200, 256)))
            outcomes = await asyncio.gather(*(gateway.committer.commit(_act(gateway)) for _ in range(count)))
            notes |= {outcome.note for outcome in outcomes if isinstance(outcome, Committed)}
            left -= count
    finally:
        await gateway.committer.stop()
        gateway.store.close()
    return notes


def _act(gateway: main.Gateway) -> Act:
    standing = gateway.committer.standing()
    draft = Draft(event=Event.QUESTION_ASKED, actor=READER, object="preview", type="message")
    return Act(draft=draft, directory=standing.directory.version, policy=standing.policy.digest)


@pytest.fixture
async def present(grown: Grown) -> AsyncIterator[Crowd]:
    async with crowd.gather(grown.community, READER).present() as present:
        yield present


async def hashes(desk: Desk, path: str) -> list[Hash]:
    return [base64.b64decode(text) for text in (await desk.get(path))["hashes"]]


async def newest(grown: Grown, desk: Desk) -> Checkpoint:
    answered = await desk.send("GET", "/v1/trail/checkpoint")
    return TrailVerifier.from_vkey(grown.community.served.pin.trail_key).open(answered.body.decode())


def some(grown: Grown, size: int) -> list[int]:
    """Positions: where tiles and complete subtrees begin and end, and others by chance."""
    edges = {0, 1, 2, 254, 255, 256, 257, 511, 512, 4095, 4096, 8191, 8192, size - 2, size - 1}
    return sorted(edges | set(random.Random(grown.seed).sample(range(size), ASKED - len(edges))))


async def test_every_old_head_is_a_beginning_of_the_newest_and_of_no_other(grown: Grown, present: Crowd) -> None:
    desk = present.desk(READER)
    last = await newest(grown, desk)
    assert last.size == len(grown.leaves) > ACTS
    assert len(grown.heads) > ASKED / 2

    for older, newer in zip(grown.heads, [*grown.heads[1:], last], strict=True):
        proof = await hashes(desk, f"/v1/trail/consistency?from={older.size}&to={last.size}")
        merkle.verify_consistency(older.size, older.root, last.size, last.root, proof)
        if newer.size != older.size:
            with refused(Reason.PROOF_WRONG):
                merkle.verify_consistency(older.size, newer.root, last.size, last.root, proof)


async def test_every_old_head_is_a_beginning_of_the_one_after_it(grown: Grown, present: Crowd) -> None:
    desk = present.desk(READER)

    for older, newer in zip(grown.heads[:-1], grown.heads[1:], strict=True):
        proof = await hashes(desk, f"/v1/trail/consistency?from={older.size}&to={newer.size}")
        merkle.verify_consistency(older.size, older.root, newer.size, newer.root, proof)


async def test_a_leaf_proves_itself_at_its_position_and_no_other_leaf_there_nor_itself_elsewhere(
    grown: Grown, present: Crowd
) -> None:
    desk = present.desk(READER)
    last = await newest(grown, desk)

    for position in some(grown, last.size):
        proof = await hashes(desk, f"/v1/trail/inclusion?position={position}&size={last.size}")
        hashed = merkle.leaf_hash(grown.leaves[position])
        merkle.verify_inclusion(hashed, position, last.size, proof, last.root)
        for other in (position - 1, position ^ 1, position ^ 256, (position * 7 + 1) % last.size):
            if other != position and 0 <= other < last.size:
                with refused(Reason.PROOF_WRONG):
                    merkle.verify_inclusion(
                        merkle.leaf_hash(grown.leaves[other]), position, last.size, proof, last.root
                    )
                with refused(Reason.PROOF_WRONG):
                    merkle.verify_inclusion(hashed, other, last.size, proof, last.root)


async def test_a_leaf_is_in_every_head_signed_after_it(grown: Grown, present: Crowd) -> None:
    desk = present.desk(READER)
    chance = random.Random(grown.seed)

    for head in chance.sample(list(grown.heads), min(ASKED, len(grown.heads))):
        position = chance.randrange(head.size)
        proof = await hashes(desk, f"/v1/trail/inclusion?position={position}&size={head.size}")
        merkle.verify_inclusion(merkle.leaf_hash(grown.leaves[position]), position, head.size, proof, head.root)


def test_each_of_ten_thousand_leaves_proves_itself(grown: Grown) -> None:
    """All of them, from the store's own tiles."""
    with crowd.database(grown.community.served.folder) as store:
        size = len(grown.leaves)
        hash_at = functools.cache(store.tree(size).hash_at)
        root = store.head().frontier.root()
        for position, raw in enumerate(grown.leaves):
            proof = merkle.inclusion_proof(position, size, hash_at)
            merkle.verify_inclusion(merkle.leaf_hash(raw), position, size, proof, root)
    assert len(set(grown.leaves)) == size
    assert leaf.read(grown.leaves[-1]).event is Event.QUESTION_ASKED


@pytest.mark.parametrize(
    "path",
    [
        "inclusion?position={size}&size={size}",
        "inclusion?position=0&size={beyond}",
        "inclusion?position=0&size=0",
        "consistency?from={size}&to={beyond}",
        "consistency?from={size}&to=1",
    ],
)
async def test_beyond_the_head_nothing_is_proven(grown: Grown, present: Crowd, path: str) -> None:
    desk = present.desk(READER)
    size = (await newest(grown, desk)).size

    answered = await desk.send("GET", "/v1/trail/" + path.format(size=size, beyond=size + 1))

    assert answered.status == 400
