"""Many rows at once, in the way that was measured fastest on each database beside a busy loop.

What counts is how often the driver lets go of the interpreter, since to get it back may take 5 ms: `executemany` on
SQLite does so for each row, a statement of many rows once.
"""

from collections.abc import Sequence
from itertools import chain
from typing import Any

from sqlalchemy import Boolean, Integer, LargeBinary, Table, Text

Values = Sequence[tuple[Any, ...]]

_SIZES = (128, 32, 8, 2, 1)  # rows of one statement

# What an array of a column is called in PostgreSQL.
_ARRAYS = ((LargeBinary, "bytea[]"), (Boolean, "boolean[]"), (Text, "text[]"), (Integer, "bigint[]"))


class Insert:
    """INSERT of many rows into some columns of one table: SQLite by VALUES of many rows, in a few sizes so that each is
    prepared once; PostgreSQL by unnest of arrays.

    unless_there: rows whose key is taken are left out. instead_of: these columns' row is replaced, where there is one.
    """

    def __init__(self, table: Table, *names: str, unless_there: bool = False, instead_of: tuple[str, ...] = ()) -> None:
        columns = [table.c[name] for name in names]
        target = f"INSERT INTO {table.name} ({', '.join(names)})"
        conflict = " ON CONFLICT DO NOTHING" if unless_there else ""
        if instead_of:
            replaced = ", ".join(f"{name} = excluded.{name}" for name in names if name not in instead_of)
            conflict = f" ON CONFLICT ({', '.join(instead_of)}) DO UPDATE SET {replaced}"
        row = f"({', '.join('?' * len(names))})"
        self._sqlite = {size: f"{target} VALUES {', '.join([row] * size)}{conflict}" for size in _SIZES}
        arrays = ", ".join(f"%b::{_array(column.type)}" for column in columns)
        self._postgres = f"{target} SELECT * FROM unnest({arrays}){conflict}"  # noqa: S608  # names of our tables

    def run(self, cursor: Any, rows: Values, *, sqlite: bool) -> None:
        """cursor: the driver's own."""
        if not rows:
            return
        if sqlite:
            at = 0
            for size in _SIZES:
                while len(rows) - at >= size:
                    cursor.execute(self._sqlite[size], tuple(chain.from_iterable(rows[at : at + size])))
                    at += size
        else:
            cursor.execute(self._postgres, tuple(map(list, zip(*rows, strict=True))))


def _array(kind: Any) -> str:
    return next(name for known, name in _ARRAYS if isinstance(kind, known))
