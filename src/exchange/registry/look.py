"""A look at what is reserved leaves a leaf, which is durable before anything is shown."""

from collections.abc import Callable

from exchange import receipt
from exchange.act import Act
from exchange.committer import Committer
from exchange.leaf import Draft, Event, Field
from exchange.participant import Caller, Participant
from exchange.policy import Standing
from exchange.receipt import Receipt
from exchange.refusal import Reason, Refusal

May = Callable[[Standing, Participant], bool]


async def record(
    committer: Committer, standing: Standing, caller: Caller, *, at: str, count: int, may: May, otherwise: Reason
) -> Receipt:
    """at: what is looked at, in words that name nobody who is to stay unnamed. count: how much of it is shown.

    may: whether the caller may look, under the standing of the very commit. Raises Refusal(otherwise) if not.
    """
    draft = Draft(
        event=Event.QUESTION_ASKED,
        actor=caller.participant.id,
        object=at,
        count=count,
        key=caller.kid,
        sealed={Field.USER: caller.user.encode()},
    )

    def act(standing: Standing) -> Act:
        if not may(standing, standing.directory.participants[caller.participant.id]):
            raise Refusal(otherwise)
        return Act(
            draft=draft,
            directory=standing.directory.version,
            policy=standing.policy.digest,
            again=lambda standing, now: act(standing),
        )

    outcome = await committer.commit(act(standing))
    assert isinstance(outcome, receipt.Committed)  # a question is never a repeat
    return receipt.of(outcome, Field.USER)
