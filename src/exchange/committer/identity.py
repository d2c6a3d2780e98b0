"""Who was here before: an item is known by (sender, id), an acknowledgement by (item, reader), a change by its bytes.

No digest of content is stored to know it by: the commitment in the leaf is made again, with the key kept for it.
"""

from collections.abc import Sequence

from exchange import leaf as leaves
from exchange import participant
from exchange.act import Act, NewAcknowledgement, NewChange, NewItem, NewProposal, Repeated
from exchange.committer.queue import Member
from exchange.leaf import Field
from exchange.refusal import Reason, Refusal
from exchange.store import Found, Transaction

Identity = tuple[int | str, str]


def without_twins(members: Sequence[Member]) -> tuple[list[Member], list[Member]]:
    """-> (the first of each identity, the others). By a later batch it is known what has become of the first."""
    seen: set[Identity] = set()
    first: list[Member] = []
    others: list[Member] = []
    for member in members:
        identity = _identity(member.act)
        (others if identity in seen else first).append(member)
        if identity is not None:
            seen.add(identity)
    return first, others


def known(transaction: Transaction, members: Sequence[Member]) -> dict[Member, Repeated | Refusal]:
    """Those whose identity is taken: by the same bytes, then it is a repeat, or by others."""
    items = [m.act.row for m in members if isinstance(m.act.row, NewItem)]
    words = [m.act.row for m in members if isinstance(m.act.row, NewAcknowledgement)]
    held_items = transaction.find_items([(row.sender, row.ulid) for row in items])
    held_words = transaction.find_acknowledgements([(row.item, row.reader) for row in words])
    answers: dict[Member, Repeated | Refusal] = {}
    for member in members:
        answer: Repeated | Refusal | None = None
        match member.act.row:
            case NewItem(sender=sender, ulid=ulid) as row:
                held = held_items.get((sender, ulid))
                answer = None if held is None else _compared(held, row)
            case NewAcknowledgement(item=item, reader=reader):
                held = held_words.get((item, reader))
                answer = None if held is None else Repeated(position=held.position)
            case NewProposal() as proposal:
                answer = _proposed_before(transaction, proposal)
            case NewChange(signed=signed):
                change = transaction.change_of(participant.digest_of(signed.change))
                answer = None if change is None else Repeated(position=change.position)
        if answer is not None:
            answers[member] = answer
    return answers


def _identity(act: Act) -> Identity | None:
    match act.row:
        case NewItem(sender=sender, ulid=ulid):
            return sender, ulid
        case NewAcknowledgement(item=item, reader=reader):
            return item, reader
        case NewProposal(change=change):
            return "", change
    return None


def _compared(held: Found, row: NewItem) -> Repeated | Refusal:
    if held.key is None:
        return Refusal(Reason.ERASED)
    same = leaves.opens(leaves.read(held.leaf), Field.MESSAGE, held.key.salt(Field.MESSAGE), row.signed)
    return Repeated(position=held.position) if same else Refusal(Reason.ID_REUSED)


def _proposed_before(transaction: Transaction, row: NewProposal) -> Repeated | Refusal | None:
    waiting = transaction.proposal(row.change)
    if waiting is None:
        return None
    if waiting.signed == row.signed:
        return Repeated(position=waiting.position)
    same_change = participant.digest_of(waiting.signed.change) == participant.digest_of(row.signed.change)
    return None if same_change else Refusal(Reason.ID_REUSED)
