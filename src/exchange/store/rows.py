"""The tables as Core knows them, and what all readings of them have in common."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select
from sqlmodel import SQLModel

from exchange import tables
from exchange.participant import SignedChange
from exchange.store.vault import Content, KeyWrap

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

_SEALED = b"\0"


class Rows(ABC):
    """Whoever can ask: the store by any of its reading connections, the writer within its transaction."""

    _wrap: KeyWrap

    @abstractmethod
    def _ask(self, statement: Select[Any]) -> Sequence[Any]:
        """All rows of the answer, as tuples."""

    def _ask_one(self, statement: Select[Any]) -> Any:
        rows = self._ask(statement)
        return rows[0] if rows else None


def write_signed(signed: SignedChange, content: Content | None) -> tuple[bytes, bytes]:
    """-> (jws, approvals) as they lie in a row: in clear, or sealed behind a byte that no JWS begins with."""
    texts = {"jws": signed.change, "approvals": b"\n".join(signed.approvals)}
    if content is None:
        return texts["jws"], texts["approvals"]
    jws, approvals = (_SEALED + content.seal(name, text) for name, text in texts.items())
    return jws, approvals


def read_signed(jws: bytes, approvals: bytes, content: Content) -> SignedChange:
    """The inverse of `write_signed`. A compact JWS has no line breaks in it. Raises Tampered."""
    if jws[:1] == _SEALED:
        jws, approvals = content.open("jws", jws[1:]), content.open("approvals", approvals[1:])
    return SignedChange(change=jws, approvals=tuple(approvals.split(b"\n")) if approvals else ())
