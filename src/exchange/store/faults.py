"""What can be wrong with a store. Faults are for the operator: each text says what to do.

StoreFault
|-- Unfit           it will not be opened like this: weak durability, other tables, no trail
|-- Unavailable     it did not answer; nothing of this transaction was written
|-- OutcomeUnknown  it did not say whether it committed
|-- Unwritable      it refuses these rows, and would again
`-- Tampered        what it holds was not written by a gateway
    |-- HeadForged  the head's MAC is wrong
    `-- HeadBehind  the trail ends before, or reads other than, a tree that was signed
"""

from typing import Any


def named(error: Any) -> str:
    """A driver's error by its kind and code, for a log. Its text is kept out: databases quote the row that failed."""
    cause = getattr(error, "orig", None) or error
    code = getattr(cause, "sqlstate", None) or getattr(cause, "sqlite_errorname", None)
    return f"{type(cause).__name__} {code}" if code else type(cause).__name__


class StoreFault(Exception):
    """Something is wrong with the store."""


class Unfit(StoreFault):
    """The store is not fit to be opened."""


class Unavailable(StoreFault):
    """The store did not answer, or not in time. What was begun is undone."""


class OutcomeUnknown(StoreFault):
    """The commit was sent and its answer did not come, or came with a warning."""


class Unwritable(StoreFault):
    """Some row breaks a constraint. What was begun is undone."""


class Tampered(StoreFault):
    """A row is not what a gateway wrote."""


class HeadForged(Tampered):
    """The head was written by somebody without the head key, or the head key is not the one it was written with."""


class HeadBehind(Tampered):
    """The trail does not extend a tree that this gateway has signed: a restored backup, or a rewritten history."""
