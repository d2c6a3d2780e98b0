"""The client of one participant: what it may ask of an exchange, each answer verified before it is handed out."""

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import httpx
from ulid import ULID

from exchange import envelope, instant, jose, shipped, strictjson
from exchange.client import sending
from exchange.client.clock import Clock, machine
from exchange.client.compose import Author, Draft, compose
from exchange.client.control import Control
from exchange.client.errors import Refused, Unproven
from exchange.client.history import History
from exchange.client.officer import Officer
from exchange.client.profile import Profile
from exchange.client.reading import Doubtful, Owed, Page, Reader, Received
from exchange.client.sending import Posted, Preview, Sent
from exchange.client.state import State
from exchange.client.trail import Trail
from exchange.client.watch import Watch
from exchange.client.wire import JSON, Patience, Wire
from exchange.envelope import ItemId
from exchange.jose import Kind
from exchange.leaf import Event
from exchange.participant import Directory, Use
from exchange.receipt import VerifiedReceipt
from exchange.refusal import Reason, Refusal
from exchange.schema import Schemas

_log = logging.getLogger("exchange.client")

_LONG_POLL = 25  # seconds, below the 30 that an exchange allows
_OWED_AT_ONCE = 100
_TIMEOUT = httpx.Timeout(10.0, read=60.0)


def _log_doubtful(one: Doubtful) -> None:
    _log.error("left out: %s does not prove itself: %s", one.item, one.why)


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """`async with Client.open(folder) as client:`; every method raises ExchangeError and nothing else on purpose."""

    profile: Profile
    clock: Clock
    wire: Wire
    watch: Watch
    history: History
    state: State
    schemas: Schemas
    trail: Trail
    officer: Officer

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        profile: Profile | Path,
        *,
        now: Callable[[], datetime] = machine,
        patience: Patience | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> AsyncIterator[Self]:
        """transport: another way to the exchange than the network (httpx). Raises ProfileWrong."""
        if isinstance(profile, Path):
            profile = Profile.load(profile)
        clock, state = Clock(now), State.of(profile.state, profile.pin.origin)
        schemas = Schemas.compile(shipped.texts("schemas", ".schema.json"))
        async with httpx.AsyncClient(timeout=_TIMEOUT, transport=transport or _network(profile.pin.url)) as http:
            wire = Wire(http=http, profile=profile, clock=clock, patience=patience or Patience())
            watch = Watch(wire=wire, state=state, trail=profile.trail)
            history = History(wire=wire, watch=watch, state=state, pin=profile.pin, schemas=schemas)
            yield cls(
                profile=profile,
                clock=clock,
                wire=wire,
                watch=watch,
                history=history,
                state=state,
                schemas=schemas,
                trail=Trail(wire=wire, watch=watch),
                officer=Officer(wire=wire, watch=watch, history=history, profile=profile, clock=clock),
            )
            # What was seen last is compared too; where something failed already, that is what is told.
            await watch.settle(now=True)

    # Sending

    async def compose(
        self,
        type: str,
        subject: str,
        body: Mapping[str, Any],
        recipients: Sequence[str | Mapping[str, Any]],
        *,
        label: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> Draft:
        """See `compose.compose`. Its notes say what was decided on the sender's behalf.

        An answer (`in_reply_to`) that names no thread goes into that of the item it answers.
        """
        directory = await self.history.directory()
        if more.get("in_reply_to") and not more.get("thread"):
            more["thread"] = (await self.message(more["in_reply_to"])).message.thread
        author = self.author(directory)
        return compose(author, type=type, subject=subject, body=body, recipients=recipients, label=label, **more)

    def author(self, directory: Directory) -> Author:
        """Us, now."""
        return Author(
            participant=self.profile.participant,
            user=self.profile.user,
            origin=self.profile.pin.origin,
            training=directory.training,
            now=self.clock.now(),
        )

    async def send(self, document: Mapping[str, Any] | Draft) -> Sent:
        """Sign, post, and verify the receipt. Posting again what `Sent.item` names counts once."""
        return await self.post(self.sign(document))

    def sign(self, document: Mapping[str, Any] | Draft) -> bytes:
        """-> the JWS, which `post` takes as often as need be. Raises Refused where it does not fit its schema."""
        members = document.document if isinstance(document, Draft) else document
        try:
            envelope.read(members, self.schemas)
        except Refusal as refusal:
            raise Refused.here(refusal) from None
        return envelope.write(members, self.profile.key(Use.MESSAGE))

    async def post(self, token: bytes, *, path: str = "/v1/messages") -> Sent:
        """token: of `sign`. path: a forward has a door of its own. Raises Refused, and sends nothing, where this
        participant's key did not sign a message.
        """
        self.watch.refuse_if_forked()
        key = self.profile.key(Use.MESSAGE).public
        try:
            opened = jose.open_jws(token, Kind.MESSAGE, {key.kid: key}, limit=len(token))
            signed = envelope.read(strictjson.parse_object(opened.payload, limit=len(token)), self.schemas)
        except Refusal as refusal:
            raise Refused.here(refusal) from None
        posted = Posted(token=token, item=ItemId(f"{self.profile.participant}:{signed.ulid}"), kid=key.kid)

        answer = await self.wire.post(path, token)
        sent = sending.verify_sent(answer.object(), posted, self.watch, new=answer.status == 201)
        await self.watch.settle()
        return sent

    async def preview(self, document: Mapping[str, Any] | Draft) -> Preview:
        """Who would be released this message now, and who not, as far as its sender may know."""
        self.watch.refuse_if_forked()
        members = document.document if isinstance(document, Draft) else document
        shown = (await self.wire.post("/v1/messages/preview", strictjson.write(dict(members)), JSON)).object()
        return Preview(
            outcome=str(shown.get("outcome")),
            rules=tuple(map(str, shown.get("rules", ()))),
            recipients=sending.outcomes(shown.get("recipients")),
        )

    async def sent(self, cursor: str | None = None, limit: int = 50) -> Page:
        """What this participant sent, oldest first."""
        shown = (await self.wire.get("/v1/sent", limit=limit, **_cursor(cursor))).object()
        return await self._page(shown)

    async def deliveries(self, item: str) -> tuple[Mapping[str, Any], ...]:
        """Of an item sent from here: {participant, state, rule?, at?} for each recipient. Of a recall, a restriction
        or a correction: of those who were told.
        """
        shown = (await self.wire.get(f"/v1/messages/{_named(item)}/deliveries")).object()
        return tuple(shown.get("deliveries", ()))

    # Reading

    async def inbox(self, cursor: str | None = None, limit: int = 50, wait: float = 0) -> Page:
        """The next items released to this participant. wait: seconds for a first one, at most 30."""
        shown = (await self.wire.get("/v1/inbox", limit=limit, wait=int(wait), **_cursor(cursor))).object()
        page = await self._page(shown)
        await self.watch.settle()
        return page

    async def follow(self, *, doubtful: Callable[[Doubtful], None] = _log_doubtful) -> AsyncGenerator[Received, None]:
        """Every message from where the last `follow` of this profile ended, and then each as it comes.

        A page is remembered once all of it was taken, so whoever stops in the middle gets its messages again: at
        least once, and known by their items. doubtful: told of whatever does not prove itself; it is not yielded.
        """
        while True:
            page = await self.inbox(self.state.cursor, limit=100, wait=_LONG_POLL)
            for one in page.doubtful:
                doubtful(one)
            for message in page.messages:
                yield message
            if page.messages or page.doubtful:
                self.state.keep_cursor(page.cursor)

    async def message(self, item: str) -> Received:
        """One item sent or held here, with the evidence that the trail accepted these very bytes."""
        shown = (await self.wire.get(f"/v1/messages/{_named(item)}")).object()
        received = await self._reader.read(shown, self.watch.verify(shown.get("evidence"), item))
        await self.watch.settle()
        return received

    async def thread(self, thread: str) -> Page:
        """The items of a thread that this participant sent or holds, oldest first. thread: the item that began it."""
        return await self._page((await self.wire.get(f"/v1/threads/{_named(thread)}")).object())

    async def owed(self) -> tuple[Owed, ...]:
        """What was shown to this participant and not acknowledged by it, whatever is due first at the beginning."""
        found: list[Owed] = []
        cursor: str | None = None
        while True:
            shown = (await self.wire.get("/v1/owed", limit=_OWED_AT_ONCE, **_cursor(cursor))).object()
            page = Owed.read_all(shown.get("items"))
            found += page
            if not page or shown.get("cursor") is None:
                return tuple(sorted(found, key=lambda one: (one.due_at, one.position)))
            cursor = str(shown["cursor"])

    async def acknowledge(self, item: str | Received) -> VerifiedReceipt:
        """Say, signed, that this participant has received an item, and takes on the duties that its label lays on us.

        item: as it was received; by its name alone, it is read first.
        """
        self.watch.refuse_if_forked()
        received = await self.message(item) if isinstance(item, str) else item
        item, duties = received.item, received.message.label.duties
        stated: dict[str, strictjson.JsonValue] = {
            "v": 1,
            "aud": self.profile.pin.origin,
            "id": str(ULID.from_datetime(self.clock.now())),
            "reader": self.profile.participant,
            "item": item,
            "state": "received",
            "made_at": instant.write(self.clock.now()),
            "user": self.profile.user,
        }
        if duties:
            stated["duties"] = list(duties)
        key = self.profile.key(Use.MESSAGE)
        token = jose.sign(strictjson.write(stated), Kind.ACKNOWLEDGEMENT, key)
        answer = await self.wire.post("/v1/acknowledgements", token)
        verified = self.watch.verify(answer.object(), item)
        stands = verified.leaf
        if stands.event is not Event.ITEM_ACKNOWLEDGED or (stands.actor, stands.object) != (stated["reader"], item):
            raise Unproven(f"the receipt for the acknowledgement of {item} speaks of something else")
        await self.watch.settle()
        return verified

    # The directory

    async def directory(self) -> Directory:
        """Who takes part, folded here from genesis. Rights and status are in it as far as they are shown to us."""
        return await self.history.directory(fresh=True)

    async def _page(self, shown: Mapping[str, Any]) -> Page:
        messages, doubtful = await self._reader.read_all(shown.get("items"))
        return Page(
            messages=messages,
            doubtful=doubtful,
            cursor=str(shown.get("cursor", "")),
            receipt=self._verified_page(shown),
        )

    def _verified_page(self, shown: Mapping[str, Any]) -> VerifiedReceipt | None:
        """The exchange's word of what it has shown: to us, these items and no others."""
        if shown.get("receipt") is None:
            return None
        verified = self.watch.verify(shown["receipt"], "the page")
        stands, positions = verified.leaf, tuple(one.get("position") for one in shown.get("items", ()))
        if stands.event is not Event.ITEMS_READ or stands.actor != self.profile.participant:
            raise Unproven("the receipt of the page speaks of something else")
        if stands.items != positions:
            raise Unproven("the receipt of the page names other items than the page")
        return verified

    @property
    def control(self) -> Control:
        """What is done to items that stand: recalled, restricted, corrected, passed on."""
        return Control(desk=self)

    @property
    def _reader(self) -> Reader:
        return Reader(history=self.history, origin=self.profile.pin.origin)


def _network(url: str) -> httpx.AsyncHTTPTransport:
    """TLS verified by the authorities of the installation. Where there is no TLS (a training exchange on this machine)
    loading them would take longer than all the rest.
    """
    return httpx.AsyncHTTPTransport(verify=not url.startswith("http://"))


def _cursor(cursor: str | None) -> dict[str, str]:
    return {} if cursor is None else {"cursor": cursor}


def _named(item: str) -> str:
    """The name of an item, for a path. Raises Refused for what cannot be one."""
    if not item or quote(item, safe=":") != item:
        raise Refused.here(Refusal(Reason.NOT_FOUND))
    return item
