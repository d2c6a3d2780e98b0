"""The commit: what is written, what is a repeat, what is decided again, and who is told what."""

import asyncio
import time
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from exchange import leaf, receipt
from exchange.act import Act, Repeated
from exchange.leaf import Event, Field
from exchange.note import TrailVerifier
from exchange.participant import ChangeKind
from exchange.policy import Standing
from exchange.receipt import Committed
from exchange.refusal import Reason, Refusal
from tests import world as worlds
from tests.gateway import Founding, Gateway, acknowledgement, admission, change, gateway, message, page

HOUR = timedelta(hours=1)


def reasons(outcomes: list[Any]) -> list[Any]:
    """Each outcome by its kind, a refusal by its reason."""
    return [o.reason if isinstance(o, Refusal) else type(o) for o in outcomes]


async def test_acts_stand_in_the_order_in_which_they_came(running: Gateway) -> None:
    acts = [message(running.standing, text=str(n)) for n in range(300)]

    outcomes = await running.commit(*acts)

    assert [outcome.position for outcome in outcomes] == list(range(1, 301))
    running.verify()


async def test_every_receipt_proves_its_leaf_and_opens_its_message(running: Gateway) -> None:
    acts = [message(running.standing, text=str(n)) for n in range(70)]

    outcomes = await running.commit(*acts)

    trail = TrailVerifier.from_vkey(running.world.trail_key.vkey())
    for made, outcome in zip(acts, outcomes, strict=True):
        proven = receipt.verify(receipt.of(outcome, Field.MESSAGE).wire(), trail)
        assert proven.position == outcome.position
        assert proven.opens(Field.MESSAGE, made.draft.sealed[Field.MESSAGE])


async def test_the_same_bytes_are_a_repeat_whatever_the_signature_and_others_are_not(running: Gateway) -> None:
    ulid = worlds.fresh_id()
    [first] = await running.positions(message(running.standing, ulid=ulid))

    again, malleated, other = await running.commit(
        message(running.standing, ulid=ulid),
        message(running.standing, ulid=ulid, signature=bytes(63) + b"\1"),
        message(running.standing, ulid=ulid, text="another"),
    )

    assert again == malleated == Repeated(position=first)
    assert other.reason is Reason.ID_REUSED
    assert running.store.head().size == 2


async def test_the_same_id_of_another_sender_is_another_item(running: Gateway) -> None:
    ulid = worlds.fresh_id()

    outcomes = await running.commit(
        message(running.standing, ulid=ulid), message(running.standing, ulid=ulid, sender="ncb-ita")
    )

    assert reasons(outcomes) == [Committed, Committed]


async def test_an_erased_id_stays_used_whatever_the_bytes(running: Gateway, founded: str) -> None:
    ulid = worlds.fresh_id()
    await running.committer.commit(message(running.standing, ulid=ulid))
    ask(founded, "UPDATE item SET erased_at = 1")

    outcomes = await running.commit(
        message(running.standing, ulid=ulid), message(running.standing, ulid=ulid, text="another")
    )

    assert reasons(outcomes) == [Reason.ERASED, Reason.ERASED]


async def test_of_twins_in_one_batch_the_first_wins(running: Gateway) -> None:
    ulid = worlds.fresh_id()
    first = message(running.standing, ulid=ulid)
    other = message(running.standing, ulid=ulid, text="another")

    outcomes = await running.commit(message(running.standing), first, other, first, message(running.standing))

    assert reasons(outcomes) == [Committed, Committed, Reason.ID_REUSED, Repeated, Committed]
    running.verify()


async def test_a_reader_acknowledges_an_item_once(running: Gateway) -> None:
    [item] = await running.positions(message(running.standing))

    outcomes = await running.commit(
        acknowledgement(running.standing, item, "ncb-ita"),
        acknowledgement(running.standing, item, "ncb-ita", text="in other words"),
        acknowledgement(running.standing, item, "ncb-deu"),
    )

    assert reasons(outcomes) == [Committed, Repeated, Committed]
    assert outcomes[1].position == outcomes[0].position


async def test_a_change_ends_its_batch_and_the_rest_is_decided_under_it(running: Gateway) -> None:
    decided: list[int] = []

    def post(standing: Standing, now: datetime | None = None) -> Act:
        decided.append(standing.directory.version)
        return message(standing, text=str(len(decided)), again=post)

    admitted = change(running.standing, admission(running.world, "ncb-uto"), running.now)
    outcomes = await running.commit(post(running.standing), admitted, post(running.standing))

    assert [outcome.position for outcome in outcomes] == [1, 2, 3]
    assert decided == [0, 0, 2]
    assert [leaf.read(outcome.leaf).directory for outcome in outcomes] == [0, 0, 2]
    assert "ncb-uto" in running.standing.directory.participants
    running.verify()


async def test_what_is_decided_again_may_be_refused(running: Gateway) -> None:
    def refuse(standing: Standing, now: datetime) -> Act:
        raise Refusal(Reason.NOT_CLEARED)

    admitted = change(running.standing, admission(running.world, "ncb-uto"), running.now)
    outcomes = await running.commit(admitted, message(running.standing, again=refuse))

    assert reasons(outcomes) == [Committed, Reason.NOT_CLEARED]
    assert running.store.head().size == 2


async def test_an_act_without_again_holds_whatever_changes(running: Gateway) -> None:
    admitted = change(running.standing, admission(running.world, "ncb-uto"), running.now)

    outcomes = await running.commit(admitted, message(running.standing))

    assert reasons(outcomes) == [Committed, Committed]
    running.verify()


async def test_a_repeat_is_one_whatever_has_changed_since(running: Gateway) -> None:
    def refuse(standing: Standing, now: datetime) -> Act:
        raise Refusal(Reason.NOT_CLEARED)

    posted = message(running.standing, again=refuse)
    [first] = await running.positions(posted)
    await running.committer.commit(change(running.standing, admission(running.world, "ncb-uto"), running.now))

    assert await running.committer.commit(posted) == Repeated(position=first)


async def test_a_decision_whose_time_is_over_is_made_again(running: Gateway) -> None:
    asked: list[datetime] = []

    def again(standing: Standing, now: datetime) -> Act:
        asked.append(now)
        return message(standing, again=again, valid_until=now + HOUR)

    stale = message(running.standing, again=again, valid_until=running.now)
    outcome = await running.committer.commit(stale)

    assert isinstance(outcome, Committed)
    assert asked == [running.now]


async def test_an_act_is_decided_again_three_times_and_no_more(running: Gateway) -> None:
    asked: list[datetime] = []

    def again(standing: Standing, now: datetime) -> Act:
        asked.append(now)
        return message(standing, again=again, valid_until=now)

    outcomes = await running.commit(message(running.standing, again=again, valid_until=running.now))

    assert reasons(outcomes) == [Reason.OVERLOADED]
    assert len(asked) == 3
    assert running.store.head().size == 1


async def test_a_change_that_no_longer_fits_is_refused_in_the_commit(running: Gateway) -> None:
    signed = admission(running.world, "ncb-uto")
    twice = admission(running.world, "ncb-uto")
    admitted, other = (replace(change(running.standing, s, running.now), again=None) for s in (signed, twice))

    outcomes = await running.commit(admitted, other, admitted)

    assert reasons(outcomes) == [Committed, Reason.CHANGE_WRONG, Repeated]
    assert running.store.head().size == 2


async def test_a_proposal_waits_until_its_change_is_in_force(running: Gateway) -> None:
    first, second = running.world.officers
    alone = admission(running.world, "ncb-uto", first)
    both = replace(alone, approvals=(running.world.approval(alone.change, second),))
    proposed = change(running.standing, alone, running.now)

    outcomes = await running.commit(proposed, proposed)
    waiting = running.store.proposals()
    enacted = await running.positions(change(running.standing, both, running.now))

    assert reasons(outcomes) == [Committed, Repeated]
    assert [found.signed for found in waiting] == [alone]
    assert running.store.proposals() == []
    assert [found.position for found in running.store.changes(-1, 10)] == enacted
    running.verify()


async def test_a_policy_set_takes_effect_with_its_leaf(running: Gateway) -> None:
    texts = dict(running.standing.policy.texts.document)
    texts["cases"] = {**texts["cases"], "more.cases": ""}
    signed = running.world.signed(ChangeKind.POLICY, *running.world.officers, policy=texts)

    before = running.standing.policy.digest
    [outcome] = await running.commit(change(running.standing, signed, running.now))

    assert leaf.read(outcome.leaf).policy == before
    assert running.standing.policy.digest != before
    assert running.store.head().policy == running.standing.policy.digest
    assert running.store.policy_texts(running.standing.policy.digest) is not None


async def test_beyond_the_queue_nothing_is_taken(founded: str, founding: Founding, tmp_path: Path) -> None:
    async with gateway(founded, founding, tmp_path / "published", queue=8) as full:
        outcomes = await full.commit(*(message(full.standing, text=str(n)) for n in range(1000)))

        refused = [outcome for outcome in outcomes if isinstance(outcome, Refusal)]
        assert refused
        assert {(refusal.reason, refusal.retry_after) for refusal in refused} == {(Reason.OVERLOADED, 1)}
        assert full.store.head().size == 1 + len(outcomes) - len(refused)


async def test_a_clock_that_lies_behind_is_told_once_and_time_never_goes_back(running: Gateway) -> None:
    await running.committer.commit(message(running.standing))
    running.now -= HOUR

    for n in range(3):
        await running.committer.commit(message(running.standing, text=str(n)))

    events = [leaf.read(entry.leaf) for entry in running.store.entries(0, 10)]
    assert [stated.event for stated in events].count(Event.CLOCK_ANOMALY) == 1
    assert [stated.count for stated in events if stated.event is Event.CLOCK_ANOMALY] == [3600]
    running.verify()


async def test_one_act_that_cannot_be_written_does_not_hurt_the_others(running: Gateway) -> None:
    poison = message(running.standing, ulid="too short")

    outcomes = await running.commit(*(message(running.standing) for _ in range(5)), poison, message(running.standing))

    assert reasons(outcomes) == [Committed] * 5 + [Reason.FAULT, Committed]
    running.verify()


async def test_the_log_names_a_rows_fault_and_quotes_no_row(running: Gateway, caplog: pytest.LogCaptureFixture) -> None:
    """PostgreSQL's own words would be: Failing row contains (1, ..., ncb-fra, too short, ...)."""
    await running.commit(message(running.standing, ulid="too short"))

    code = {"sqlite": "SQLITE_CONSTRAINT_CHECK", "postgresql": "23514"}[running.store.dialect]
    [said] = [record.getMessage() for record in caplog.records if record.name == "exchange.committer"]
    assert code in said
    assert not any(quoted in caplog.text for quoted in ("too short", "ncb-", "Failing", "item"))


async def test_a_leaf_that_is_too_long_hurts_nobody_else(running: Gateway) -> None:
    endless = page(running.standing, "ncb-ita", *range(2000))

    outcomes = await running.commit(message(running.standing), endless, message(running.standing))

    assert reasons(outcomes) == [Committed, ValueError, Committed]


async def test_a_commit_wakes_the_readers_it_has_something_for_and_nobody_else(running: Gateway) -> None:
    with running.wake.listening("ncb-ita") as given, running.wake.listening("ncb-xxx") as nothing:
        await running.committer.commit(message(running.standing))

        assert await given(5)
        # On PostgreSQL the first look at the trail may wake everybody, as after a lost notice.
        assert running.store.dialect == "postgresql" or not await nothing(0.05)


async def test_a_batch_costs_the_loop_one_call_whatever_its_size(
    founded: str, founding: Founding, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[object] = []
    loop = asyncio.get_running_loop()
    call = loop.call_soon_threadsafe
    async with gateway(founded, founding, tmp_path / "published") as running:

        def counted(*arguments: Any) -> Any:
            calls.append(arguments[0])
            return call(*arguments)

        monkeypatch.setattr(loop, "call_soon_threadsafe", counted)

        outcomes = await running.commit(*(message(running.standing, text=str(n)) for n in range(200)))

        # The first may have gone ahead alone; nobody listens, so nobody is woken.
        notes = {outcome.note for outcome in outcomes}
        assert 1 <= len(notes) <= 3
        assert len(calls) == len(notes)


async def test_stopping_commits_what_is_queued_and_takes_nothing_more(running: Gateway) -> None:
    queued = [asyncio.create_task(running.committer.commit(message(running.standing))) for _ in range(400)]
    await asyncio.sleep(0)

    await running.committer.stop()
    outcomes = await asyncio.gather(*queued)
    late = await running.commit(message(running.standing))

    assert reasons(outcomes) == [Committed] * 400
    assert reasons(late) == [Reason.STORE_UNAVAILABLE]
    assert not running.committer.alive


async def test_a_writer_that_dies_leaves_nobody_waiting(running: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("exchange.committer.composing.merkle.batch_proofs", broken)
    begun = time.monotonic()
    outcomes = await running.commit(*(message(running.standing) for _ in range(500)))
    late = await running.commit(message(running.standing))
    await running.committer.stop()

    assert set(reasons(outcomes + late)) == {Reason.STORE_UNAVAILABLE}
    assert not running.committer.alive
    assert time.monotonic() - begun < 5
    assert running.store.head().size == 1


async def test_an_act_whose_caller_has_gone_may_be_dropped_and_blocks_nobody(running: Gateway) -> None:
    gone = asyncio.create_task(running.committer.commit(message(running.standing)))
    await asyncio.sleep(0)
    gone.cancel()

    outcome = await running.committer.commit(message(running.standing))

    assert isinstance(outcome, Committed)
    assert outcome.position in (1, 2)


def ask(url: str, statement: str) -> None:
    """What somebody with the database at hand could do."""
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()
