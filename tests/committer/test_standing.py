"""What is in force is folded from the trail, and the database is believed in nothing of it."""

from pathlib import Path

import pytest

from exchange import committer as committers
from exchange import leaf
from exchange.participant import ChangeKind
from exchange.store import StoreFault
from tests import world as worlds
from tests.committer.test_commit import ask
from tests.gateway import Founding, Gateway, admission, change, gateway, message, open_store

TAMPERING = {
    "a change altered": "UPDATE change SET jws = {flipped_jws} WHERE position = 2",
    "an approval altered": "UPDATE change SET approvals = {flipped_approvals} WHERE position = 2",
    "an approval taken away": "UPDATE change SET approvals = {nothing} WHERE position = 2",
    "a change withheld": "DELETE FROM change WHERE position = 4",
    "the last change withheld": "DELETE FROM change WHERE position = 6",
    "a change moved": "UPDATE change SET position = 3 WHERE position = 2",
    "a change put in another's place": (
        "UPDATE change SET jws = (SELECT jws FROM change WHERE position = 4), "
        "approvals = (SELECT approvals FROM change WHERE position = 4) WHERE position = 2"
    ),
    "the leaf of a change altered": "UPDATE entry SET leaf = {flipped_leaf} WHERE position = 2",
    "the key of a change exchanged": (
        "UPDATE sealed SET wrapped = (SELECT wrapped FROM sealed WHERE position = 4) WHERE position = 2"
    ),
    "a leaf beside a change altered": "UPDATE entry SET leaf = {other_leaf} WHERE position = 3",
    "the genesis leaf altered": "UPDATE entry SET leaf = {flipped_leaf} WHERE position = 0",
    "the genesis document exchanged": (
        "UPDATE sealed SET texts = (SELECT texts FROM sealed WHERE position = 1) WHERE position = 0"
    ),
    "the policy altered": "UPDATE policy_set SET texts = {flipped_texts}",
    "the policy taken away": "DELETE FROM policy_set",
}


async def build(running: Gateway) -> None:
    """Messages at 1, 3, 5 and changes at 2, 4, 6."""
    for n in range(3):
        await running.committer.commit(message(running.standing, text=str(n)))
        admitted = admission(running.world, f"ncb-{n}")
        await running.committer.commit(change(running.standing, admitted, running.now))


async def test_a_new_start_comes_to_the_same_standing(running: Gateway, founded: str, founding: Founding) -> None:
    await build(running)

    store = open_store(founded)
    loaded = committers.load_standing(store, genesis=founding.genesis, schemas=worlds.schemas())
    store.close()

    assert loaded.directory == running.standing.directory
    assert loaded.directory.version == 6
    assert loaded.policy.digest == running.standing.policy.digest


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)  # what is checked is above the store
@pytest.mark.parametrize("tampering", TAMPERING)
async def test_no_history_but_the_true_one_is_taken_for_it(
    founded: str, founding: Founding, tmp_path: Path, tampering: str
) -> None:
    async with gateway(founded, founding, tmp_path / "published") as running:
        await build(running)
        literals = _literals(running)
    ask(founded, TAMPERING[tampering].format(**literals))

    store = open_store(founded)
    with pytest.raises(StoreFault):
        committers.load_standing(store, genesis=founding.genesis, schemas=worlds.schemas())
    store.close()


async def test_a_key_revoked_in_the_trail_is_revoked_after_a_restart(
    running: Gateway, founded: str, founding: Founding
) -> None:
    await running.committer.commit(change(running.standing, admission(running.world, "ncb-uto"), running.now))
    kid = next(iter(running.standing.directory.participants["ncb-uto"].keys))
    first, _ = running.world.officers
    revoked = running.world.signed(ChangeKind.KEY_REVOKE, first, participant="ncb-uto", kid=kid, reason="lost")
    [outcome] = await running.commit(change(running.standing, revoked, running.now))

    store = open_store(founded)
    loaded = committers.load_standing(store, genesis=founding.genesis, schemas=worlds.schemas())
    store.close()

    assert loaded.directory.participants["ncb-uto"].keys[kid].revoked_at == leaf.read(outcome.leaf).at


def _literals(running: Gateway) -> dict[str, str]:
    """Bytes like those in the database, as SQL writes them."""

    def flipped(raw: bytes) -> str:
        changed = raw[:20] + bytes([raw[20] ^ 1]) + raw[21:]
        return f"X'{changed.hex()}'"

    stored = running.store.changes(0, 1)[0]
    texts = running.store.policy_texts(running.standing.policy.digest)
    assert texts is not None
    return {
        "flipped_jws": flipped(stored.signed.change),
        "flipped_approvals": flipped(stored.signed.approvals[0]),
        "flipped_leaf": flipped(stored.leaf),
        "other_leaf": flipped(running.store.leaf(3)),
        "flipped_texts": flipped(texts),
        "nothing": "X''",
    }
