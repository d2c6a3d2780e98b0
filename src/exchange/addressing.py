"""Whom a message is addressed to: its recipients, and the groups that it names, looked up in the snapshot."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from exchange.envelope import Recipient, ToAll, ToCountry, ToGroup, ToParticipant, ToTier
from exchange.label import Label, Releasability
from exchange.participant import Participant, ParticipantId
from exchange.policy import Standing
from exchange.refusal import Fault, Reason, Refusal

MOST_RECIPIENTS = 256  # participants, however they were named

Addressee = tuple[Participant, bool]  # and whether it is addressed by its own name, not only as one of a circle


def expand(
    recipients: Sequence[Recipient], standing: Standing, sender: ParticipantId, now: datetime
) -> tuple[Addressee, ...]:
    """Everybody whom these recipients name, each once, in the order of their ids, without the sender itself.

    Raises Refusal(UNKNOWN_RECIPIENT | TOO_MANY_RECIPIENTS | NO_RECIPIENTS).
    """
    found: dict[ParticipantId, Addressee] = {}
    for n, recipient in enumerate(recipients):
        if isinstance(recipient, ToParticipant):
            participant = standing.directory.get(recipient.id)
            if participant is None:
                raise _unknown(n)
            found[participant.id] = participant, True
        else:
            for participant in _circle(recipient, standing, n, sender, now):
                found.setdefault(participant.id, (participant, False))
    found.pop(sender, None)
    if len(found) > MOST_RECIPIENTS:
        raise Refusal(Reason.TOO_MANY_RECIPIENTS)
    if not found:
        raise Refusal(Reason.NO_RECIPIENTS)
    return tuple(found[id] for id in sorted(found))


def check_groups(
    circle: Releasability,
    standing: Standing,
    sender: ParticipantId,
    now: datetime,
    path: str,
    *,
    known: frozenset[str] = frozenset(),
) -> None:
    """A label names groups that its sender belongs to; of any other it would learn who is in it by what is withheld.

    path: where the circle stands. known: groups that what it holds already names. Raises Refusal(UNKNOWN_RECIPIENT), as
    for a group that there is none of.
    """
    named = circle.groups - known
    if named and not named <= standing.groups_of(sender, now):
        raise Refusal(Reason.UNKNOWN_RECIPIENT, faults=(Fault(path, "names groups that you belong to"),))


def edges(standing: Standing, label: Label, recipients: Iterable[Recipient] = ()) -> Iterable[datetime]:
    """When somebody comes to belong to, or leaves, a group that a message is addressed to or its label names."""
    if not standing.directory.groups:
        return ()
    addressed = (recipient.code for recipient in recipients if isinstance(recipient, ToGroup))
    return standing.edges((*label.releasable_to.groups, *addressed))


def _circle(
    recipient: ToCountry | ToGroup | ToTier | ToAll, standing: Standing, n: int, sender: ParticipantId, now: datetime
) -> Sequence[Participant]:
    match recipient:
        case ToGroup(code=code):
            if code not in standing.groups_of(sender, now):
                raise _unknown(n)
            return standing.of_group(code, now)
        case ToCountry(code=code):
            circle = standing.of_country.get(code)
            if circle is None:
                raise _unknown(n)
            return circle
        case ToTier(tier=tier):
            return standing.of_tier[tier]
        case ToAll():
            return standing.everybody


def _unknown(n: int) -> Refusal:
    fault = Fault(
        f"/recipients/{n}", "names a participant or a country of this exchange, or a group that you belong to"
    )
    return Refusal(Reason.UNKNOWN_RECIPIENT, faults=(fault,))
