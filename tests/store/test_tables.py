"""What the rows are: every column evidence or derived, every table made by the migrations and by nothing else."""

import re
import subprocess
import sys

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.pool import NullPool
from sqlmodel import SQLModel

from exchange import migrations, tables
from exchange.merkle import Frontier
from exchange.store.head import Head, HeadKey
from exchange.store.held import from_micros
from tests.gateway import HEAD_KEY, open_store

TABLES = {
    str(model.__tablename__): model
    for model in vars(tables).values()
    if isinstance(model, type) and issubclass(model, SQLModel) and model is not SQLModel
}


def classified(docstring: str, kind: str) -> list[str]:
    """The columns that a docstring calls Evidence or Derived; what stands in parentheses says why."""
    found = re.search(rf"{kind}: (.+?)\.(?:\n|$)", re.sub(r"\([^()]*(?:\([^()]*\)[^()]*)*\)", "", docstring), re.DOTALL)
    return [] if found is None else [name.strip() for name in found[1].split(",")]


@pytest.mark.parametrize("name", sorted(TABLES))
def test_every_column_is_evidence_or_derived_and_never_both(name: str) -> None:
    docstring = TABLES[name].__doc__ or ""

    stated = classified(docstring, "Evidence") + classified(docstring, "Derived")

    assert sorted(stated) == sorted(SQLModel.metadata.tables[name].columns.keys())


def test_a_column_that_is_neither_would_be_found() -> None:
    assert classified("Evidence: position, leaf (the tree, whole).", "Evidence") == ["position", "leaf"]
    assert classified("Evidence: position, leaf (the tree, whole).", "Derived") == []


def test_the_migrations_make_what_the_tables_declare(database_url: str) -> None:
    migrations.upgrade(database_url)

    command.check(migrations.config(database_url))


def test_migrating_what_is_migrated_changes_nothing(founded: str) -> None:
    migrations.upgrade(founded)

    store = open_store(founded)
    assert store.head().size == 1
    store.close()


def test_an_exchange_founded_before_is_migrated_and_its_head_still_opens(database_url: str) -> None:
    command.upgrade(migrations.config(database_url), "0001")
    members = (1, bytes(32), 7, 0, "0" * 64)
    mac = HeadKey(HEAD_KEY).row(
        Head(frontier=Frontier.empty().append(bytes(32)), at=from_micros(7), directory=0, policy="0" * 64, rights=0)
    )
    engine = create_engine(database_url, poolclass=NullPool)
    with engine.begin() as connection:
        names = "id, size, frontier, at, directory, policy, mac"
        values = dict(zip("abcdef", (*members, mac[-1]), strict=True)) | {"b": mac[1]}
        connection.execute(text(f"INSERT INTO head ({names}) VALUES (1, :a, :b, :c, :d, :e, :f)"), values)
    engine.dispose()

    migrations.upgrade(database_url)

    store = open_store(database_url)
    assert (store.head().size, store.head().rights) == (1, 0)
    store.close()


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_a_database_is_migrated_from_the_command_line(database_url: str) -> None:
    subprocess.run([sys.executable, "-m", "exchange.migrations", database_url], check=True)

    command.check(migrations.config(database_url))


def test_the_revision_that_a_store_asks_for_is_the_newest() -> None:
    newest = ScriptDirectory.from_config(migrations.config("sqlite:///")).get_current_head()

    assert newest == tables.REVISION


@pytest.mark.parametrize("store", ["postgresql"], indirect=True)
def test_no_row_has_a_number_of_the_databases_choice(founded: str) -> None:
    engine = create_engine(founded, poolclass=NullPool)
    columns = [c for table in inspect(engine).get_table_names() for c in inspect(engine).get_columns(table)]
    engine.dispose()

    assert [column["name"] for column in columns if column["default"] is not None] == []


@pytest.mark.parametrize(
    "broken",
    [
        "UPDATE entry SET position = -1",
        "UPDATE head SET id = 2",
        "INSERT INTO delivery (reader, released, item, at) VALUES ('ncb-ita', 1, 2, 0)",
        "INSERT INTO reading (item, reader, position, at) VALUES (2, 'ncb-ita', 2, 0)",
        "INSERT INTO delivery (reader, released, item, at) VALUES ('ncb-ita', 2, 2, 0), ('ncb-ita', 3, 2, 0)",
    ],
)
def test_the_database_refuses_rows_that_cannot_be(founded: str, broken: str) -> None:
    engine = create_engine(founded, poolclass=NullPool)

    with pytest.raises(IntegrityError), engine.begin() as connection:
        connection.execute(text(broken))
    engine.dispose()
