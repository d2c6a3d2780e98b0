"""Acts upon items, made by hand as a door would hand them to the commit."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from exchange import jose, strictjson
from exchange.act import Act, Effect, Ruling
from exchange.jose import Kind
from exchange.leaf import Field
from exchange.participant import ParticipantId
from exchange.policy import Standing
from tests import world as worlds
from tests.gateway import Gateway, item_of, message

Readers = tuple[ParticipantId, ...]

LIFTED: dict[str, Any] = {"lifted": True}
ONLY_ITALY: dict[str, Any] = {"releasable_to": {"mode": "ONLY", "include": ["ITA"]}}


def posted(standing: Standing, *, sender: str = "ncb-fra", readers: tuple[str, ...], **members: Any) -> Act:
    """A message of which the trail says to whom it was released."""
    act = message(standing, sender=sender, readers=readers, **members)
    given = {"asked": "", "outcome": "CONTENT", "rules": [], "to": list(readers)}
    return _decided(_bearing(act, {}), {"post": {}, "read": [given]})


def ruling(
    standing: Standing,
    effect: Effect,
    item: int,
    *,
    rights: int,
    anew: tuple[str, ...] = (),
    readers: tuple[str, ...] = (),
    body: dict[str, Any] | None = None,
    sender: str = "ncb-fra",
    told: Callable[[Readers], Readers] = lambda readers: readers,
    **members: Any,
) -> Act:
    """item: the position it is about. rights: what was known when it was read. readers: of a correction or a forward,
    whom it goes to; a recall and a restriction go to those who have read the item, if `told` does not say otherwise.
    """
    act = _bearing(message(standing, sender=sender, readers=readers, **members), body or {})
    ruled = Ruling(item=item, effect=effect, anew=tuple(map(ParticipantId, anew)))
    row, draft = replace(item_of(act), type=effect.value, ruling=ruled), replace(act.draft, type=effect.value)
    base = replace(act, draft=replace(draft, items=(item,)), row=row, rests_on=(item,), rights=rights)

    def finished(readers: Readers) -> Act:
        decisions = {"read": [], "told": list(readers), "anew": list(ruled.anew)}
        return _decided(replace(base, row=replace(row, readers=readers)), decisions)

    if effect in (Effect.RECALL, Effect.RESTRICTION):
        return replace(base, finish=lambda readers: finished(told(readers)))
    return finished(row.readers)


def recall(running: Gateway, item: int, **members: Any) -> Act:
    """As it is decided now."""
    return ruling(running.standing, Effect.RECALL, item, **{"rights": running.committer.rights} | members)


def resting(act: Act, *items: int, rights: int) -> Act:
    """The act, decided by these items as they were when the rights were known."""
    return replace(act, rests_on=items, rights=rights)


def _bearing(act: Act, body: dict[str, Any]) -> Act:
    """With a token that bears its label and this body."""
    row = item_of(act)
    stated: dict[str, Any] = {"id": row.ulid, "label": worlds.label(originator=row.sender), "body": body}
    header = jose.encode(strictjson.write({"alg": "ES256", "typ": Kind.MESSAGE.value}))
    token = f"{header}.{jose.encode(strictjson.write(stated))}.{jose.encode(bytes(64))}".encode()
    row = replace(row, thread=row.item, token=token)
    return _sealing(replace(act, row=row), Field.MESSAGE, row.signed)


def _decided(act: Act, decisions: dict[str, Any]) -> Act:
    return _sealing(act, Field.DECISIONS, strictjson.write(decisions))


def _sealing(act: Act, name: Field, text: bytes) -> Act:
    return replace(act, draft=replace(act.draft, sealed={**act.draft.sealed, name: text}))
