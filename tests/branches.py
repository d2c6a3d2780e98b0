"""Gateways with their doors, in process: intake and inbox on one database, callers who need no token.

Keys, signatures, policies, decisions, databases and writers are real; only HTTP and tokens are left out.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from exchange import envelope, instant, jose, replay, strictjson
from exchange.audit import Auditor, Report
from exchange.cursor import Cursors
from exchange.inbox import Inbox, Page
from exchange.intake import Accepted, Intake
from exchange.jose import Kind
from exchange.leaf import Draft, Event
from exchange.note import Checkpoint
from exchange.participant import Caller, ParticipantId, SignedChange
from exchange.proving import Prover
from exchange.store import StoredItem
from exchange.trail.stored import first_policy, stored_entries
from exchange.verifying import Verifier
from tests import gateway as gateways
from tests import world as worlds
from tests.gateway import Founding, Gateway
from tests.world import World

CURSOR_KEY = bytes(range(64, 96))


@dataclass(slots=True, eq=False)
class Peopled(Founding):
    """Makes an exchange in which everybody of its world takes part. folder: what its gateway notes while it does."""

    folder: Path = field(kw_only=True)

    def build(self, url: str) -> None:
        super(Peopled, self).build(url)
        asyncio.run(self._admit(url))

    async def _admit(self, url: str) -> None:
        async with gateways.gateway(url, self, self.folder / "founding.json") as opened:
            for entry in self.world.history:
                await opened.committer.commit(gateways.change(opened.standing, entry.signed, opened.now))


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """One gateway, as its callers find it."""

    gateway: Gateway
    intake: Intake
    inbox: Inbox

    @property
    def world(self) -> World:
        return self.gateway.world

    def caller(self, name: str) -> Caller:
        participant = self.gateway.standing.directory.participants[ParticipantId(name)]
        return Caller(participant=participant, kid="", user="u-117")

    async def post(self, document: dict[str, Any], key: jose.SigningKey) -> Accepted:
        token, forwards = envelope.write(document, key), document["type"] == "forward"
        return await self.intake.submit(token, self.caller(document["sender"]), forwards=forwards)

    async def page(self, reader: str, cursor: str | None = None, limit: int = 100) -> Page:
        return await self.inbox.page(self.caller(reader), cursor=cursor, limit=limit, wait=0)

    async def item(self, reader: str, item: str) -> StoredItem:
        found, _ = await self.inbox.item(self.caller(reader), item)
        return found

    async def acknowledge(self, reader: str, item: str, key: jose.SigningKey, duties: Sequence[str] = ()) -> None:
        stated: dict[str, Any] = {
            "v": 1,
            "aud": self.world.origin,
            "id": worlds.fresh_id(self.gateway.now),
            "reader": reader,
            "item": item,
            "state": "received",
            "made_at": instant.write(self.gateway.now),
            "user": "u-117",
            **({"duties": list(duties)} if duties else {}),
        }
        token = jose.sign(strictjson.write(stated), Kind.ACKNOWLEDGEMENT, key)
        await self.inbox.acknowledge(token, self.caller(reader))

    async def change(self, signed: SignedChange) -> None:
        await self.gateway.positions(gateways.change(self.gateway.standing, signed, self.gateway.now))

    async def catch_up(self) -> None:
        """With what other gateways have changed, as the next commit of any caller would."""
        draft = Draft(event=Event.QUESTION_ASKED, actor="opr-exchange", object="what is new")
        await self.gateway.positions(gateways.act(self.gateway.standing, draft))

    def audit(self, genesis: str) -> Report:
        """The whole trail in the database, recomputed."""
        store, world = self.gateway.store, self.world
        head = store.head()
        auditor = Auditor(
            Checkpoint(origin=world.origin, size=head.size, root=head.frontier.root()),
            trail_key=world.trail_key.vkey(),
            schemas=worlds.schemas(),
            genesis=genesis,
            deciding=replay.under,
            policy=first_policy(store),
        )
        for entry in stored_entries(store, head.size):
            auditor.examine(entry)
        return auditor.conclude()


@asynccontextmanager
async def branch(url: str, founding: Founding, published: Path) -> AsyncIterator[Branch]:
    async with gateways.gateway(url, founding, published) as opened:
        prover = Prover(store=opened.store, key=founding.world.trail_key, origin=founding.world.origin)
        shared: dict[str, Any] = {
            "committer": opened.committer,
            "store": opened.store,
            "standing": opened.committer.standing,
            "now": lambda: opened.now,
            "prove": prover.receipt,
            "schemas": worlds.schemas(),
        }
        cursors = Cursors(
            secret=CURSOR_KEY, origin=founding.world.origin, now=lambda: opened.now, entropy=secrets.token_bytes
        )
        yield Branch(
            gateway=opened,
            intake=Intake(verified=Verifier(0).verified, **shared),
            inbox=Inbox(wake=opened.wake, cursors=cursors, **shared),
        )
