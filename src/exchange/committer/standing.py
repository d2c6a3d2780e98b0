"""What is in force, folded from the trail: by a gateway that starts, and by one that learns of another's change.

The database is believed in nothing here. A change counts if officers signed it, if its leaf commits to it and stands
under the head's root, and if that leaf names as its directory the very version that the change is folded upon: so
none can be added, altered, reordered or left out.
"""

from typing import Any, Protocol

from exchange import leaf as leaves
from exchange import merkle, participant, policy, strictjson
from exchange.leaf import Event, Field, Leaf
from exchange.merkle import TileReader
from exchange.participant import Directory
from exchange.policy import PolicySet, Standing
from exchange.refusal import Reason, Refusal
from exchange.schema import Schemas
from exchange.store import Head, Store, StoredChange, Tampered, Unfit

_PAGE = 500  # changes
POLICY_LIMIT = 1 << 20  # bytes of a policy set's texts


class History(Protocol):
    """Where the changes and what they stand on are read: the store, or the writer's transaction."""

    def changes(self, after: int, limit: int) -> Any: ...
    def policy_texts(self, digest: str) -> bytes | None: ...
    def tree(self, size: int) -> TileReader: ...


def load_standing(store: Store, *, genesis: str, schemas: Schemas) -> Standing:
    """What is in force now. genesis: the hash of the genesis leaf in hex, as it is pinned in the settings.

    Raises Unfit for the trail of another exchange, Tampered for one that does not follow from its genesis.
    """
    head, first = store.head(), store.leaf(0)
    if leaves.digest(first) != genesis:
        raise Unfit(
            f"the trail begins with {leaves.digest(first)}, the settings pin {genesis}: this is the database of "
            "another exchange, or the first row was changed"
        )
    sealed = store.sealed(0)
    document = sealed.texts[Field.GENESIS]
    if not leaves.opens(leaves.read(first), Field.GENESIS, sealed.key.salt(Field.GENESIS), document):
        raise Tampered("the genesis document is not the one that the pinned leaf commits to")
    directory = participant.parse_genesis(document, schemas=schemas).directory
    return _in_force(store, head, directory, None, schemas)


def follow(history: History, head: Head, standing: Standing, schemas: Schemas) -> Standing:
    """What is in force under this head, from what was in force before. Raises Tampered."""
    if head.directory == standing.directory.version:
        return standing
    return _in_force(history, head, standing.directory, standing.policy, schemas)


def load_policy(texts: bytes, digest: str) -> PolicySet:
    """Of a set that is in force, or was held against this exchange before it came here: an exchange starts on the set
    that it was founded with, whatever it has learned to ask since. Raises Tampered where these are not the texts of
    this name.
    """
    try:
        members = strictjson.parse_object(texts, limit=POLICY_LIMIT)
    except Refusal:
        members = {}
    if participant.policy_digest(members) != digest:
        raise Tampered(f"the texts of policy set {digest} were changed in the database")
    return PolicySet.load(policy.parse_texts(members), strict=False)


def _in_force(
    history: History, head: Head, directory: Directory, known: PolicySet | None, schemas: Schemas
) -> Standing:
    tree, root = history.tree(head.size), head.frontier.root()
    while directory.version < head.directory:
        # What was committed since the head was read is left for the next head.
        page = [c for c in history.changes(directory.version, _PAGE) if c.position <= head.directory]
        if not page:
            break
        for change in page:
            directory = _folded(directory, change, tree, root, schemas)
    if (directory.version, directory.policy) != (head.directory, head.policy):
        raise Tampered(f"the changes in the database do not lead to version {head.directory}, which the head names")
    if known is not None and known.digest == head.policy:
        return Standing(directory=directory, policy=known)
    texts = history.policy_texts(head.policy)
    if texts is None:
        raise Tampered(f"the texts of policy set {head.policy} are missing")
    return Standing(directory=directory, policy=load_policy(texts, head.policy))


def _folded(directory: Directory, change: StoredChange, tree: TileReader, root: bytes, schemas: Schemas) -> Directory:
    try:
        stated = _proven(change, tree, root)
        if stated.directory != directory.version or stated.event is not Event.DIRECTORY_CHANGED:
            raise Refusal(Reason.HISTORY_WRONG)
        return participant.fold(directory, change.signed, position=change.position, at=stated.at, schemas=schemas)
    except Refusal as refusal:
        raise Tampered(
            f"the change at position {change.position} does not follow from the trail ({refusal.reason.code}): "
            "its row, its leaf or one before it was changed"
        ) from refusal


def _proven(change: StoredChange, tree: TileReader, root: bytes) -> Leaf:
    """The change's leaf, which stands under the root and commits to the change. Raises Refusal."""
    proof = merkle.inclusion_proof(change.position, tree.size, tree.hash_at)
    merkle.verify_inclusion(merkle.leaf_hash(change.leaf), change.position, tree.size, proof, root)
    stated = leaves.read(change.leaf)
    if not leaves.opens(stated, Field.CHANGE, change.key.salt(Field.CHANGE), change.signed.committed()):
        raise Refusal(Reason.HISTORY_WRONG)
    return stated
