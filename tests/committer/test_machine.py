"""The commit as a state machine against a plain list: whatever happens to a commit, the trail is the list.

Messages, repeats, twins, acknowledgements, changes of the directory, restarts, lost answers and lost words, in any
order. After each, the model knows for every act where it stands; at the end the trail is read back whole, and what each
position says, and what lies beside it, is what the list says.
"""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from exchange import jose, leaf, strictjson
from exchange.act import Act, Repeated
from exchange.leaf import Event, Field
from exchange.participant import CHANGE_LIMIT
from exchange.receipt import Committed
from exchange.refusal import Reason, Refusal
from exchange.store import OutcomeUnknown, StoredEntry, Transaction
from tests import world as worlds
from tests.committer.test_unknown import _driver
from tests.gateway import Founding, Gateway, acknowledgement, admission, change, gateway, message
from tests.stores import Store as Databases

IDS = [worlds.fresh_id() for _ in range(6)]
TEXTS = ["one", "two"]
READERS = ["ncb-deu", "ncb-ita"]

posts = st.tuples(st.sampled_from(IDS), st.sampled_from(TEXTS))


class Fault:
    """What befalls commits, as many as are due: the answer is lost, or the word never arrives."""

    def __init__(self) -> None:
        self.due: list[bool] = []
        self._commit = Transaction.commit

    def commit(self, transaction: Transaction) -> None:
        if not self.due:
            self._commit(transaction)
            return
        if self.due.pop():
            self._commit(transaction)
            raise OutcomeUnknown("the answer was lost")
        _driver(transaction).close()
        raise OutcomeUnknown("the word never arrived")


def said(entry: StoredEntry, token: bytes | None) -> str:
    """What a position says, in the words of the list."""
    stated = leaf.read(entry.leaf)
    match stated.event:
        case Event.MESSAGE_ACCEPTED if token is not None:
            written = _payload(token)
            assert stated.object == f"ncb-fra:{written['id']}"
            return f"{written['id']} {written['text']}"
        case Event.ITEM_ACKNOWLEDGED:
            return f"{stated.actor} has {stated.object}"
        case Event.DIRECTORY_CHANGED:
            change = strictjson.parse_object(entry.texts[Field.CHANGE], limit=CHANGE_LIMIT)["change"]
            return f"{_payload(change.encode())['participant']} is admitted"
        case event:
            return event.value


def _payload(token: bytes) -> dict[str, Any]:
    return strictjson.parse_object(jose.decode(token.split(b".")[1]), limit=CHANGE_LIMIT)


class TrailMachine(RuleBasedStateMachine):
    """trail: what stands at each position, in the words of `said`. items: id -> (text, position)."""

    databases: Databases
    founding: Founding
    folder: Path
    fault: Fault

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.url = self.databases.new_url(built_by=self.founding.build)
        self.published = self.folder / self.url.rpartition("/")[2]
        self.trail: list[str] = ["genesis"]
        self.items: dict[str, tuple[str, int]] = {}
        self.words: dict[tuple[int, str], int] = {}
        self.admitted = 0
        self.fault.due = []
        self.open()

    def open(self) -> None:
        self.stack = AsyncExitStack()
        self.running: Gateway = self.run(
            self.stack.enter_async_context(gateway(self.url, self.founding, self.published))
        )

    def run(self, awaited: Any) -> Any:
        return self.loop.run_until_complete(awaited)

    def commit(self, acts: list[Act]) -> list[Any]:
        """On SQLite a lost answer ends the process: then it starts again, and everybody asks again."""
        outcomes: list[Any] = self.run(self.running.commit(*acts))
        if self.running.committer.alive:
            return outcomes
        assert self.running.store.dialect == "sqlite"
        self.restart()
        again = self.run(self.running.commit(*acts))
        unknown = [isinstance(o, Refusal) and o.reason is Reason.STORE_UNAVAILABLE for o in outcomes]
        return [second if lost else first for first, second, lost in zip(outcomes, again, unknown, strict=True)]

    @rule(chosen=st.lists(posts, min_size=1, max_size=12))
    def post(self, chosen: list[tuple[str, str]]) -> None:
        standing = self.running.standing
        outcomes = self.commit([message(standing, ulid=ulid, text=text) for ulid, text in chosen])

        placed = {o.position: n for n, o in enumerate(outcomes) if not isinstance(o, Refusal)}
        for position in sorted(placed):
            ulid, text = chosen[placed[position]]
            if ulid not in self.items:
                assert position == len(self.trail)
                self.items[ulid] = (text, position)
                self.trail.append(f"{ulid} {text}")
        for (ulid, text), outcome in zip(chosen, outcomes, strict=True):
            held, position = self.items[ulid]
            if held == text:
                assert outcome.position == position
            else:
                assert outcome.reason is Reason.ID_REUSED
        self.new_ones_are_told_once(outcomes)

    @precondition(lambda self: self.items)
    @rule(data=st.data(), reader=st.sampled_from(READERS), times=st.integers(1, 3))
    def acknowledge(self, data: st.DataObject, reader: str, times: int) -> None:
        _, item = self.items[data.draw(st.sampled_from(sorted(self.items)))]
        outcomes = self.commit([acknowledgement(self.running.standing, item, reader)] * times)

        if (item, reader) not in self.words:
            self.words[item, reader] = len(self.trail)
            self.trail.append(f"{reader} has {item}")
        assert {outcome.position for outcome in outcomes} == {self.words[item, reader]}

    @rule(chosen=st.lists(posts, max_size=3))
    def admit(self, chosen: list[tuple[str, str]]) -> None:
        """A change, with messages around it that are decided again under it."""
        self.admitted += 1
        running = self.running
        signed = admission(running.world, f"ncb-{self.admitted}")
        outcome = self.commit([change(running.standing, signed, running.now)])[0]

        assert outcome.position == len(self.trail) == self.running.standing.directory.version
        self.trail.append(f"ncb-{self.admitted} is admitted")
        if chosen:
            self.post(chosen)

    @rule()
    def restart(self) -> None:
        self.fault.due = []
        self.run(self.stack.aclose())
        self.open()

    @rule(committed=st.booleans())
    def lose_the_next_answer(self, committed: bool) -> None:
        """On SQLite the process ends with it, before or after the commit reached the disk."""
        self.fault.due = [committed]

    def new_ones_are_told_once(self, outcomes: list[Any]) -> None:
        committed = [o.position for o in outcomes if isinstance(o, Committed)]
        assert len(set(committed)) == len(committed)
        assert all(isinstance(o, Committed | Repeated | Refusal) for o in outcomes)

    def teardown(self) -> None:
        self.fault.due = []
        running = self.running
        store, size = running.store, len(self.trail)
        running.verify()
        tokens = store.messages(0, size)
        assert [said(entry, tokens.get(entry.position)) for entry in store.entries(-1, size + 1)] == self.trail
        assert store.head().size == size
        assert {row.item.split(":")[1]: row.position for row in store.sent("ncb-fra", -1, 1000)} == {
            ulid: position for ulid, (_, position) in self.items.items()
        }
        assert {
            (position, delivery.reader)
            for _, position in self.items.values()
            for delivery in store.deliveries(position)
            if delivery.state == "acknowledged"
        } == self.words.keys()
        changes = {n for n, words in enumerate(self.trail) if words.endswith("is admitted")}
        assert {change.position for change in store.changes(0, 1000)} == changes
        assert {id for id in running.standing.directory.participants if id[4:].isdigit()} == {
            f"ncb-{n}" for n in range(1, self.admitted + 1)
        }
        self.run(self.stack.aclose())
        self.loop.close()
        self.databases.drop(self.url)


def test_whatever_happens_the_trail_is_a_plain_list(
    store: Databases, founding: Founding, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    TrailMachine.databases, TrailMachine.founding, TrailMachine.folder = store, founding, tmp_path
    TrailMachine.fault = Fault()
    monkeypatch.setattr(Transaction, "commit", lambda transaction: TrailMachine.fault.commit(transaction))

    run_state_machine_as_test(
        TrailMachine,
        settings=settings(
            # A database and several starts for each: on PostgreSQL some seconds.
            max_examples=25 if store.name == "sqlite" else 6,
            stateful_step_count=15,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
