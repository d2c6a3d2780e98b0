"""What lies beside the trail follows from it: whatever is changed, put in, taken out or swapped there is named."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from exchange.merkle import TILE_WIDTH
from exchange.refusal import Refusal
from exchange.store import StoreFault
from exchange.store.head import HeadKey
from exchange.trail.stored import stored_entries
from tests.gateway import HEAD_KEY
from tests.store.test_tables import TABLES, classified
from tests.stores import Store as Databases
from tests.town import Row, Town, a_round, committed, grow, questions

NOBODY = "ncb-zzz"


@pytest.fixture(scope="module")
def town(store: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """Small, so that it is verified in no time."""
    with Town.found(store, tmp_path_factory.mktemp("town")) as made:
        yield made


@pytest.fixture(scope="module")
def city(town: Town) -> Town:
    """The town, grown past its first full tile, with a round of everything behind it."""
    with town.house.opened() as gateway:
        town.house.on_its_loop(committed(gateway, *questions(gateway, TILE_WIDTH)))
        town.places |= {f"{name}_3": place for name, place in a_round(town.house, "ncb-esp", "CON").items()}
    return town


ITEM, LATER = {"position": "@item_1"}, {"position": "@item_2"}
DELIVERY, ITS_READER = {"item": "@item_1", "reader": "ncb-ita"}, {"item": "@item_2", "reader": "ncb-deu"}
READ, READ_LATER = {"position": "@read_1"}, {"position": "@other_read_2"}
ACK, ACK_LATER = {"position": "@ack_1"}, {"position": "@other_ack_2"}
HELD = {"position": "@held"}
GIVEN, GIVEN_ANEW, TOLD = (
    {"item": i, "reader": f"ncb-{r}"} for i, r in (("@held", "ita"), ("@held", "deu"), ("@taken", "ita"))
)
CHANGE, CHANGE_LATER = {"position": "@change_1"}, {"position": "@policy"}
PROPOSAL = {"position": "@proposal_1"}
TILE = {"level": 0, "n": 0}
BATCH, SET = {"first": "@item_2"}, {"digest": "@digest"}
OTHER_ID = "01KAJ0000000000000000000AA"

# Of each derived column, and of those whose evidence is their place: a row, what it becomes, and where that is found.
Case = tuple[str, Row, Row, tuple[str, ...]]
CHANGED: list[Case] = [
    ("item", ITEM, {"position": "@question"}, ("@item_1", "@question")),
    ("item", ITEM, {"at": 7}, ("@item_1",)),
    ("item", LATER, {"sender": "ncb-deu"}, ("@item_2",)),
    ("item", ITEM, {"ulid": OTHER_ID}, ("@item_1",)),
    ("item", LATER, {"type": "information-request"}, ("@item_2",)),
    ("item", ITEM, {"thread": f"ncb-fra:{OTHER_ID}"}, ("@item_1",)),
    ("item", LATER, {"label": b"\0" * 200}, ("@item_2",)),
    ("item", ITEM, {"erased_at": 7}, ("@item_1",)),
    ("item", HELD, {"recalled": None}, ("@taken",)),
    ("item", HELD, {"recalled": "@lift"}, ("@held", "@taken")),
    ("item", ITEM, {"recalled": "@taken"}, ("@item_1",)),
    ("item", HELD, {"restricted": "@limit"}, ("@lift",)),
    ("item", HELD, {"restricted": 0}, ("@held", "@limit", "@lift")),
    ("item", HELD, {"newer": None}, ("@newer",)),
    ("item", HELD, {"newer": "@item_2"}, ("@held", "@newer")),
    ("item", HELD, {"touched": "@newer"}, ("@taken",)),
    ("item", ITEM, {"touched": "@beyond"}, ("@item_1", "@beyond")),
    ("delivery", DELIVERY, {"reader": NOBODY}, ("@item_1",)),
    ("delivery", GIVEN_ANEW, {"released": "@held"}, ("@lift", "@held")),
    ("delivery", GIVEN_ANEW, {"released": "@held", "at": "@held_at"}, ("@lift",)),
    ("delivery", GIVEN, {"released": "@lift", "at": "@lift_at"}, ("@held",)),
    ("delivery", TOLD, {"reader": "ncb-deu"}, ("@taken",)),
    ("delivery", ITS_READER, {"released": "@item_2+1"}, ("@item_2",)),
    ("delivery", DELIVERY, {"item": 0}, ("@item_1", "@zero")),
    ("delivery", ITS_READER, {"at": 7}, ("@item_2",)),
    ("reading", READ, {"item": "@other_1"}, ("@read_1",)),
    ("reading", READ_LATER, {"reader": "ncb-deu"}, ("@other_read_2",)),
    ("reading", READ, {"position": "@again_1"}, ("@read_1", "@again_1")),
    ("reading", READ_LATER, {"position": "@change_2"}, ("@other_read_2", "@change_2")),
    ("reading", READ, {"at": 7}, ("@read_1",)),
    ("acknowledgement", ACK, {"item": "@other_1"}, ("@ack_1",)),
    ("acknowledgement", ACK_LATER, {"reader": "ncb-deu"}, ("@other_ack_2",)),
    ("acknowledgement", ACK, {"position": "@question"}, ("@ack_1", "@question")),
    ("acknowledgement", ACK_LATER, {"at": 7}, ("@other_ack_2",)),
    ("change", CHANGE, {"id": OTHER_ID}, ("@change_1",)),
    ("change", CHANGE_LATER, {"digest": "0" * 64}, ("@policy",)),
    ("change", CHANGE, {"kind": "participant.status"}, ("@change_1",)),
    ("change", CHANGE_LATER, {"participant": "ncb-ita"}, ("@policy",)),
    ("change", CHANGE, {"public": True}, ("@change_1",)),
    ("proposal", PROPOSAL, {"id": OTHER_ID}, ("@proposal_1",)),
    ("policy_set", SET, {"digest": "0" * 64}, ("@policy", "@last")),
    ("policy_set", SET, {"texts": b"{}"}, ("@policy",)),
    ("batch", BATCH, {"first": "@item_2+1"}, ("@item_2", "@item_2+1")),
    ("batch", BATCH, {"size": 2}, ("@item_2+1",)),
    ("batch", BATCH, {"at": 7}, ("@item_2",)),
]
CHANGED_IN_THE_CITY: list[Case] = [
    ("tile", TILE, {"level": 1}, ("@tile", "@zero", "@last")),
    ("tile", TILE, {"n": 7}, ("@tile", "@zero", "@last")),
    ("tile", TILE, {"hashes": b"\0" * 8192}, ("@tile",)),
    ("tile", TILE, {"root": b"\0" * 32}, ("@tile",)),
    ("delivery", {"item": "@item_3", "reader": "ncb-ita"}, {"item": "@other_1"}, ("@item_3", "@other_1")),
    ("reading", {"position": "@read_3"}, {"position": "@again_3"}, ("@read_3", "@again_3")),
    ("reading", READ, {"position": "@change_3"}, ("@read_1", "@change_3")),
]

# What is put in beside a row that is like it, and where that is found.
ADDED: list[Case] = [
    ("item", ITEM, {"position": "@question", "ulid": OTHER_ID}, ("@question",)),
    ("delivery", DELIVERY, {"reader": NOBODY}, ("@item_1",)),
    ("delivery", DELIVERY, {"reader": "ncb-bra"}, ("@item_1",)),
    ("delivery", GIVEN_ANEW, {"reader": "ncb-esp"}, ("@held",)),
    ("delivery", TOLD, {"reader": "ncb-deu"}, ("@taken",)),
    ("delivery", ITS_READER, {"reader": NOBODY, "released": "@change_2"}, ("@item_2", "@change_2")),
    ("delivery", ITS_READER, {"item": "@question", "released": "@question"}, ("@question",)),
    ("reading", READ, {"reader": "ncb-bra"}, ("@read_1",)),
    ("reading", READ, {"item": "@other_1"}, ("@read_1",)),
    ("reading", READ, {"reader": "ncb-deu", "position": "@question"}, ("@question",)),
    ("acknowledgement", ACK, {"reader": "ncb-deu", "position": "@question"}, ("@question",)),
    ("change", CHANGE, {"id": OTHER_ID, "digest": "0" * 64, "position": "@question"}, ("@question",)),
    ("proposal", PROPOSAL, {"position": "@question"}, ("@question",)),
    ("policy_set", SET, {"digest": "0" * 64}, ("@last",)),
    ("batch", BATCH, {"id": b"\0" * 16}, ("@item_2", "@item_2+1")),
    *(
        (table, {"position": "@item_1"}, {"position": "@beyond"} | but, ("@beyond",))
        for table, but in (("entry", {}), ("sealed", {}), ("item", {"ulid": OTHER_ID}))
    ),
    ("delivery", DELIVERY, {"released": "@beyond", "item": "@beyond"}, ("@beyond",)),
    ("delivery", DELIVERY, {"item": -5}, ("@zero",)),
    ("reading", READ, {"reader": NOBODY, "position": "@beyond"}, ("@beyond",)),
    ("acknowledgement", ACK, {"reader": NOBODY, "position": "@beyond"}, ("@beyond",)),
    ("change", CHANGE, {"id": OTHER_ID, "digest": "0" * 64, "position": "@beyond"}, ("@beyond",)),
    ("proposal", PROPOSAL, {"position": "@beyond"}, ("@beyond",)),
    ("batch", BATCH, {"id": b"\0" * 16, "first": "@beyond"}, ("@beyond", "@last")),
]
ADDED_IN_THE_CITY: list[Case] = [
    ("tile", TILE, {"n": 1}, ("@last",)),
    ("tile", TILE, {"level": 1}, ("@last",)),
    ("tile", TILE, {"level": -1}, ("@last",)),
]

REMOVED: list[tuple[str, Row, str]] = [
    ("item", ITEM, "@item_1"),
    ("delivery", DELIVERY, "@item_1"),
    ("delivery", ITS_READER, "@item_2"),
    ("delivery", GIVEN, "@held"),
    ("delivery", GIVEN_ANEW, "@lift"),
    ("delivery", TOLD, "@taken"),
    ("reading", READ, "@read_1"),
    ("reading", {"position": "@held_read"}, "@taken"),
    ("reading", READ_LATER, "@other_read_2"),
    ("acknowledgement", ACK, "@ack_1"),
    ("policy_set", SET, "@policy"),
    ("batch", BATCH, "@item_2"),
]

SWAPPED: list[tuple[str, Row, Row, tuple[str, ...], tuple[str, ...]]] = [
    ("item", ITEM, LATER, (), ("@item_1", "@item_2")),
    ("item", ITEM, LATER, ("at",), ("@item_1", "@item_2")),
    ("item", ITEM, LATER, ("label",), ("@item_1", "@item_2")),
    ("item", ITEM, LATER, ("label", "token"), ("@item_1", "@item_2")),
    ("delivery", DELIVERY, ITS_READER, ("at",), ("@item_1", "@item_2")),
    ("delivery", DELIVERY, {"item": "@other_1", "reader": "ncb-fra"}, ("reader",), ("@item_1", "@other_1")),
    ("reading", READ, {"position": "@other_read_1"}, ("position",), ("@read_1", "@other_read_1")),
    ("reading", READ, READ_LATER, ("reader",), ("@read_1", "@other_read_2")),
    ("acknowledgement", ACK, {"position": "@other_ack_1"}, ("item",), ("@ack_1", "@other_ack_1")),
    ("change", CHANGE, CHANGE_LATER, ("digest",), ("@change_1", "@policy")),
    ("proposal", PROPOSAL, {"position": "@proposal_2"}, ("id",), ("@proposal_1", "@proposal_2")),
]

# Heads as a gateway would seal them, and yet not those of this trail.
HEADS: dict[str, Any] = {
    "frontier": lambda head: head.frontier.append(bytes(32)),
    "at": lambda head: head.at + timedelta(seconds=1),
    "directory": lambda head: head.directory - 1,
    "policy": lambda head: "0" * 64,
    "rights": lambda head: head.rights - 1,
}

# What SQLite keeps in a column of another kind: text that is no UTF-8, bytes, half a number. Only what is a row's own
# number must be one.
FOREIGN_VALUES = ("cast(x'3fff' as text)", "x'ff'", "0.5")
FOREIGN = [
    (table, where, column, FOREIGN_VALUES[n % 3])
    for table, where in (
        ("item", ITEM),
        ("delivery", DELIVERY),
        ("reading", READ),
        ("acknowledgement", ACK),
        ("change", CHANGE),
        ("proposal", PROPOSAL),
        ("policy_set", SET),
        ("batch", BATCH),
    )
    for n, column in enumerate(TABLES[table].model_fields)
    if (table, column) not in {("item", "position"), ("change", "position"), ("proposal", "position"), ("batch", "id")}
] + [("reading", READ, "position", value) for value in FOREIGN_VALUES[:2]]


def test_where_nothing_was_changed_nothing_is_found(town: Town) -> None:
    assert town.faults() == {}


def test_whatever_size_is_verified_what_came_later_is_no_fault(town: Town) -> None:
    sizes = range(1, town.store.head().size, 4)

    assert [size for size in sizes if town.faults(size)] == []


def test_every_derived_column_is_changed_here() -> None:
    derived = {
        f"{name}.{column}" for name, table in TABLES.items() for column in classified(table.__doc__ or "", "Derived")
    }
    changed = {f"{table}.{column}" for table, _, to, _ in CHANGED + CHANGED_IN_THE_CITY for column in to}

    of_the_head = {"head.id", "head.size", "head.mac", *(f"head.{column}" for column in HEADS)}
    follows_from_nothing = {"batch.id", "single_use.digest", "single_use.expires"}
    assert derived - changed == of_the_head | follows_from_nothing


@pytest.mark.parametrize(("table", "where", "to", "places"), CHANGED)
def test_a_changed_row_is_found(town: Town, table: str, where: Row, to: Row, places: tuple[str, ...]) -> None:
    with town.but(table) as hand:
        hand.changes(where, to)
        found = town.faults()

    assert town.place(places[0]) in found
    assert found.keys() <= set(map(town.place, places))


@pytest.mark.parametrize(("table", "like", "but", "places"), ADDED)
def test_an_added_row_is_found(town: Town, table: str, like: Row, but: Row, places: tuple[str, ...]) -> None:
    with town.but(table) as hand:
        hand.adds(like, but)
        found = town.faults()

    assert found
    assert found.keys() <= set(map(town.place, places))


@pytest.mark.parametrize(("table", "where", "place"), REMOVED)
def test_a_removed_row_is_found(town: Town, table: str, where: Row, place: str) -> None:
    with town.but(table) as hand:
        hand.removes(where)
        found = town.faults()

    assert town.place(place) in found


@pytest.mark.parametrize(("table", "one", "other", "columns", "places"), SWAPPED)
def test_swapped_rows_are_both_found(
    town: Town, table: str, one: Row, other: Row, columns: tuple[str, ...], places: tuple[str, ...]
) -> None:
    with town.but(table) as hand:
        hand.swaps(one, other, *columns)
        found = town.faults()

    assert found.keys() == set(map(town.place, places))


@pytest.mark.parametrize("column", HEADS)
def test_a_head_that_does_not_follow_is_found_even_under_its_mac(town: Town, column: str) -> None:
    head = town.store.head()
    size, last = head.size, town.place("@last")

    with town.but("head") as hand:
        row = HeadKey(HEAD_KEY).row(replace(head, **{column: HEADS[column](head)}))
        hand.changes(
            {"id": 1}, dict(zip(("size", "frontier", "at", "directory", "policy", "rights", "mac"), row, strict=True))
        )
        found = town.faults(size)

    assert found.keys() - {size} == ({last} if column != "frontier" else set())


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("table", "where", "column", "value"), FOREIGN)
def test_a_value_of_a_foreign_kind_is_found(town: Town, table: str, where: Row, column: str, value: str) -> None:
    with town.but(table) as hand:
        hand.changes(where, {column: text(value)})
        found = town.faults()

    assert found


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
@pytest.mark.parametrize("column", sorted(TABLES["head"].model_fields.keys() - {"id"}))
def test_a_head_of_foreign_values_is_no_gateways(town: Town, column: str) -> None:
    with town.but("head") as hand:
        hand.changes({"id": 1}, {column: text("cast(cast(" + column + " as text) || '?' as text)")})

        with pytest.raises((StoreFault, Refusal)):
            town.faults(1)


@pytest.mark.parametrize(("table", "where", "to", "places"), CHANGED_IN_THE_CITY)
def test_a_changed_row_is_found_across_tiles(
    city: Town, table: str, where: Row, to: Row, places: tuple[str, ...]
) -> None:
    test_a_changed_row_is_found(city, table, where, to, places)


@pytest.mark.parametrize(("table", "like", "but", "places"), ADDED_IN_THE_CITY)
def test_a_tile_that_is_not_full_yet_is_found(
    city: Town, table: str, like: Row, but: Row, places: tuple[str, ...]
) -> None:
    test_an_added_row_is_found(city, table, like, but, places)


def test_a_tile_that_is_missing_is_found(city: Town) -> None:
    test_a_removed_row_is_found(city, "tile", TILE, "@tile")


def test_an_exchange_that_grows_meanwhile_is_whole(city: Town) -> None:
    """Its size is read, then it grows; and again while entries are read."""
    size = city.store.head().size
    found: dict[int, tuple[str, ...]] = {}

    with city.house.opened() as gateway:
        grow(city, gateway, 100)
        for entry in stored_entries(city.store, size):
            if entry.position % 100 == 99:
                grow(city, gateway, 100)
            if entry.faults:
                found[entry.position] = entry.faults

    assert found == {}
    assert city.store.head().size > 2 * size
    assert city.faults() == {}


def test_what_concerns_the_whole_is_found_though_it_grows(city: Town) -> None:
    with city.but("policy_set") as hand:
        hand.adds(SET, {"digest": "0" * 64})
        found = city.faults(300)

    assert found.keys() == {299}
