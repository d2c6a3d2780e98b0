"""The directory's changes as they are stored: in force, or waiting; and the policy sets they name."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, select

from exchange.participant import ChangeKind
from exchange.store.held import StoredChange, StoredProposal
from exchange.store.rows import CHANGE, ENTRY, POLICY_SET, PROPOSAL, SEALED, Rows, read_signed
from exchange.store.vault import Content

_change, _proposal = CHANGE.c, PROPOSAL.c


class DirectoryRows(Rows):
    """change, proposal and policy_set, read."""

    def changes(self, after: int, limit: int) -> Sequence[StoredChange]:
        """Changes in force beyond this position, in their order: at most `limit`."""
        statement = _changes().where(_change.position > after).order_by(_change.position).limit(limit)
        return [self._change_of(row) for row in self._ask(statement)]

    def change_of(self, digest: str) -> StoredChange | None:
        """The change in force whose signed bytes have this digest (`participant.digest_of`)."""
        row = self._ask_one(_changes().where(_change.digest == digest))
        return None if row is None else self._change_of(row)

    def proposals(self) -> Sequence[StoredProposal]:
        """What waits, oldest first."""
        return [self._proposal_of(*row) for row in self._ask(_waiting().order_by(_proposal.position))]

    def proposal(self, change: str) -> StoredProposal | None:
        """What waits under this id."""
        row = self._ask_one(_waiting().where(_proposal.id == change).order_by(_proposal.position.desc()).limit(1))
        return None if row is None else self._proposal_of(*row)

    def policy_texts(self, digest: str) -> bytes | None:
        """A policy set that was in force at some time."""
        row = self._ask_one(select(POLICY_SET.c.texts).where(POLICY_SET.c.digest == digest))
        return None if row is None else bytes(row[0])

    def _change_of(self, row: Any) -> StoredChange:
        position, id, kind, participant, public, jws, approvals, leaf, wrapped = row
        key = self._wrap.unwrap(wrapped, position)
        return StoredChange(
            position=position,
            id=id,
            kind=ChangeKind(kind),
            participant=participant,
            public=public,
            signed=read_signed(jws, approvals, Content.of(key, position)),
            leaf=leaf,
            key=key,
        )

    def _proposal_of(self, position: int, id: str, jws: bytes, approvals: bytes, wrapped: bytes) -> StoredProposal:
        content = self._wrap.content(wrapped, position)
        return StoredProposal(position=position, id=id, signed=read_signed(jws, approvals, content))


def _changes() -> Select[Any]:
    source = CHANGE.join(ENTRY, ENTRY.c.position == _change.position)
    return select(
        _change.position,
        _change.id,
        _change.kind,
        _change.participant,
        _change.public,
        _change.jws,
        _change.approvals,
        ENTRY.c.leaf,
        SEALED.c.wrapped,
    ).select_from(source.join(SEALED, SEALED.c.position == _change.position))


def _waiting() -> Select[Any]:
    """Proposals whose change is not in force."""
    source = PROPOSAL.join(SEALED, SEALED.c.position == _proposal.position)
    columns = select(_proposal.position, _proposal.id, _proposal.jws, _proposal.approvals, SEALED.c.wrapped)
    return columns.select_from(source.outerjoin(CHANGE, _change.id == _proposal.id)).where(_change.id.is_(None))
