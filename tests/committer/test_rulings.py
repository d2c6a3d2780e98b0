"""Acts upon items: what rests on an item that was acted upon is set aside, and who is told is known in the commit."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from exchange.act import Act, Effect, Overtaken, Repeated
from exchange.cursor import START, Place
from exchange.receipt import Committed
from exchange.refusal import Reason
from exchange.store import OutcomeUnknown, Transaction
from tests import world as worlds
from tests.committer.test_commit import ask, reasons
from tests.committer.test_unknown import Commit, _driver, answer_lost, cut_off, never_arrived, on_postgresql, once
from tests.gateway import READERS, Founding, Gateway, gateway, item_of, message, page
from tests.refused import refused
from tests.rulings import LIFTED, ONLY_ITALY, Readers, recall, resting, ruling


async def test_an_act_upon_an_item_is_known_by_its_position_once_it_is_durable(running: Gateway, founded: str) -> None:
    first, second = await running.positions(message(running.standing), message(running.standing))
    assert (running.committer.rights, running.store.head().rights) == (0, 0)

    [at] = await running.positions(recall(running, first))

    assert (running.committer.rights, running.store.head().rights) == (at, at)
    assert running.store.items_held("ncb-fra", [first])[0].recalled
    assert not running.store.items_held("ncb-fra", [second])[0].recalled
    running.verify()


async def test_whatever_is_done_to_an_item_its_row_names_the_last_of_each_kind(running: Gateway, founded: str) -> None:
    [item] = await running.positions(message(running.standing))

    placed = []
    for effect in (Effect.RESTRICTION, Effect.CORRECTION, Effect.RESTRICTION, Effect.FORWARD, Effect.RECALL):
        body = LIFTED if effect is Effect.RESTRICTION else None
        act = ruling(running.standing, effect, item, rights=running.committer.rights, body=body)
        placed += await running.positions(act)

    _, newer, restricted, touched, recalled = placed
    with running.store.begin() as transaction:
        row = transaction._run("SELECT recalled, restricted, newer, touched FROM item WHERE position = 1").fetchone()
        assert transaction.touched_since(touched) == {item: recalled}
        assert transaction.touched_since(recalled) == {}
    assert tuple(row) == (recalled, restricted, newer, recalled)


async def test_what_rests_on_an_item_that_was_acted_upon_since_is_overtaken(running: Gateway) -> None:
    one, two, three = await running.positions(*(message(running.standing) for _ in range(3)))
    before = running.committer.rights
    [at] = await running.positions(recall(running, two))
    size = running.store.head().size

    outcomes = await running.commit(
        resting(page(running.standing, "ncb-ita", one, two, three), one, two, three, rights=before),
        resting(page(running.standing, "ncb-ita", one), one, three, rights=before),
        resting(page(running.standing, "ncb-deu", two), two, rights=at),
        page(running.standing, "ncb-bra", two),
    )

    assert reasons(outcomes) == [Overtaken, Committed, Committed, Committed]
    assert outcomes[0].items == {two}
    assert running.store.head().size == size + 3
    running.verify()


async def test_a_page_stands_wholly_before_or_wholly_behind_a_ruling(running: Gateway) -> None:
    [item] = await running.positions(message(running.standing))
    pages = [resting(page(running.standing, reader, item), item, rights=0) for reader in READERS]
    early, late = resting(message(running.standing), item, rights=0), resting(message(running.standing), item, rights=0)

    outcomes = await running.commit(pages[0], pages[1], early, recall(running, item), pages[2], late)

    assert reasons(outcomes) == [Committed] * 4 + [Overtaken] * 2
    assert [delivery.reader for delivery in running.store.deliveries(outcomes[3].position)] == ["ncb-bra", "ncb-deu"]


async def test_of_two_rulings_upon_one_item_at_once_one_is_overtaken(running: Gateway) -> None:
    [item] = await running.positions(message(running.standing))

    outcomes = await running.commit(recall(running, item), recall(running, item))

    assert reasons(outcomes) == [Committed, Overtaken]
    assert outcomes[1].items == {item}


async def test_the_same_ruling_again_is_a_repeat_and_not_overtaken(running: Gateway) -> None:
    [item] = await running.positions(message(running.standing))
    act = recall(running, item)
    [at] = await running.positions(act)

    outcomes = await running.commit(act, act)

    assert outcomes == [Repeated(position=at)] * 2


async def test_told_are_those_who_have_read_and_not_the_source_itself(running: Gateway) -> None:
    [item] = await running.positions(message(running.standing))
    await running.commit(*(page(running.standing, who, item) for who in ("ncb-ita", "ncb-fra", "ncb-bra", "ncb-ita")))
    asked: list[Readers] = []

    def told(readers: Readers) -> Readers:
        asked.append(readers)
        return readers

    with running.wake.listening("ncb-ita") as given, running.wake.listening("ncb-deu") as nothing:
        [at] = await running.positions(recall(running, item, told=told))
        assert await given(5)
        assert running.store.dialect == "postgresql" or not await nothing(0.05)

    assert asked == [("ncb-bra", "ncb-ita")]
    assert [delivery.reader for delivery in running.store.deliveries(at)] == ["ncb-bra", "ncb-ita"]
    assert [found.position for found in running.store.inbox("ncb-ita", START, 9)] == [item, at]
    assert running.store.holders(item) == [("ncb-bra", True), ("ncb-deu", False), ("ncb-ita", True)]


async def test_what_is_released_anew_lies_at_the_act_that_released_it_and_nowhere_else(running: Gateway) -> None:
    first, item, behind = await running.positions(
        message(running.standing), message(running.standing, readers=("ncb-ita", "ncb-deu")), message(running.standing)
    )
    lift = ruling(running.standing, Effect.RESTRICTION, item, rights=0, anew=("ncb-bra", "ncb-ita"), body=LIFTED)

    with running.wake.listening("ncb-bra") as given:
        [at] = await running.positions(lift)
        assert await given(5)

    places = {who: [(f.released, f.position) for f in running.store.inbox(who, START, 9)] for who in READERS}
    assert places["ncb-ita"] == places["ncb-bra"] == [(first, first), (behind, behind), (at, item)]
    assert places["ncb-deu"] == [(first, first), (item, item), (behind, behind)]
    [again] = running.store.inbox("ncb-ita", Place(behind, behind), 9)
    assert (again.released, again.released_at, again.accepted_at) == (at, running.now, running.now)


async def test_a_ruling_that_cannot_be_finished_hurts_nobody_else(running: Gateway) -> None:
    [item] = await running.positions(message(running.standing))

    def told(readers: Readers) -> Readers:
        raise LookupError

    outcomes = await running.commit(
        message(running.standing), recall(running, item, told=told), message(running.standing)
    )

    assert reasons(outcomes) == [Committed, LookupError, Committed]
    assert running.committer.rights == 0


async def test_a_ruling_that_cannot_be_written_is_refused_and_nothing_of_it_stays(running: Gateway) -> None:
    [item] = await running.positions(message(running.standing))

    outcomes = await running.commit(recall(running, item, ulid="too short"))

    assert reasons(outcomes) == [Reason.FAULT]
    assert not running.store.items_held("ncb-fra", [item])[0].recalled
    assert running.committer.rights == running.store.head().rights == 0


@on_postgresql
@pytest.mark.parametrize("fault", [answer_lost, never_arrived, cut_off])
async def test_a_ruling_whose_outcome_was_unknown_stands_once(
    running: Gateway, monkeypatch: pytest.MonkeyPatch, fault: Callable[[Commit], Commit]
) -> None:
    [item] = await running.positions(message(running.standing))
    await running.commit(page(running.standing, "ncb-ita", item))
    monkeypatch.setattr(Transaction, "commit", once(fault, Transaction.commit))

    [at] = await running.positions(recall(running, item))

    assert running.committer.rights == at
    assert [delivery.reader for delivery in running.store.deliveries(at)] == ["ncb-ita"]
    running.verify()


@on_postgresql
async def test_each_attempt_is_finished_from_the_act_as_it_came(
    running: Gateway, founded: str, founding: Founding, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first attempt fails at its commit, and before the second another gateway shows the item to another."""
    [item] = await running.positions(message(running.standing))
    await running.commit(page(running.standing, "ncb-ita", item))
    asked: list[Readers] = []

    def told(readers: Readers) -> Readers:
        asked.append(readers)
        return readers

    async with gateway(founded, founding, tmp_path / "second") as second:
        loop = asyncio.get_running_loop()

        def read_elsewhere(commit: Commit) -> Commit:
            def run(transaction: Transaction) -> None:
                _driver(transaction).close()
                shown = second.commit(resting(page(second.standing, "ncb-deu", item), item, rights=0))
                asyncio.run_coroutine_threadsafe(shown, loop).result(5)
                raise OutcomeUnknown("it never arrived")

            return run

        monkeypatch.setattr(Transaction, "commit", once(read_elsewhere, Transaction.commit))
        [at] = await running.positions(recall(running, item, told=told))

    assert asked == [("ncb-ita",), ("ncb-deu", "ncb-ita")]
    assert [delivery.reader for delivery in running.store.deliveries(at)] == ["ncb-deu", "ncb-ita"]
    running.verify()


@on_postgresql
async def test_what_another_gateway_did_to_an_item_overtakes_here(
    running: Gateway, founded: str, founding: Founding, tmp_path: Path
) -> None:
    async with gateway(founded, founding, tmp_path / "second") as second:
        [item] = await running.positions(message(running.standing))
        before = running.committer.rights
        [at] = await second.positions(recall(second, item))

        overtaken = await running.commit(resting(page(running.standing, "ncb-ita", item), item, rights=before))

        assert overtaken == [Overtaken(frozenset({item}))]
        assert running.committer.rights == at  # so that the next attempt knows of it


async def test_a_gateway_that_starts_knows_the_last_act_upon_an_item(
    running: Gateway, founded: str, founding: Founding, tmp_path: Path
) -> None:
    [item] = await running.positions(message(running.standing))
    [at] = await running.positions(recall(running, item))
    await running.committer.stop()

    async with gateway(founded, founding, tmp_path / "second") as second:
        assert second.committer.rights == at


async def test_a_reader_sees_what_was_done_to_an_item(running: Gateway) -> None:
    original = message(running.standing)
    [item] = await running.positions(original)
    limit = ruling(running.standing, Effect.RESTRICTION, item, rights=0, body=ONLY_ITALY)
    [limited] = await running.positions(limit)
    newer = ruling(running.standing, Effect.CORRECTION, item, rights=limited, readers=("ncb-ita",))
    [corrected] = await running.positions(newer)

    found = {who: running.store.item_for(who, item_of(original).item) for who in ("ncb-fra", "ncb-ita", "ncb-deu")}

    stated = {who: (held.limits, held.newer) for who, held in found.items() if held is not None}
    assert {limits.include if limits else None for limits, _ in stated.values()} == {frozenset({"ITA"})}
    version = item_of(newer).item
    assert {who: known for who, (_, known) in stated.items()} == {
        "ncb-fra": version,
        "ncb-ita": version,
        "ncb-deu": None,
    }
    assert corrected > limited

    lifted = ruling(running.standing, Effect.RESTRICTION, item, rights=corrected, body=LIFTED)
    await running.positions(lifted)
    [held] = running.store.items_held("ncb-deu", [item])
    assert held.limits is None


async def test_a_restriction_that_is_missing_opens_nothing(running: Gateway, founded: str) -> None:
    [item] = await running.positions(message(running.standing))
    [at] = await running.positions(ruling(running.standing, Effect.RESTRICTION, item, rights=0, body=ONLY_ITALY))
    ask(founded, f"DELETE FROM item WHERE position = {at}")

    with pytest.raises(Exception, match=f"the restriction at position {at}"):
        running.store.inbox("ncb-deu", START, 9)


async def test_what_rests_on_nothing_asks_nothing(running: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages that name no other pay nothing for what others do to items."""
    [item] = await running.positions(message(running.standing))
    await running.positions(recall(running, item))
    monkeypatch.delattr(Transaction, "touched_since")

    outcomes = await running.commit(message(running.standing), replace(message(running.standing), rests_on=()))

    assert reasons(outcomes) == [Committed, Committed]


async def test_an_act_that_knew_of_everything_asks_nothing(running: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    [item] = await running.positions(message(running.standing))
    [at] = await running.positions(recall(running, item))
    monkeypatch.delattr(Transaction, "touched_since")

    def known(act: Act) -> Act:
        return resting(act, item, rights=at)

    outcomes = await running.commit(known(message(running.standing, ulid=worlds.fresh_id())))

    assert reasons(outcomes) == [Committed]


async def test_what_is_overtaken_is_made_anew_from_what_is_known_by_then(running: Gateway) -> None:
    [item] = await running.positions(message(running.standing))
    known: list[int] = []

    async def shown(rights: int) -> Act:
        known.append(rights)
        if len(known) == 1:
            await running.commit(recall(running, item))
        return resting(page(running.standing, "ncb-ita", item), item, rights=rights)

    outcome = await running.committer.commit_resting(shown)

    assert isinstance(outcome, Committed)
    assert known == [0, running.committer.rights]


async def test_what_is_overtaken_each_time_may_be_asked_for_again_in_a_moment(running: Gateway) -> None:
    items = await running.positions(*(message(running.standing) for _ in range(5)))
    size = running.store.head().size
    later = iter(items)

    async def shown(rights: int) -> Act:
        at = next(later)
        await running.commit(recall(running, at))
        return resting(page(running.standing, "ncb-ita", at), at, rights=rights)

    with refused(Reason.OVERLOADED) as refusal:
        await running.committer.commit_resting(shown)

    assert refusal.value.retry_after == 1
    assert running.store.head().size == size + 3  # the recalls
