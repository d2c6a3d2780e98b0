"""Many rows at once, in the way that was measured fastest on each database."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Boolean, Integer, LargeBinary, Table, Text

Values = Sequence[tuple[Any, ...]]

# What an array of a column is called in PostgreSQL.
_ARRAYS = ((LargeBinary, "bytea[]"), (Boolean, "boolean[]"), (Text, "text[]"), (Integer, "bigint[]"))


class Insert:
    """INSERT of many rows into some columns of one table: SQLite by executemany, PostgreSQL by unnest of arrays."""

    def __init__(self, table: Table, *names: str, unless_there: bool = False) -> None:
        columns = [table.c[name] for name in names]
        target = f"INSERT INTO {table.name} ({', '.join(names)})"
        conflict = " ON CONFLICT DO NOTHING" if unless_there else ""
        self._sqlite = f"{target} VALUES ({', '.join('?' * len(names))}){conflict}"
        arrays = ", ".join(f"%b::{_array(column.type)}" for column in columns)
        self._postgres = f"{target} SELECT * FROM unnest({arrays}){conflict}"  # noqa: S608  # names of our tables

    def run(self, cursor: Any, rows: Values, *, sqlite: bool) -> None:
        """cursor: the driver's own."""
        if not rows:
            return
        if sqlite:
            cursor.executemany(self._sqlite, rows)
        else:
            cursor.execute(self._postgres, tuple(map(list, zip(*rows, strict=True))))


def _array(kind: Any) -> str:
    return next(name for known, name in _ARRAYS if isinstance(kind, known))
