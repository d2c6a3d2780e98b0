"""Items as their readers and senders find them; and that nobody else does."""

from collections.abc import Iterator

import pytest
from sqlalchemy import event

from exchange.cursor import START, Place
from exchange.leaf import Field
from exchange.participant import ChangeKind
from exchange.receipt import Committed
from exchange.refusal import Reason, Refusal
from exchange.store import StoredItem, Tampered
from exchange.store.rows import CHANGE, ITEM, PROPOSAL, SEALED
from tests import world as worlds
from tests.committer.test_commit import ask
from tests.gateway import Gateway, acknowledgement, admission, change, item_of, message, page


async def test_an_inbox_is_read_in_the_order_of_release_from_any_place(running: Gateway) -> None:
    posted = [message(running.standing, text=str(n)) for n in range(25)]
    await running.commit(*posted)

    read: list[StoredItem] = []
    place = START
    while found := running.store.inbox("ncb-ita", place, 10):
        read += found
        place = Place(found[-1].released, found[-1].position)

    assert [item.token for item in read] == [item_of(act).token for act in posted]
    assert [item.position for item in read] == list(range(1, 26))
    assert {(item.released, item.released_at) for item in read} == {(n, running.now) for n in range(1, 26)}


async def test_an_item_comes_back_as_it_was_signed_and_labelled(running: Gateway) -> None:
    act = message(running.standing, thread=worlds.fresh_id())
    await running.committer.commit(act)

    found = running.store.item_for("ncb-ita", item_of(act).item)

    assert found is not None
    assert (found.token, found.signed, found.item) == (item_of(act).token, item_of(act).signed, item_of(act).item)
    assert (found.sender, found.type, found.thread) == (item_of(act).sender, item_of(act).type, item_of(act).thread)
    assert found.label.originator == "ncb-fra"


async def test_an_item_is_there_for_its_sender_and_its_readers_and_for_nobody_else(running: Gateway) -> None:
    act = message(running.standing, readers=("ncb-ita",))
    await running.committer.commit(act)

    everybody = ("ncb-fra", "ncb-ita", "ncb-deu", "")
    holders = {who for who in everybody if running.store.item_for(who, item_of(act).item)}
    threads = {who for who in everybody if running.store.thread_for(who, item_of(act).thread, 9)}

    assert holders == threads == {"ncb-fra", "ncb-ita"}
    assert not running.store.inbox("ncb-deu", START, 9)
    assert not running.store.sent("ncb-ita", -1, 9)


async def test_foreign_and_absent_are_the_same_statements(running: Gateway, statements: list[str]) -> None:
    act = message(running.standing, readers=("ncb-ita",))
    await running.committer.commit(act)
    absent = worlds.fresh_id()

    statements.clear()
    assert running.store.item_for("ncb-deu", item_of(act).item) is None
    assert list(running.store.thread_for("ncb-deu", item_of(act).thread, 9)) == []
    foreign = list(statements)
    statements.clear()
    assert running.store.item_for("ncb-deu", f"ncb-fra:{absent}") is None
    assert list(running.store.thread_for("ncb-deu", absent, 9)) == []

    assert statements == foreign
    assert len(foreign) == 2


async def test_an_id_that_is_none_is_absent(running: Gateway) -> None:
    for item in ("", ":", "ncb-fra", "ncb-fra:", ":01", "a:b:c", "x" * 5000):
        assert running.store.item_for("ncb-fra", item) is None


async def test_a_sender_finds_what_it_sent_and_how_far_it_has_come(running: Gateway) -> None:
    [first] = await running.positions(message(running.standing))
    await running.commit(page(running.standing, "ncb-ita", first), page(running.standing, "ncb-deu", first))
    await running.committer.commit(acknowledgement(running.standing, first, "ncb-ita"))
    await running.committer.commit(page(running.standing, "ncb-ita", first))

    states = [(delivery.reader, delivery.state) for delivery in running.store.deliveries(first)]
    item = running.store.inbox("ncb-ita", START, 1)[0]

    assert [found.position for found in running.store.sent("ncb-fra", -1, 9)] == [first]
    assert list(running.store.sent("ncb-fra", first, 9)) == []
    assert states == [("ncb-bra", "released"), ("ncb-deu", "read"), ("ncb-ita", "acknowledged")]
    assert item.first_read in (first + 1, first + 2)  # and not the later reading
    assert item.acknowledged == first + 3


async def test_owed_is_what_a_reader_was_shown_and_has_not_acknowledged(running: Gateway) -> None:
    first, second, third, _ = await running.positions(*(message(running.standing, text=str(n)) for n in range(4)))
    await running.commit(
        page(running.standing, "ncb-ita", first, second, third), page(running.standing, "ncb-deu", first)
    )
    await running.committer.commit(acknowledgement(running.standing, second, "ncb-ita"))

    def owed(reader: str, after: Place = START, limit: int = 9) -> list[int]:
        return [item.position for item in running.store.owed(reader, after, limit)]

    assert owed("ncb-ita") == [first, third]
    assert owed("ncb-ita", limit=1) == [first]
    assert owed("ncb-ita", after=Place(first, first)) == [third]
    assert owed("ncb-deu") == [first]
    assert owed("ncb-bra") == owed("ncb-fra") == []


async def test_an_erased_item_is_in_nobodys_hands(running: Gateway, founded: str) -> None:
    act = message(running.standing)
    await running.committer.commit(act)
    ask(founded, "UPDATE item SET erased_at = 1")

    assert list(running.store.inbox("ncb-ita", START, 9)) == []
    assert running.store.item_for("ncb-fra", item_of(act).item) is None


@pytest.mark.parametrize("column", ["token", "label"])
async def test_an_item_exchanged_for_another_is_not_shown(running: Gateway, founded: str, column: str) -> None:
    await running.commit(message(running.standing, text="a"), message(running.standing, text="b"))
    ask(founded, f"UPDATE item SET {column} = (SELECT {column} FROM item WHERE position = 2) WHERE position = 1")

    with pytest.raises(Tampered, match=f"the {column} of position 1"):
        _ = [item.token for item in running.store.inbox("ncb-ita", START, 9)]


async def test_the_database_alone_tells_no_words(running: Gateway, founded: str) -> None:
    canary = "the ship sails at dawn"
    act = message(running.standing, text=canary)
    await running.committer.commit(act)

    with running.store._reading.connect() as connection:
        rows = [*connection.execute(ITEM.select()), *connection.execute(SEALED.select())]
    held = b"".join(value for row in rows for value in row if isinstance(value, bytes))
    assert item_of(act).token.split(b".")[1] not in held
    assert b"u-117" not in held
    assert b"EXERCISE" not in held


async def test_the_database_alone_tells_neither_rights_nor_status_nor_why_nor_what_waits(running: Gateway) -> None:
    world, (first, second) = running.world, running.world.officers
    await running.committer.commit(change(running.standing, admission(world, "ncb-uto"), running.now))
    suspended = {"participant": "ncb-uto", "status": "suspended", "reason": "the minister asked for it"}
    reserved = world.signed(ChangeKind.STATUS, first, **suspended)
    waiting = world.signed(ChangeKind.STATUS, second, participant="ncb-uto", status="active", reason="it was a mistake")
    for signed in (reserved, waiting):
        assert isinstance(await running.committer.commit(change(running.standing, signed, running.now)), Committed)

    with running.store._reading.connect() as connection:
        admitted, kept = sorted(connection.execute(CHANGE.select()))
        [proposed] = connection.execute(PROPOSAL.select())
    public, *_ = running.store.changes(-1, 9)
    assert admitted.jws == public.signed.change
    assert admitted.approvals == public.signed.approvals[0]
    for row, signed in ((kept, reserved), (proposed, waiting)):
        held = b"".join(value for value in row if isinstance(value, bytes))
        assert not any(segment in held for segment in signed.change.split(b"."))
    assert running.store.changes(admitted.position, 9)[0].signed == reserved
    assert [proposal.signed for proposal in running.store.proposals()] == [waiting]
    running.verify()


async def test_what_is_sealed_with_a_leaf_opens_again(running: Gateway) -> None:
    act = message(running.standing)
    [outcome] = await running.commit(act)

    sealed = running.store.sealed(outcome.position)

    assert sealed.key == outcome.key
    assert sealed.texts == {name: text for name, text in act.draft.sealed.items() if name is not Field.MESSAGE}
    assert running.store.messages(0, 9) == {outcome.position: item_of(act).token}


async def test_a_position_that_is_not_there_is_refused(running: Gateway) -> None:
    for read in (running.store.leaf, running.store.sealed):
        with pytest.raises(Refusal) as refused:
            read(17)
        assert refused.value.reason is Reason.RANGE_WRONG


@pytest.fixture
def statements(running: Gateway) -> Iterator[list[str]]:
    """The SQL that the store's readings run, as it runs; an idle writer's looks at the head are not ours."""
    heard: list[str] = []

    def hear(_: object, __: object, statement: str, *rest: object) -> None:
        if "FROM head" not in statement:
            heard.append(statement)

    event.listen(running.store._reading, "before_cursor_execute", hear)
    yield heard
    event.remove(running.store._reading, "before_cursor_execute", hear)
