"""What the auditor sees, which is what the narrator may tell: decisions with their rules, for every recipient.

No participant is told as much; a sender learns what follows from its own label, a reader nothing of what is not there.
Content is not among it: whatever the narrator quotes of a message, it knows from the story.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from exchange import leaf
from exchange.audit import Entry
from exchange.client import Client
from exchange.leaf import Event, Field, Leaf
from exchange.policy import PolicySet, parse_texts


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What was decided of one recipient: CONTENT, POINTER or NOHIT, by which rules."""

    outcome: str
    rules: tuple[str, ...]

    @property
    def released(self) -> bool:
        return self.outcome == "CONTENT"


@dataclass(slots=True, kw_only=True)
class Oversight:
    """client: the auditor's. policy: what is in force, for the words of the rules."""

    client: Client
    policy: PolicySet
    _looked_at: int = -1  # position

    @classmethod
    async def begin(cls, client: Client) -> "Oversight":
        """Raises ExchangeError, among others where the auditor may not look (R46)."""
        policy = PolicySet.load(parse_texts(await client.officer.policy()), strict=False)
        oversight = cls(client=client, policy=policy)
        await oversight.news()
        return oversight

    def says(self, rule: str) -> str:
        """What a rule says, in the words of whoever wrote it; of one that is not in the set, nothing."""
        known = {listed.id: listed.says for listed in self.policy.listing()}
        return known.get(rule, "")

    async def news(self) -> list[tuple[Leaf, Entry]]:
        """The entries since the last look."""
        checkpoint, _ = await self.client.trail.checkpoint()
        found = [entry async for entry in self.client.trail.entries(checkpoint.size, after=self._looked_at)]
        self._looked_at = checkpoint.size - 1
        return [(leaf.read(entry.leaf), entry) for entry in found]

    async def decisions(self, item: str) -> Mapping[str, Decided] | None:
        """Recipient -> what was decided of it, for an item accepted since the last look; None if none was.

        What the exchange shows is compared with what its leaf committed to.
        """
        decided = await self._of(item)
        if decided is None:
            return None
        return {
            recipient: Decided(outcome=read["outcome"], rules=tuple(read["rules"]))
            for read in decided["read"]
            for recipient in read["to"]
        }

    async def told(self, item: str) -> tuple[str, ...]:
        """Who is told of a recall accepted since the last look, as its leaf committed to."""
        decided = await self._of(item)
        return () if decided is None else tuple(sorted(decided["told"]))

    async def _of(self, item: str) -> dict[str, Any] | None:
        for stated, entry in await self.news():
            if stated.event is Event.MESSAGE_ACCEPTED and stated.object == item:
                opening = entry.openings[Field.DECISIONS]
                if not leaf.opens(stated, Field.DECISIONS, opening.salt, opening.text):
                    return None
                decided: dict[str, Any] = json.loads(opening.text)
                return decided
        return None

    async def refusal(self, ticket: str | None) -> Leaf | None:
        """The leaf of a refusal since the last look, by its ticket."""
        for stated, _ in await self.news():
            if stated.event is Event.REQUEST_REFUSED and stated.object == ticket:
                return stated
        return None
