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
    act = message(standing, sender=sender, readers=readers, **members)
    plain = item_of(act)
    stated: dict[str, Any] = {"id": plain.ulid, "label": worlds.label(originator=sender), "body": body or {}}
    header = jose.encode(strictjson.write({"alg": "ES256", "typ": Kind.MESSAGE.value}))
    token = f"{header}.{jose.encode(strictjson.write(stated))}.{jose.encode(bytes(64))}".encode()
    ruled = Ruling(item=item, effect=effect, anew=tuple(map(ParticipantId, anew)))
    row = replace(plain, type=effect.value, thread=plain.item, token=token, ruling=ruled)
    sealed = {**act.draft.sealed, Field.MESSAGE: row.signed}
    draft = replace(act.draft, type=effect.value, items=(item,), sealed=sealed)
    base = replace(act, draft=draft, row=row, rests_on=(item,), rights=rights)

    def finished(readers: Readers) -> Act:
        decisions: dict[str, Any] = {"read": [], "told": list(readers), "anew": list(ruled.anew)}
        known = {**sealed, Field.DECISIONS: strictjson.write(decisions)}
        return replace(base, draft=replace(draft, sealed=known), row=replace(row, readers=readers))

    if effect in (Effect.RECALL, Effect.RESTRICTION):
        return replace(base, finish=lambda readers: finished(told(readers)))
    return finished(row.readers)


def recall(running: Gateway, item: int, **members: Any) -> Act:
    """As it is decided now."""
    return ruling(running.standing, Effect.RECALL, item, **{"rights": running.committer.rights} | members)


def resting(act: Act, *items: int, rights: int) -> Act:
    """The act, decided by these items as they were when the rights were known."""
    return replace(act, rests_on=items, rights=rights)
