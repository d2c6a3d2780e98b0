"""Control after sending as a state machine, on several gateways: nobody reads what is forbidden, nobody misses what is
allowed.

Messages, pages, restrictions, lifts, recalls, corrections, forwards, changes of rights, suspensions and revocations, in
any order, each at any gateway, some at once. Beside them stands a model of a few lines. After every step every inbox is
as the model says, in the order of release; every act was told to exactly those whom the trail says to have read before
it; in the end the whole trail verifies.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from exchange import instant, leaf, strictjson
from exchange.act import Ruling
from exchange.jose import SigningKey
from exchange.label import Classification, Label
from exchange.leaf import Event, Field
from exchange.participant import ChangeKind, ParticipantId
from exchange.refusal import Reason, Refusal
from exchange.store.batch import BatchRows
from tests import world as worlds
from tests.branches import Branch, Peopled, branch
from tests.network import shipped_texts
from tests.network_model import COUNTRIES, EVERYBODY, RANKS, Item, Model, Rights
from tests.stores import Store as Databases

GATEWAYS = {"sqlite": 1, "postgresql": 3}

names, gateways = st.sampled_from(EVERYBODY), st.integers(0, 2)
some = st.sets(names, min_size=1)
races = st.lists(st.tuples(names, gateways), max_size=6)
kept_from = st.sets(st.sampled_from(sorted(COUNTRIES.values())), max_size=2)


@dataclass(slots=True)
class Follower:
    """Somebody who follows an inbox by its cursor. came: items, as often as they came."""

    cursor: str | None = None
    came: Counter[str] = field(default_factory=Counter)


def four_bureaus(folder: Path) -> Peopled:
    world = worlds.found(policy=shipped_texts().digest)
    for name, country in COUNTRIES.items():
        world.admit(name, country, clearance=Classification.RES)
    return Peopled(world, folder=folder)


class Network(RuleBasedStateMachine):
    databases: Databases
    founding: Peopled
    folder: Path

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.url = self.databases.new_url(built_by=self.founding.build)
        self.world = self.founding.world.branch()
        self.model = Model({name: Rights(key=self.world[name].message) for name in EVERYBODY})
        self.followers = {name: Follower() for name in EVERYBODY}
        self.others: Counter[tuple[str, str]] = Counter()  # shown to whom what, otherwise than to its follower
        self.stack = AsyncExitStack()
        self.branches = [self._open(n) for n in range(GATEWAYS[self.databases.name])]

    def _open(self, n: int) -> Branch:
        published = self.folder / f"{n}-{self.url.rpartition('/')[2]}"
        opened: Branch = self.run(self.stack.enter_async_context(branch(self.url, self.founding, published)))
        return opened

    def run(self, awaited: Any) -> Any:
        return self.loop.run_until_complete(awaited)

    def at(self, gateway: int) -> Branch:
        return self.branches[gateway % len(self.branches)]

    # What is written

    def document(self, sender: str, type: str, body: dict[str, Any], item: Item | None = None, **members: Any) -> Any:
        """item: what it is about, whose label it bears."""
        now = self.world.now
        label = members.pop("label", None) or self.labelled(item.rank, item.kept) if item else members.pop("label")
        made = {
            "id": worlds.fresh_id(now),
            "type": type,
            "schema_version": 1,
            "aud": self.world.origin,
            "sender": sender,
            "user": "u-117",
            "case_ref": "UTO-2026-0001",
            "subject": "A shipment",
            "label": label | {"originator": sender},
            "sent_at": instant.write(now),
            "body": body if item is None else {"object": item.name, **body},
        }
        return made | ({} if item is None else {"thread": self.thread(item)}) | members

    def thread(self, item: Item) -> str:
        found = self.branches[0].gateway.store.item_for(item.sender, item.name)
        assert found is not None
        return found.thread

    def labelled(self, rank: str, kept: frozenset[str]) -> dict[str, Any]:
        circle = {"mode": "ALL_MINUS", "exclude": sorted(kept)} if kept else {"mode": "ALL"}
        purpose = {"purpose": ["P3"]} if rank == "RES" else {}
        return worlds.label(created=instant.write(self.world.now), classification=rank, releasable_to=circle, **purpose)

    async def post(self, document: dict[str, Any], gateway: int) -> int | Reason:
        """-> where it stands, or why it does not."""
        sender = document["sender"]
        try:
            accepted = await self.at(gateway).post(document, self.model.rights[sender].key)
        except Refusal as refusal:
            return refusal.reason
        return accepted.receipt.position

    # What the trail says

    def read_before(self, item: Item, position: int) -> set[str]:
        store = self.branches[0].gateway.store
        leaves = (leaf.read(entry.leaf) for entry in store.entries(-1, position))
        shown = {s.actor for s in leaves if s.event is Event.ITEMS_READ and item.position in s.items}
        return shown - {item.sender}

    def told(self, position: int) -> set[str]:
        decisions = self.branches[0].gateway.store.sealed(position).texts[Field.DECISIONS]
        return set(strictjson.parse_object(decisions, limit=1 << 20)["told"])

    # The rules

    @initialize(senders=st.lists(names, min_size=2, max_size=3), rank=st.sampled_from(sorted(RANKS)))
    def begin(self, senders: list[str], rank: str) -> None:
        for sender in senders:
            self.send(sender=sender, to=set(EVERYBODY), rank=rank, kept=set(), gateway=0)

    @rule(sender=names, to=some, rank=st.sampled_from(sorted(RANKS)), kept=kept_from, gateway=gateways)
    def send(self, sender: str, to: set[str], rank: str, kept: set[str], gateway: int) -> None:
        kept_out, recipients = frozenset(kept), [{"participant": name} for name in sorted(to - {sender})]
        label = self.labelled(rank, kept_out)
        document = self.document(
            sender, "message", {"text": "!"}, label=label, recipients=recipients or [{"all": True}]
        )
        outcome = self.run(self.post(document, gateway))

        asked = (to if recipients else set(EVERYBODY)) - {sender}
        draft = Item(name="", position=0, sender=sender, type="", rank=rank, kept=kept_out, held={})
        readers = {name for name in asked if self.model.would(name, draft, frozenset())}
        wrong = {Reason.DENIED} if self.model.rights[sender].suspended else set[Reason]()
        if RANKS[self.model.rights[sender].clearance] < RANKS[rank]:
            wrong.add(Reason.NOT_CLEARED)
        if wrong:
            assert outcome in wrong
        else:
            assert isinstance(outcome, int)
            self.model.add(document, outcome, rank, kept_out, readers)

    @rule(reader=names, gateway=gateways)
    def read(self, reader: str, gateway: int) -> None:
        page = self.run(self.at(gateway).page(reader))
        self.others.update((reader, item.item) for item in page.items)

        assert [item.item for item in page.items] == self.model.inbox(reader)

    @rule(reader=names, gateway=gateways, limit=st.integers(1, 3))
    def follow(self, reader: str, gateway: int, limit: int) -> None:
        """To the end: then nothing that may be read was missed, and nothing came twice that was not released twice.

        Whoever reads by name or from the beginning is the same reader by another hand: what it was shown so may be left
        out (decision 0021).
        """
        follower = self.followers[reader]
        while True:
            page = self.run(self.at(gateway).page(reader, follower.cursor, limit))
            follower.cursor = page.cursor
            follower.came.update(item.item for item in page.items)
            if not page.items:
                break

        by_another_hand = {item.name for item in self.model.items if self.others[reader, item.name]}
        assert set(self.model.inbox(reader)) <= set(follower.came) | by_another_hand
        assert all(count <= self.model.released[reader, name] for name, count in follower.came.items())

    @precondition(lambda self: self.model.items)
    @rule(data=st.data(), reader=names, gateway=gateways)
    def look(self, data: st.DataObject, reader: str, gateway: int) -> None:
        item = data.draw(st.sampled_from(self.model.items), "item")

        assert self.run(self.shown(reader, item, gateway)) == self.model.may(reader, item)

    async def shown(self, reader: str, item: Item, gateway: int) -> bool:
        shown = await self.found(self.at(gateway).item(reader, item.name))
        self.others[reader, item.name] += shown
        return shown

    async def found(self, asked: Any) -> bool:
        """Whether it was there for whoever asked: everything else is one answer."""
        try:
            await asked
        except Refusal as refusal:
            if refusal.reason is not Reason.NOT_FOUND:
                raise
            return False
        return True

    @precondition(lambda self: self.model.items)
    @rule(data=st.data(), reader=names, gateway=gateways)
    def acknowledge(self, data: st.DataObject, reader: str, gateway: int) -> None:
        item = data.draw(st.sampled_from(self.model.items), "item")

        duties = ("RES",) if item.rank == "RES" else ()
        asked = self.at(gateway).acknowledge(reader, item.name, self.model.rights[reader].key, duties)
        assert self.run(self.found(asked)) == (item.sender != reader and self.model.may(reader, item))

    @precondition(lambda self: self.model.stands())
    @rule(data=st.data(), gateway=gateways, only=some, racing=races)
    def restrict(self, data: st.DataObject, gateway: int, only: set[str], racing: list[tuple[str, int]]) -> None:
        item = data.draw(st.sampled_from(self.model.stands()), "item")
        self.restricted(item, only, gateway, racing)

    @precondition(lambda self: any(item.stands and item.limits for item in self.model.items))
    @rule(data=st.data(), gateway=gateways, racing=races)
    def lift(self, data: st.DataObject, gateway: int, racing: list[tuple[str, int]]) -> None:
        item = data.draw(st.sampled_from([item for item in self.model.items if item.stands and item.limits]), "item")
        self.restricted(item, None, gateway, racing)

    def restricted(self, item: Item, only: set[str] | None, gateway: int, racing: Any) -> None:
        """only: whom it is left to; None lifts it."""
        circle = {"mode": "ONLY", "include": sorted(COUNTRIES[name] for name in only or ())}
        body = {"lifted": True} if only is None else {"releasable_to": circle}
        after = frozenset[str]() if only is None else frozenset(COUNTRIES.values()) - {COUNTRIES[n] for n in only}
        document = self.document(item.sender, "restriction", body, item)
        outcome = self.run(self.while_read(self.post(document, gateway), item, racing, after))

        if self.model.rights[item.sender].suspended:
            assert outcome is Reason.DENIED
            return
        assert isinstance(outcome, int)
        readers = self.read_before(item, outcome)
        assert self.told(outcome) == readers
        self.model.restrict(item, after, outcome)
        self.model.add(document, outcome, item.rank, item.kept, readers)

    async def while_read(self, act: Any, item: Item, racing: Any, limits: frozenset[str] | None) -> int | Reason:
        """The act, and readers who ask for the item at once, each of whom gets it as before or as after.

        limits: after the act; None where nobody may have it then.
        """
        before = {reader: self.model.may(reader, item) for reader, _ in racing}
        outcome, *seen = await asyncio.gather(act, *(self.shown(reader, item, at) for reader, at in racing))
        for (reader, _), shown in zip(racing, seen, strict=True):
            own = item.sender == reader and not self.model.rights[reader].suspended
            free = reader in item.held and not self.model.rights[reader].suspended
            then = own or (limits is not None and free and self.model.would(reader, item, limits))
            assert shown in ({before[reader], then} if isinstance(outcome, int) else {before[reader]})
        assert isinstance(outcome, int | Reason)
        return outcome

    @precondition(lambda self: self.model.stands())
    @rule(data=st.data(), gateway=gateways, racing=races)
    def recall(self, data: st.DataObject, gateway: int, racing: list[tuple[str, int]]) -> None:
        item = data.draw(st.sampled_from(self.model.stands()), "item")
        document = self.document(item.sender, "recall", {"ground": "ERROR", "action": "DELETE"}, item)
        outcome = self.run(self.while_read(self.post(document, gateway), item, racing, None))

        if self.model.rights[item.sender].suspended:
            assert outcome is Reason.DENIED
            return
        assert isinstance(outcome, int)
        readers = self.read_before(item, outcome)
        assert self.told(outcome) == readers
        item.recalled = True
        self.model.add(document, outcome, item.rank, item.kept, readers)

    @precondition(lambda self: self.model.stands())
    @rule(data=st.data(), gateway=gateways)
    def correct(self, data: st.DataObject, gateway: int) -> None:
        """What it says is released to those who hold the item and may have it."""
        item = data.draw(st.sampled_from(self.model.stands()), "item")
        body = {"reason": "ERROR", "corrected": {"text": "At the station."}}
        document = self.document(item.sender, "correction", body, item)
        outcome = self.run(self.post(document, gateway))

        source = self.model.rights[item.sender]
        if source.suspended:
            assert outcome is Reason.DENIED
        elif RANKS[source.clearance] < RANKS[item.rank]:
            assert outcome is Reason.NOT_CLEARED
        else:
            assert isinstance(outcome, int)
            readers = {name for name in item.held if self.model.would(name, item, item.limits)}
            self.model.add(document, outcome, item.rank, item.kept, readers)

    @precondition(lambda self: self.model.items)
    @rule(data=st.data(), sender=names, to=some, gateway=gateways)
    def forward(self, data: st.DataObject, sender: str, to: set[str], gateway: int) -> None:
        """By whoever has the item, to anybody who may have it."""
        item = data.draw(st.sampled_from(self.model.items), "item")
        named = to - {sender} or set(EVERYBODY) - {sender}
        recipients = [{"participant": name} for name in sorted(named)]
        document = self.document(sender, "forward", {}, item, recipients=recipients)
        outcome = self.run(self.post(document, gateway))

        if not self.model.may(sender, item):
            assert outcome is Reason.UNKNOWN_REFERENCE
        elif item.recalled:
            assert outcome is Reason.RECALLED
        elif item.type != "message":
            assert outcome is Reason.ACT_WRONG
        elif RANKS[self.model.rights[sender].clearance] < RANKS[item.rank]:
            assert outcome is Reason.NOT_CLEARED
        else:
            assert isinstance(outcome, int)
            readers = {name for name in named if self.model.would(name, item, item.limits)}
            self.model.release(item, readers - item.held.keys() - {item.sender}, outcome)
            self.model.add(document, outcome, item.rank, item.kept, readers)

    @precondition(lambda self: any(not item.stands for item in self.model.items))
    @rule(data=st.data(), gateway=gateways, type=st.sampled_from(["recall", "restriction"]))
    def act_too_late(self, data: st.DataObject, gateway: int, type: str) -> None:
        """Upon what was taken back, or upon an act that stands."""
        item = data.draw(st.sampled_from([item for item in self.model.items if not item.stands]), "item")
        body = {"ground": "ERROR", "action": "DELETE"} if type == "recall" else {"lifted": True}
        outcome = self.run(self.post(self.document(item.sender, type, body, item), gateway))

        wrong = {Reason.RECALLED} if item.recalled else {Reason.ACT_WRONG}
        assert outcome in (wrong | {Reason.DENIED, Reason.UNKNOWN_REFERENCE} if self._suspended(item.sender) else wrong)

    def _suspended(self, name: str) -> bool:
        return self.model.rights[name].suspended

    @rule(who=names, clearance=st.sampled_from(sorted(RANKS)), gateway=gateways, reading=gateways)
    def grant(self, who: str, clearance: str, gateway: int, reading: int) -> None:
        rights = {"clearance": clearance, "purposes": ["P3"], "crime_areas": ["DRG"]}
        self.model.rights[who].clearance = clearance
        self.changed(ChangeKind.RIGHTS, gateway, reading, who, *self.world.officers, **rights)

    @rule(who=names, suspended=st.booleans(), gateway=gateways, reading=gateways)
    def suspend(self, who: str, suspended: bool, gateway: int, reading: int) -> None:
        if self.model.rights[who].suspended == suspended:
            return
        self.model.rights[who].suspended = suspended
        status = "suspended" if suspended else "active"
        self.changed(ChangeKind.STATUS, gateway, reading, who, *self.world.officers, status=status)

    def changed(self, kind: ChangeKind, gateway: int, reading: int, who: str, *officers: Any, **content: Any) -> None:
        """At one gateway. Another, which does not know of it yet, shows nobody what is forbidden by now."""
        signed = self.world.signed(kind, *officers, participant=who, **content)
        self.run(self.at(gateway).change(signed))

        page = self.run(self.at(reading).page(who))
        self.others.update((who, item.item) for item in page.items)
        assert {item.item for item in page.items} <= set(self.model.inbox(who))
        for one in self.branches:
            self.run(one.catch_up())

    @rule(who=names, gateway=gateways, posting=gateways)
    def revoke(self, who: str, gateway: int, posting: int) -> None:
        """A lost key signs nothing from then on, wherever it is used; another takes its place."""
        old, new, member = self.model.rights[who].key, SigningKey.generate(), self.world[who]
        reason = {"kid": old.public.kid, "reason": "lost"}
        added = {"use": "message", "jwk": new.public.jwk, **worlds.window(self.world.now)}
        document = self.document(
            who, "message", {"text": "!"}, label=self.labelled("OUO", frozenset()), recipients=[{"all": True}]
        )
        self.changed(ChangeKind.KEY_REVOKE, gateway, gateway, who, member.officer, **reason)
        late = self.run(self.post(document, posting))
        self.model.rights[who].key = new
        self.changed(ChangeKind.KEY_ADD, gateway, gateway, who, member.officer, **added)

        assert late is Reason.KEY_NOT_VALID

    @invariant()
    def every_inbox_is_as_the_model_says(self) -> None:
        """As a page is made, before it is disclosed: nobody has read anything by this."""
        for reader in EVERYBODY:
            for one in self.branches:
                assert self.run(self._seen(one, reader)) == self.model.inbox(reader)

    async def _seen(self, one: Branch, reader: str) -> list[str]:
        standing = one.gateway.standing
        look = one.inbox._look(one.caller(reader), 100, standing)
        await look.onward(one.inbox._come(None, ParticipantId(reader), "inbox"))
        return [item.item for item in look.shown]

    def teardown(self) -> None:
        report = self.branches[0].audit(self.founding.genesis)
        self.run(self.stack.aclose())
        self.loop.close()
        self.databases.drop(self.url)
        assert report.findings == ()


def explore(store: Databases, folder: Path, examples: int, **settled: Any) -> None:
    Network.databases, Network.founding, Network.folder = store, four_bureaus(folder), folder
    run_state_machine_as_test(
        Network,
        settings=settings(
            max_examples=examples,
            stateful_step_count=40,
            deadline=None,
            # The steps that fail are told as they came: to shrink them would take longer than to read them.
            phases=(Phase.explicit, Phase.reuse, Phase.generate),
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
            **settled,
        ),
    )


def test_nobody_reads_what_is_forbidden_and_nobody_misses_what_is_allowed(store: Databases, tmp_path: Path) -> None:
    explore(store, tmp_path, 15 if store.name == "sqlite" else 4)


def lose_releases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whom an act releases an item anew has it where it lay before."""
    by_the_book = BatchRows._rule

    def rule(rows: BatchRows, cursor: Any, position: int, ruling: Ruling, **which: bool) -> None:
        by_the_book(rows, cursor, position, replace(ruling, anew=()), **which)

    monkeypatch.setattr(BatchRows, "_rule", rule)


def read_as_labelled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever an item was restricted to since."""
    monkeypatch.setattr(Label, "narrowed", lambda label, circle: label)


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
@pytest.mark.parametrize("fault", [lose_releases, read_as_labelled])
def test_an_exchange_that_errs_is_found_out(
    store: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Callable[[pytest.MonkeyPatch], None]
) -> None:
    """The control: the machine can fail."""
    fault(monkeypatch)

    with pytest.raises((AssertionError, BaseExceptionGroup)):
        explore(store, tmp_path, 100, database=None)
