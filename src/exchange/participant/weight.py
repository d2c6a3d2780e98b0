"""How many officers a change takes, and whose: what widens takes two of the operator's, what narrows one.

A participant's own officer alone adds its message and access keys. What concerns a national entity takes one officer
of its bureau: the operator admits no entity and grants it nothing, it can only shut it out.
"""

from collections.abc import Collection
from enum import Enum

from exchange.label import Classification, Tier
from exchange.participant.change import Change, ChangeKind, parse_agreement, parse_group
from exchange.participant.directory import Directory, Key, Participant, Status, Use, area_within
from exchange.refusal import Reason, Refusal


class Weight(Enum):
    """How many signatures a change needs, and whose."""

    WIDENS = "two of the operator's officers"
    NARROWS = "one of the operator's officers"
    OWN_KEY = "one officer of the participant"
    OWN_OR_NARROWS = "one officer of the participant, of its bureau or of the operator"
    BUREAU = "one officer of the entity's bureau"
    BUREAU_OR_NARROWS = "one officer of the entity's bureau or of the operator"

    @property
    def officers(self) -> int:
        return 2 if self is Weight.WIDENS else 1


def weigh(directory: Directory, change: Change) -> Weight:
    """Raises Refusal(CHANGE_WRONG) for a change about whom or what nobody knows."""
    match change.kind:
        case ChangeKind.ADMIT | ChangeKind.POLICY:
            return Weight.WIDENS
        case ChangeKind.ENTITY_ADMIT | ChangeKind.ENTITY_GRANT | ChangeKind.ENTITY_END:
            return Weight.BUREAU
        case ChangeKind.KEY_ADD:
            if change.content["use"] != Use.OFFICER:
                return Weight.OWN_KEY
            return Weight.BUREAU if named(directory, change).tier is Tier.T2 else Weight.WIDENS
        case ChangeKind.KEY_REVOKE:
            if named_key(directory, change).use is not Use.OFFICER:
                return Weight.OWN_OR_NARROWS
            return Weight.BUREAU_OR_NARROWS if named(directory, change).tier is Tier.T2 else Weight.NARROWS
        case ChangeKind.STATUS:
            return Weight.NARROWS if change.content["status"] == Status.SUSPENDED else Weight.WIDENS
        case ChangeKind.GROUP:
            known = directory.groups.get(change.content["group"])
            shrinks = known is not None and parse_group(change.content).within(known)
            return Weight.NARROWS if shrinks else Weight.WIDENS
        case ChangeKind.AGREEMENT:
            before = named(directory, change).agreement
            narrows = before is not None and parse_agreement(change.content).within(before)
            return Weight.NARROWS if narrows else Weight.WIDENS
        case ChangeKind.RIGHTS:
            return Weight.NARROWS if _narrows(named(directory, change), change) else Weight.WIDENS


def may_sign(directory: Directory, change: Change, weight: Weight) -> Collection[str]:
    """Whose officers may sign it: ids."""
    match weight:
        case Weight.WIDENS | Weight.NARROWS:
            return {directory.operator}
        case Weight.OWN_KEY:
            return {change.participant}
        case Weight.OWN_OR_NARROWS:
            return {change.participant, directory.operator} | _bureau(directory, change)
        case Weight.BUREAU:
            return _bureau(directory, change)
        case Weight.BUREAU_OR_NARROWS:
            return {directory.operator} | _bureau(directory, change)


def named(directory: Directory, change: Change) -> Participant:
    """Whom the change is about. Raises Refusal(CHANGE_WRONG) where nobody is known by this name."""
    participant = directory.get(change.participant)
    if participant is None:
        raise Refusal(Reason.CHANGE_WRONG)
    return participant


def named_key(directory: Directory, change: Change) -> Key:
    """The key that the change revokes. Raises Refusal(CHANGE_WRONG) where it is not there to be revoked."""
    key = named(directory, change).keys.get(change.content["kid"])
    if key is None or key.revoked_at is not None:
        raise Refusal(Reason.CHANGE_WRONG)
    return key


def _bureau(directory: Directory, change: Change) -> set[str]:
    """The bureau that speaks for the entity, as long as it may act itself; nobody, if it is no entity.

    An admission names it; for everything later it is the one that admitted.
    """
    entering = change.kind is ChangeKind.ENTITY_ADMIT
    id = change.content["bureau"] if entering else named(directory, change).bureau
    bureau = None if id is None else directory.get(id)
    return set() if bureau is None or bureau.tier is not Tier.T1 or not bureau.active else {bureau.id}


def _narrows(now: Participant, change: Change) -> bool:
    content = change.content
    return (
        Classification[content["clearance"]] <= now.clearance
        and now.purposes.issuperset(content["purposes"])
        and all(area_within(area, now.crime_areas) for area in content["crime_areas"])
    )
