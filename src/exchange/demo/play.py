"""Plays scenes over the network, and compares what comes out with what the story says. The first difference ends it."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from exchange.client import Client, Preview, Refused, Sent
from exchange.client.profile import Profile
from exchange.client.wire import JOSE
from exchange.demo import samples
from exchange.demo.cast import AUDITOR
from exchange.demo.narrator import Narrator
from exchange.demo.oversight import Decided, Oversight
from exchange.demo.story import Attempt, Retry, Sending
from exchange.envelope import ItemId
from exchange.refusal import Reason


class Broken(Exception):
    """A step did not come out. The text says what was expected and what came, and names the rule that carries it."""


@dataclass(slots=True, kw_only=True)
class Tally:
    """What the last line counts: deliveries released and withheld, posts refused, and what was verified at the end."""

    released: int = 0
    withheld: int = 0
    refused: int = 0
    signatures_verified: int = 0
    proofs_verified: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A message that was sent, with its bytes and its sender's receipt."""

    document: Mapping[str, Any]
    token: bytes
    sent: Sent


@dataclass(slots=True, kw_only=True)
class Play:
    """desks: of the cast, by id. accepted: by the name of the scene. refused: who was, with the answer. held: what each
    is to have by now, in the order in which it came.
    """

    desks: Mapping[str, Client]
    oversight: Oversight
    narrator: Narrator
    tally: Tally
    accepted: dict[str, Accepted] = field(default_factory=dict)
    refused: list[tuple[str, Refused]] = field(default_factory=list)
    held: dict[str, list[str]] = field(default_factory=dict)
    _cursors: dict[str, str] = field(default_factory=dict)
    _seen: dict[str, set[str]] = field(default_factory=dict)

    async def perform(self, scene: Sending | Attempt | Retry) -> None:
        """Raises Broken, and ExchangeError where the exchange said something that no scene foresees."""
        match scene:
            case Sending():
                await self._send(scene)
            case Attempt():
                await self._attempt(scene)
            case Retry():
                await self._retry(scene)

    async def _send(self, scene: Sending) -> None:
        document = self._written(scene)
        desk = self.desks[document["sender"]]
        preview = await desk.preview(document) if scene.previewed else None
        if preview is not None:
            self.narrator.previewed(document["sender"], preview)
        token = desk.sign(document)
        sent = await desk.post(token)
        self.accepted[scene.name] = Accepted(document=document, token=token, sent=sent)

        decided = await self.oversight.decisions(sent.item)
        if decided is None:
            raise Broken(f"the trail does not say what was decided of {sent.item}")
        self.narrator.sent(document, decided, sent, self.oversight.says)
        reached = sum(found.released for found in decided.values())
        self.tally.released += reached
        self.tally.withheld += len(decided) - reached
        _compare(scene, decided)
        _compare_told(sent, decided, preview)
        self.gives(sent.item, *scene.released)
        await self.look(*(who for who in self.bureaus if who not in scene.unopened))
        await self.ask_by_name(sent.item, scene.withheld)
        if scene.answers:
            await self._follow_thread(scene, document)

    async def _attempt(self, scene: Attempt) -> None:
        misused = self.accepted[scene.about]
        document = samples.stamp(misused.document, origin=misused.document["aud"], now=self._any_desk.clock.now())
        trick = scene.trick(self._profiles, document, misused.token)
        refused = await _refusal_of(self.desks[trick.poster], trick.token)
        if refused is None:
            raise Broken(
                f"{by_rules(scene.rules) or 'the gate'} to refuse it with {scene.reason.code}; it was accepted"
            )
        self.narrator.refused(trick.poster, refused)
        if refused.reason != scene.reason.code or refused.rules != scene.rules:
            expected = f"{by_rules(scene.rules) or 'the gate'} to refuse it with {scene.reason.code}"
            raise Broken(f"{expected}; {by_rules(refused.rules) or 'the gate'} did so with {refused.reason}")
        await self.turned_away(trick.poster, refused)

    async def _retry(self, scene: Retry) -> None:
        first = self.accepted[scene.about]
        again = await self.desks[first.document["sender"]].post(first.token)
        self.narrator.retried(first.document["sender"], again)
        if again.new or (again.position, again.receipt["leaf"]) != (first.sent.position, first.sent.receipt["leaf"]):
            raise Broken("R50 to answer the same bytes with the receipt of the first time; it did not")
        await self.look(*self.bureaus)

    async def turned_away(self, poster: str, refused: Refused) -> None:
        """The refusal is in the trail, and nobody got anything."""
        stated = await self.oversight.refusal(refused.ticket)
        if stated is None or (stated.actor, stated.type) != (poster, refused.reason):
            raise Broken(f"a leaf that {poster} was refused with {refused.reason}; there is none")
        await self.look(*self.bureaus)
        self.refused.append((poster, refused))
        self.tally.refused += 1

    def _written(self, scene: Sending) -> dict[str, Any]:
        desk, answered = self._any_desk, self.accepted.get(scene.answers)
        return samples.stamp(
            samples.sample(scene.sample),
            origin=desk.profile.pin.origin,
            now=desk.clock.now(),
            answers="" if answered is None else answered.sent.item,
        )

    @property
    def bureaus(self) -> tuple[str, ...]:
        """Everybody who gets messages."""
        return tuple(participant for participant in self.desks if participant != AUDITOR)

    def gives(self, item: str, *readers: str) -> None:
        for reader in readers:
            self.held.setdefault(reader, []).append(item)

    def takes(self, item: str, *readers: str) -> None:
        for reader in readers:
            self.held[reader].remove(item)

    async def look(self, *who: str) -> None:
        """Each looks into its inbox, and finds what it was given since it last looked, and nothing else."""
        pages = await asyncio.gather(*(self.desks[one].inbox(self._cursors.get(one)) for one in who))
        for participant, page in zip(who, pages, strict=True):
            self._cursors[participant] = page.cursor
            found = [one.item for one in page.messages] + [one.item for one in page.doubtful]
            expected = [item for item in self.held.get(participant, ()) if item not in self._seen.get(participant, ())]
            if found != expected or page.doubtful:
                raise Broken(
                    f"{participant} to find {expected or 'nothing'} in its inbox; it found {found or 'nothing'}"
                )
            self._seen.setdefault(participant, set()).update(found)

    async def ask_by_name(self, item: ItemId, withheld: Mapping[str, tuple[str, ...]]) -> None:
        """Who was refused an item is answered as if there were none, even if it knows its name."""
        for participant, rules in withheld.items():
            try:
                await self.desks[participant].message(item)
            except Refused as refused:
                if refused.reason == Reason.NOT_FOUND.code:
                    continue
                raise
            raise Broken(f"{by_rules(rules)} to hide the item from {participant}, which fetched it by its name")

    async def _follow_thread(self, scene: Sending, document: Mapping[str, Any]) -> None:
        begun = self.accepted[scene.answers].sent.item
        both = [begun, self.accepted[scene.name].sent.item]
        for participant in (document["sender"], *scene.released):
            seen = [one.item for one in (await self.desks[participant].thread(begun)).messages]
            if seen != both:
                raise Broken(f"{participant} to see request and answer in one thread; it sees {seen}")

    @property
    def _any_desk(self) -> Client:
        return next(iter(self.desks.values()))

    @property
    def _profiles(self) -> Mapping[str, Profile]:
        return {participant: desk.profile for participant, desk in self.desks.items()}


def _compare(scene: Sending, decided: Mapping[str, Decided]) -> None:
    """Whom it reached and by which rules it did not reach the others, against the story."""
    for participant, rules in scene.withheld.items():
        found = decided.get(participant)
        if found is None or found.released:
            came = "it was released" if found else "it was not addressed"
            raise Broken(f"{by_rules(rules)} to withhold it from {participant}; {came}")
        missing = tuple(rule for rule in rules if rule not in found.rules)
        if missing:
            raise Broken(
                f"{by_rules(missing)} among the rules that hide it from {participant}; "
                f"the outcome was {found.outcome} by {by_rules(found.rules)}"
            )
    for participant in scene.released:
        found = decided.get(participant)
        if found is None or not found.released:
            by = by_rules(found.rules) if found else "nobody's address"
            raise Broken(f"{by_rules(scene.carried_by)} to let it reach {participant}; it was withheld by {by}")
    others = decided.keys() - scene.withheld.keys() - {*scene.released}
    if others:
        raise Broken(f"it to concern nobody but those of the story; it concerned {', '.join(sorted(others))} too")


def _compare_told(sent: Sent, decided: Mapping[str, Decided], preview: Preview | None) -> None:
    reached = tuple(sorted(participant for participant, found in decided.items() if found.released))
    if sent.released != reached:
        raise Broken(f"its sender to be told of {reached}; it was told of {sent.released}")
    if preview is not None and (preview.outcome != "ALLOW" or preview.recipients != sent.routing):
        raise Broken("the preview to tell what then happens; it told something else")


async def _refusal_of(desk: Client, token: bytes) -> Refused | None:
    # Not by `post`, which would see through the trick before anything was sent.
    try:
        await desk.wire.post("/v1/messages", token, JOSE)
    except Refused as refused:
        return refused
    return None


def by_rules(rules: tuple[str, ...]) -> str:
    return " and ".join(rules)
