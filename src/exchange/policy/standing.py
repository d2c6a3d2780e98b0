"""What is in force together: who takes part, and by which policy. A change of either makes a new one."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from exchange import relation
from exchange.label import Tier
from exchange.participant import Directory, Membership, Participant, ParticipantId
from exchange.policy.policy_set import PolicySet
from exchange.relation import ParticipantFacts

Circle = tuple[Participant, ...]  # in the order of their ids


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """everybody, of_country, of_tier: the circles that a message may be addressed to, expanded once and not at every
    message. The operator and oversight are in no circle: nothing is sent to them by addressing a country or all.
    recipients: the facts of everyone as a recipient, by id.
    """

    directory: Directory
    policy: PolicySet
    everybody: Circle = field(init=False, repr=False, compare=False)
    of_country: Mapping[str, Circle] = field(init=False, repr=False, compare=False)
    of_tier: Mapping[Tier, Circle] = field(init=False, repr=False, compare=False)

    recipients: Mapping[ParticipantId, ParticipantFacts] = field(init=False, repr=False, compare=False)
    _memberships: Mapping[str, tuple[tuple[str, Membership], ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        everybody = tuple(who for who in self.directory if who.tier not in (Tier.T0, Tier.T6))
        countries = {who.country for who in self.directory.participants.values()}
        of_country = {country: tuple(who for who in everybody if who.country == country) for country in countries}
        of_tier = {tier: tuple(who for who in everybody if who.tier is tier) for tier in Tier}
        object.__setattr__(self, "everybody", everybody)
        object.__setattr__(self, "of_country", of_country)
        object.__setattr__(self, "of_tier", of_tier)
        recipients = {who.id: relation.recipient(who) for who in self.directory.participants.values()}
        object.__setattr__(self, "recipients", recipients)
        memberships: dict[str, tuple[tuple[str, Membership], ...]] = {}
        for group in self.directory.groups.values():
            for one in group.members:
                memberships[one.participant] = (*memberships.get(one.participant, ()), (group.code, one))
        object.__setattr__(self, "_memberships", memberships)

    def groups_of(self, participant: str, now: datetime) -> frozenset[str]:
        """To which it belongs now."""
        return frozenset(code for code, one in self._memberships.get(participant, ()) if one.holds(now))

    def turns(self, participant: str, now: datetime) -> int:
        """How many of its memberships, and of its agreement, began or ended by now: what time alone changes for it."""
        edges = [edge for _, one in self._memberships.get(participant, ()) for edge in (one.since, one.until)]
        agreement = self.directory.participants[ParticipantId(participant)].agreement
        if agreement is not None:
            edges += (agreement.since, agreement.until)
        return sum(edge is not None and edge <= now for edge in edges)

    def of_group(self, code: str, now: datetime) -> Circle:
        """Who belongs to it now, in the order of their ids; nobody, if there is no such group."""
        group = self.directory.groups.get(code)
        ids = {one.participant for one in group.members if one.holds(now)} if group is not None else ()
        return tuple(self.directory.participants[id] for id in sorted(ids))

    def edges(self, groups: Iterable[str]) -> Iterator[datetime]:
        """When a membership in one of these begins or ends."""
        for code in groups:
            group = self.directory.groups.get(code)
            for one in () if group is None else group.members:
                yield one.since
                if one.until is not None:
                    yield one.until
