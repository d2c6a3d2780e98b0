"""What is written about an item: a source's recalls, restrictions and corrections; forwards and permissions.

An act of a source has no recipients of its own. Whoever could read the item must be able to read the act, so its label
is the item's: rank, handling, circle and purposes, and no end. A forward is marked at least as what it carries, by the
same members.
"""

import hmac
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from exchange import instant
from exchange.client.compose import Author, Draft, compose
from exchange.client.history import History
from exchange.client.reading import Received
from exchange.client.sending import Sent
from exchange.client.state import State
from exchange.participant import Directory

_OF_THE_ITEM = ("classification", "handling", "releasable_to", "purpose", "crime_area")
_LINE = 200  # characters of a subject
_SALT = 32  # bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedReason:
    """A reason that is shown to nobody but oversight, on demand: its code and salt, kept by the source.

    stated: HMAC-SHA256 of the code under the salt, in hex. Readers get it within the signed bytes and cannot guess it.
    """

    code: str
    salt: bytes

    @property
    def stated(self) -> str:
        return hmac.digest(self.salt, self.code.encode(), "sha256").hex()

    @classmethod
    def of(cls, code: str, entropy: Callable[[int], bytes]) -> "SealedReason":
        """entropy: n -> n random bytes."""
        return cls(code=code, salt=entropy(_SALT))


class Desk(Protocol):
    """What a participant reads and sends by: the client."""

    @property
    def state(self) -> State: ...

    @property
    def history(self) -> History: ...

    def author(self, directory: Directory) -> Author: ...

    async def message(self, item: str) -> Received: ...

    def sign(self, document: Mapping[str, Any] | Draft) -> bytes: ...

    async def send(self, document: Mapping[str, Any] | Draft) -> Sent: ...

    async def post(self, token: bytes, *, path: str = ...) -> Sent: ...


@dataclass(frozen=True, slots=True)
class Control:
    """What is done to items that stand. Every act is a message, signed, posted and proven like any other."""

    desk: Desk

    async def recall(self, item: str, ground: str, action: str, *, note: str | None = None) -> Sent:
        """Take back an item that was sent from here. `Sent.released` are those who have read it, and are told.

        ground: RIGHTS, ERROR, COURT, OTHER_BODY, COMPROMISED or WITHDRAWN. action: DELETE, RETURN or STOP_USE.
        """
        body = {"ground": ground, "action": action} | ({} if note is None else {"note": note})
        return await self._act(item, "recall", "Recalled", body)

    async def restrict(self, item: str, releasable_to: Mapping[str, Any], *, reason: str | None = None) -> Sent:
        """Release an item to fewer than its label says: to whom both name. It takes the place of a restriction before.

        releasable_to: as in a label. reason: a code that nobody is shown; it is kept in our state with what opens it.
        """
        return await self._restrict(item, "Restricted", {"releasable_to": dict(releasable_to)}, reason)

    async def lift(self, item: str, *, reason: str | None = None) -> Sent:
        """Lift the restriction of an item: its label alone counts again, and who could not read it gets it anew."""
        return await self._restrict(item, "No longer restricted", {"lifted": True}, reason)

    async def correct(self, item: str, reason: str, corrected: Mapping[str, Any]) -> Sent:
        """Put an item right for those who hold it and may read it. corrected: what takes the place of its `subject`,
        `text`, `entities` or members of its `body`. reason: ERROR, NEW_FACTS, IDENTITY or RIGHTS.
        """
        return await self._act(item, "correction", "Corrected", {"reason": reason, "corrected": dict(corrected)})

    async def forward(
        self, item: str, to: Sequence[str], *, permission: str | None = None, reason: str | None = None
    ) -> Sent:
        """Pass on an item that is held here, as its source signed it, with a note of ours. to: participants.

        permission: the answer of its source, where that has kept control. Raises Refused(ORIGINATOR_CONTROL) where it
        has and permits nothing; see `ask_permission`.
        """
        given = {"permission": permission, "reason": reason}
        body = {name: said for name, said in given.items() if said is not None}
        draft = await self._about(item, "forward", "Forwarded", body, to)
        return await self.desk.post(self.desk.sign(draft), path="/v1/forwards")

    async def ask_permission(self, item: str, to: Sequence[str], reason: str) -> Sent:
        """Ask the source of an item that is held here whether it may be passed on to these participants."""
        source = (await self.desk.message(item)).message.sender
        body = {"wanted": {"recipients": list(to)}, "reason": reason}
        return await self.desk.send(await self._about(item, "permission-request", "May we forward", body, [source]))

    async def answer_permission(
        self,
        request: str,
        granted: bool,
        *,
        to: Sequence[str] = (),
        until: datetime | None = None,
        conditions: str | None = None,
    ) -> Sent:
        """Answer whoever asked. to: to whom it may pass the item on; those it asked for, if none are named. until: of
        a permission, which ends by itself; a recall of the answer ends it before.
        """
        asked = await self.desk.message(request)
        wanted = asked.document["body"]["wanted"].get("recipients", ())
        given: dict[str, Any] = {"recipients": list(to or wanted) if granted else None, "conditions": conditions}
        given["until"] = None if until is None else instant.write(until)
        body = {"granted": granted} | {name: said for name, said in given.items() if said}
        item, asker = asked.document["body"]["object"], [asked.message.sender]
        verb = "Permitted" if granted else "Not permitted"
        return await self.desk.send(
            await self._about(item, "permission-answer", verb, body, asker, in_reply_to=request)
        )

    async def _restrict(self, item: str, verb: str, body: Mapping[str, Any], reason: str | None) -> Sent:
        if reason is None:
            return await self._act(item, "restriction", verb, body)
        sealed = SealedReason.of(reason, secrets.token_bytes)
        # Kept before it is sent: what is stated and cannot be opened would be worth nothing.
        self.desk.state.keep_reason(
            {"object": item, "code": sealed.code, "salt": sealed.salt.hex(), "stated": sealed.stated}
        )
        return await self._act(item, "restriction", verb, {**body, "reason": sealed.stated})

    async def _act(self, item: str, type: str, verb: str, body: Mapping[str, Any]) -> Sent:
        return await self.desk.send(await self._about(item, type, verb, body))

    async def _about(
        self, item: str, type: str, verb: str, body: Mapping[str, Any], to: Sequence[str] = (), **more: Any
    ) -> Draft:
        author = self.desk.author(await self.desk.history.directory())
        return about(author, await self.desk.message(item), type, verb, body, to, **more)


def about(
    author: Author,
    item: Received,
    type: str,
    verb: str,
    body: Mapping[str, Any],
    recipients: Sequence[str] = (),
    **more: Any,
) -> Draft:
    """item: as its source or a holder has it. verb: how the subject begins; the item's own subject follows. recipients:
    participants, where the type names them.
    """
    label = {name: item.document["label"][name] for name in _OF_THE_ITEM if name in item.document["label"]}
    return compose(
        author,
        type=type,
        subject=f"{verb}: {item.message.subject}"[:_LINE],
        body={"object": item.item, **body},
        label=label,
        recipients=recipients,
        thread=item.message.thread,
        case_ref=item.document["case_ref"],
        **more,
    )
