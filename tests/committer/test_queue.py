"""The queue: bounded, in order, cut into batches by number, by weight, and by changes."""

import asyncio
from collections.abc import Iterator

import pytest

from exchange.act import Act, NewChange
from exchange.committer.queue import MOST_BYTES, MOST_MEMBERS, Member, Queue
from exchange.leaf import Draft, Event, Field
from exchange.participant import ChangeKind, SignedChange
from exchange.refusal import Reason, Refusal


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    made = asyncio.new_event_loop()
    yield made
    made.close()


def member(loop: asyncio.AbstractEventLoop, *, weight: int = 10, change: bool = False) -> Member:
    draft = Draft(event=Event.QUESTION_ASKED, actor="a", object="o", sealed={Field.REASON: bytes(weight)})
    signed = SignedChange(change=b"a.b.c")
    row = NewChange(change="1", kind=ChangeKind.ADMIT, participant="p", signed=signed) if change else None
    return Member(Act(draft=draft, directory=0, policy="", row=row), loop.create_future())


def filled(queue: Queue, *members: Member) -> list[list[Member]]:
    """The batches that these come out in."""
    queue.put(members)
    batches = []
    while batch := queue.take(0):
        batches.append(batch)
    return batches


def test_a_batch_is_what_is_there_up_to_a_number(loop: asyncio.AbstractEventLoop) -> None:
    members = [member(loop) for _ in range(2 * MOST_MEMBERS + 3)]

    batches = filled(Queue(10_000), *members)

    assert [len(batch) for batch in batches] == [MOST_MEMBERS, MOST_MEMBERS, 3]
    assert [each for batch in batches for each in batch] == members


def test_a_batch_is_no_heavier_than_it_may_be(loop: asyncio.AbstractEventLoop) -> None:
    members = [member(loop, weight=MOST_BYTES // 4) for _ in range(9)]

    batches = filled(Queue(100), *members)

    assert [len(batch) for batch in batches] == [4, 4, 1]


def test_what_is_heavier_than_a_batch_goes_alone(loop: asyncio.AbstractEventLoop) -> None:
    batches = filled(Queue(9), member(loop), member(loop, weight=MOST_BYTES + 1), member(loop))

    assert [len(batch) for batch in batches] == [1, 1, 1]


def test_a_change_is_a_batch_of_its_own_in_its_turn(loop: asyncio.AbstractEventLoop) -> None:
    members = [member(loop, change=n in (2, 3, 6)) for n in range(7)]

    batches = filled(Queue(9), *members)

    assert [len(batch) for batch in batches] == [2, 1, 1, 2, 1]
    assert [each for batch in batches for each in batch] == members


def test_a_full_queue_takes_nothing_and_says_when_to_come_back(loop: asyncio.AbstractEventLoop) -> None:
    queue = Queue(3)
    queue.put([member(loop), member(loop)])
    queue.require_room(0)

    with pytest.raises(Refusal) as refused:
        queue.require_room(1)

    assert refused.value.reason is Reason.OVERLOADED
    assert refused.value.retry_after == 1


def test_an_empty_queue_is_waited_for_and_no_longer_than_said() -> None:
    assert Queue(1).take(0.01) == []


def test_a_closed_queue_gives_what_is_in_it_and_then_its_end(loop: asyncio.AbstractEventLoop) -> None:
    queue = Queue(9)
    queue.put([member(loop)])
    queue.close()

    assert len(queue.take(None) or ()) == 1
    assert queue.take(None) is None
    assert queue.take(None) is None


def test_draining_finds_all_that_was_not_taken_even_what_was_held_back(loop: asyncio.AbstractEventLoop) -> None:
    queue = Queue(9)
    members = [member(loop), member(loop, change=True), member(loop)]
    queue.put(members)
    queue.take(0)

    assert list(queue.drain()) == members[1:]
    assert list(queue.drain()) == []
