"""The tables as Core knows them, and what all readings of them have in common."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select
from sqlmodel import SQLModel

from exchange import tables
from exchange.participant import SignedChange
from exchange.store.vault import KeyWrap

assert tables.REVISION  # importing the module is what declares the tables
_TABLES = SQLModel.metadata.tables

ENTRY = _TABLES["entry"]
SEALED = _TABLES["sealed"]
ITEM = _TABLES["item"]
DELIVERY = _TABLES["delivery"]
READING = _TABLES["reading"]
ACKNOWLEDGEMENT = _TABLES["acknowledgement"]
CHANGE = _TABLES["change"]
PROPOSAL = _TABLES["proposal"]
POLICY_SET = _TABLES["policy_set"]
TILE = _TABLES["tile"]
HEAD = _TABLES["head"]
BATCH = _TABLES["batch"]


class Rows(ABC):
    """Whoever can ask: the store by any of its reading connections, the writer within its transaction."""

    _wrap: KeyWrap

    @abstractmethod
    def _ask(self, statement: Select[Any]) -> Sequence[Any]:
        """All rows of the answer, as tuples."""

    def _ask_one(self, statement: Select[Any]) -> Any:
        rows = self._ask(statement)
        return rows[0] if rows else None


def write_approvals(signed: SignedChange) -> bytes:
    return b"\n".join(signed.approvals)


def read_signed(jws: bytes, approvals: bytes) -> SignedChange:
    """A compact JWS has no line breaks in it."""
    return SignedChange(change=jws, approvals=tuple(approvals.split(b"\n")) if approvals else ())
