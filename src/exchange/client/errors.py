"""What can go wrong for a client, as one tree.

    ExchangeError
    ├── ProfileWrong    the profile's files are missing, malformed or readable by others; nothing was sent
    ├── Refused         the exchange (or, before it, this client) said no: reason, mend, ticket, rules, faults, offer
    ├── Unreachable     no answer, or no answer in the protocol's form; the same bytes may be sent again
    └── Unproven        an answer that does not prove what it says; whatever it says is not to be believed
        └── Forked      the trail no longer extends the checkpoint kept here: two signed histories, saved as evidence

`code` and `mend` are there for all: what happened in one stable word, and what to do about it.
"""

from collections.abc import Mapping
from typing import Any, Self

from exchange.refusal import Fault, Refusal


class ExchangeError(Exception):
    """Base of everything that this package raises on purpose."""

    code = "FAILED"
    mend = "see the message"


class ProfileWrong(ExchangeError):
    """The text says which file, and what to do."""

    code = "PROFILE_WRONG"
    mend = "mend the profile; `exchange doctor --as FOLDER` checks all of it"


class Refused(ExchangeError):
    """A refusal, with everything the exchange tells of it. status is None where this client refused before sending."""

    def __init__(
        self,
        *,
        reason: str,
        says: str,
        mend: str,
        status: int | None = None,
        ticket: str | None = None,
        rules: tuple[str, ...] = (),
        faults: tuple[Fault, ...] = (),
        retry_after: int | None = None,
        receipt: Mapping[str, Any] | None = None,
        offer: str | None = None,
    ) -> None:
        super().__init__(f"{reason}: {says}")
        self.reason = self.code = reason
        self.says = says
        self.mend = mend
        self.status = status
        self.ticket = ticket
        self.rules = rules
        self.faults = faults
        self.retry_after = retry_after
        self.receipt = receipt
        self.offer = offer

    @classmethod
    def here(cls, refusal: Refusal) -> Self:
        """What this client's own floors refused, before anything was sent."""
        reason = refusal.reason
        return cls(reason=reason.code, says=reason.says, mend=reason.mend, rules=refusal.rules, faults=refusal.faults)

    @classmethod
    def of_problem(cls, problem: Mapping[str, Any], status: int, retry_after: int | None) -> Self:
        """problem: the members of an RFC 9457 answer. Raises KeyError or TypeError where it is none of ours."""
        return cls(
            reason=str(problem["reason"]),
            says=str(problem["title"]),
            mend=str(problem["detail"]),
            status=status,
            ticket=problem.get("ticket"),
            rules=tuple(map(str, problem.get("rules", ()))),
            faults=tuple(Fault(str(f["path"]), str(f["says"])) for f in problem.get("faults", ())),
            retry_after=retry_after,
            receipt=problem.get("receipt"),
            offer=problem.get("offer"),
        )


class Unreachable(ExchangeError):
    """The text says what was tried."""

    code = "UNREACHABLE"
    mend = "check address and line; what was being sent may be sent again, it counts once"


class Unproven(ExchangeError):
    """The text says what did not hold."""

    code = "UNPROVEN"
    mend = "do not rely on it; keep it, and tell the operator and other parties"

    @classmethod
    def because(cls, what: str, refusal: Refusal) -> "Unproven":
        """what: the thing that does not hold, as the beginning of a sentence."""
        return cls(f"{what}: {refusal.reason.says} ({refusal.reason.code})")


class Forked(Unproven):
    """The text names the folder where the evidence lies. Nothing is signed for that exchange until it is gone."""

    code = "FORKED"
    mend = "take the evidence to the operator and to other participants; remove it by hand to trust the exchange again"
