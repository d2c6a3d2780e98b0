"""The last part: nothing of the story is believed because the exchange says so. Each checks what concerns it.

Recipients check on a machine that has nothing but the pin and an access key: no state, no directory, no word of ours.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from exchange import receipt
from exchange.client import Client, Profile
from exchange.demo.cast import AUDITOR
from exchange.demo.play import Broken, Play
from exchange.demo.stage import Stage
from exchange.leaf import Event, Field
from exchange.note import TrailVerifier
from exchange.participant import Use
from exchange.receipt import VerifiedReceipt
from exchange.refusal import Refusal


async def recipients(stage: Stage, play: Play) -> None:
    """The sender's signature, its key from genesis on, and that the trail accepted these very bytes.

    Raises Broken and ExchangeError.
    """
    for participant, desk in play.desks.items():
        expected = play.held.get(participant, [])
        if not expected:
            continue
        keys = {Use.ACCESS: desk.profile.key(Use.ACCESS)}
        folder = stage.folder / "afresh" / participant
        async with Client.open(Profile.create(folder, participant=participant, pin=stage.pin, keys=keys)) as afresh:
            page = await afresh.inbox(limit=100)
            if [one.item for one in page.messages] != expected or page.doubtful:
                doubts = "; ".join(one.why for one in page.doubtful) or "others are shown"
                raise Broken(f"{participant} to verify {expected} from genesis on; {doubts}")
            for one in page.messages:
                await afresh.message(one.item)
        play.tally.signatures_verified += len(expected)
        play.tally.proofs_verified += len(expected)
        signers = ", ".join(sorted({item.partition(":")[0] for item in expected}))
        found = f"{_number(len(expected), 'signature')}, by keys of {signers}; {_number(len(expected), 'proof')}"
        play.narrator.verified(participant, found)


def senders(stage: Stage, play: Play) -> None:
    """Offline, with nothing but the trail's key: each receipt of what was accepted, and of what was refused.

    Raises Broken.
    """
    trail = TrailVerifier.from_vkey(stage.pin.trail_key)
    verified: Counter[str] = Counter()
    for accepted in play.accepted.values():
        sent, sender = accepted.sent, str(accepted.document["sender"])
        held = _held(sent.receipt, trail, f"{sender} to hold a receipt for {sent.item}")
        for_it = (held.leaf.event, held.leaf.object) == (Event.MESSAGE_ACCEPTED, sent.item)
        if not for_it or not held.opens(Field.MESSAGE, accepted.token[: accepted.token.rindex(b".")]):
            raise Broken(f"the receipt of {sent.item} to be for the bytes that {sender} signed; it is for others")
        verified[sender] += 1
    for poster, refused in play.refused:
        held = _held(refused.receipt, trail, f"{poster} to hold a receipt for its refusal ({refused.reason})")
        stated = held.leaf
        if (stated.event, stated.actor, stated.type) != (Event.REQUEST_REFUSED, poster, refused.reason):
            raise Broken(f"the receipt that {poster} got to be of its refusal with {refused.reason}; it is of another")
        verified[poster] += 1
    for sender, receipts in sorted(verified.items()):
        play.tally.proofs_verified += receipts
        play.narrator.verified(sender, _number(receipts, "receipt"))


async def whole_trail(stage: Stage, play: Play) -> None:
    """Every leaf, opening, change, key and root, from genesis to the newest checkpoint.

    Raises Broken and ExchangeError.
    """
    auditor = play.desks[AUDITOR]
    report = await auditor.trail.audit(auditor.schemas, genesis=stage.pin.genesis)
    if not report.whole:
        found = "; ".join(f"position {one.position}: {one.says}" for one in report.findings[:5])
        raise Broken(f"the auditor to find nothing; {found}")
    play.tally.proofs_verified += 1
    checked = ", ".join(f"{count} {what}" for what, count in report.checked.items())
    play.narrator.verified(AUDITOR, f"the whole trail of {report.entries} entries, under one checkpoint: {checked}")


def _number(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def _held(wire: Mapping[str, Any] | None, trail: TrailVerifier, expected: str) -> VerifiedReceipt:
    try:
        return receipt.verify(wire or {}, trail)
    except Refusal as refusal:
        raise Broken(f"{expected}; {refusal.reason.says}") from None
