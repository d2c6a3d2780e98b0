"""The first leaf, from which all the rest follows."""

from collections.abc import Callable
from datetime import datetime

from exchange import leaf as leaves
from exchange import merkle, participant
from exchange.act import Act
from exchange.committer.standing import load_policy
from exchange.leaf import Draft, Event, Field, ItemKey
from exchange.merkle import Frontier
from exchange.schema import Schemas
from exchange.store import Head, NewBatch, Store, Unfit, Written


def found(
    store: Store,
    *,
    document: bytes,
    policy: bytes,
    schemas: Schemas,
    now: datetime,
    entropy: Callable[[int], bytes],
) -> bytes:
    """Write position 0 of a migrated, empty store -> the genesis leaf, whose hash is to be pinned.

    document: as `participant.parse_genesis` reads it. policy: the texts of the set that it names, in our one
    serialisation. Raises Unfit where an exchange was founded already, Refusal where document or policy do not hold.
    """
    directory = participant.parse_genesis(document, schemas=schemas).directory
    load_policy(policy, directory.policy)
    draft = Draft(
        event=Event.GENESIS, actor=directory.operator, object=directory.origin, sealed={Field.GENESIS: document}
    )
    key = ItemKey(entropy(32))
    leaf = leaves.write(draft, at=now, directory=0, policy=directory.policy, key=key, blind=entropy(16))
    act = Act(draft=draft, directory=0, policy=directory.policy)
    batch = NewBatch(
        id=entropy(16),
        at=now,
        written=(Written(position=0, act=act, leaf=leaf, key=key),),
        tiles=(),
        policies={directory.policy: policy},
    )
    frontier = Frontier.empty().append(merkle.leaf_hash(leaf))
    with store.begin() as transaction:
        if transaction.lock_head() is not None:
            raise Unfit("an exchange was founded in this database already: use another one")
        transaction.found(batch, Head(frontier=frontier, at=now, directory=0, policy=directory.policy, rights=0))
        transaction.commit()
    return leaf
