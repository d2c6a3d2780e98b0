"""The composition root: reads the settings once, builds everything once, and hands it in. Nothing lives at import."""

import asyncio
import fcntl
import gc
import json
import os
import secrets
import sys
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, Any

import uvicorn

from exchange import committer, logs, shipped
from exchange.access import Access
from exchange.committer import Committer, Published
from exchange.cursor import Cursors
from exchange.inbox import Inbox
from exchange.intake import Intake
from exchange.jose import SigningKey
from exchange.note import TrailKey
from exchange.policy import Standing
from exchange.proving import Prover
from exchange.refusal import Reason, Refusal
from exchange.registry import Registry
from exchange.schema import Schemas
from exchange.settings import Misconfigured, Settings
from exchange.store import KeyWrap, Store, StoreFault
from exchange.trail import Refusals, Trail
from exchange.verifying import Verifier
from exchange.wake import Wake
from exchange.web import Doors, create_app
from exchange.web.app import Application, Lifespan
from exchange.web.edge import Edge
from exchange.web.quota import Quota


def now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """One process of an exchange: its parts, and the application over them. lock: held for as long as it lives."""

    settings: Settings
    lock: IO[bytes] | None
    store: Store
    wake: Wake
    committer: Committer
    doors: Doors
    app: Application


def open_store(settings: Settings) -> Store:
    """Raises StoreFault where the database is not durable, not ours, or not there."""
    wrapping = KeyWrap(settings.key_bytes("wrapping.key"), entropy=secrets.token_bytes)
    return Store.open(settings.database, wrapping=wrapping, head_key=settings.key_bytes("head.key"))


def build(settings: Settings) -> Gateway:
    """Everything but the running of it. Raises Misconfigured and StoreFault."""
    lock = _claim(settings)
    schemas = Schemas.compile(shipped.texts("schemas", ".schema.json"))
    store, wake = open_store(settings), Wake()
    trail_key, token_key = _keys(settings)
    standing = _in_force(settings, store, schemas)
    writer = Committer(
        store=store,
        standing=standing,
        schemas=schemas,
        key=trail_key,
        wake=wake,
        now=now,
        entropy=secrets.token_bytes,
        published=Published.load(settings.folder / "published.json"),
        die=lambda: os._exit(70),
        queue=settings.limits.queue,
    )
    writer.meet()
    verifier = Verifier(settings.verifiers)
    doors = _doors(settings, store, wake, writer, verifier, trail_key, token_key, schemas)
    app = create_app(doors, _lifespan(doors, writer, verifier, _readers(store)))
    return Gateway(settings=settings, lock=lock, store=store, wake=wake, committer=writer, doors=doors, app=app)


def _keys(settings: Settings) -> tuple[TrailKey, SigningKey]:
    try:
        trail_key = TrailKey.from_pem(settings.origin, settings.secret("trail.pem"))
    except ValueError:
        raise Misconfigured("secrets/trail.pem holds no Ed25519 key in PEM form: restore it") from None
    try:
        return trail_key, SigningKey.from_pem(settings.secret("token.pem"))
    except Refusal:
        raise Misconfigured("secrets/token.pem holds no P-256 key in PEM form: restore it") from None


def _in_force(settings: Settings, store: Store, schemas: Schemas) -> Standing:
    """A set that asks what this version does not know would err at each decision, and so deny everybody; or permit,
    if it errs in what forbids. It stands in the trail and cannot be mended, so nothing is served under it.
    """
    try:
        return committer.load_standing(store, genesis=settings.genesis, schemas=schemas)
    except Refusal as refusal:
        if refusal.reason is not Reason.POLICY_WRONG:
            raise
        places = "; ".join(f"{fault.path} {fault.says}" for fault in refusal.faults)
        raise Misconfigured(
            f"the policy set in force does not hold together in this version ({places}): serve it with the version "
            "under which it came into force, and replace it there"
        ) from refusal


def _claim(settings: Settings) -> IO[bytes] | None:
    """On SQLite, this folder for this process alone. Raises Misconfigured where another one has it."""
    if not settings.database.startswith("sqlite"):
        return None
    lock = (settings.folder / "serving.lock").open("ab")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise Misconfigured(
            f"another process serves {settings.folder} already. SQLite has one writer: a second process gains nothing, "
            "ruins the slowest answers, and could be shown a proof that the first has seen. Use PostgreSQL for more"
        ) from None
    return lock


def run(gateway: Gateway, *, as_json: bool = False) -> None:
    """Serve until told to stop. Requests under way are answered first; waiting readers are let go at once."""
    _settle()
    try:
        _Server(_uvicorn_config(gateway), gateway, as_json).run()
    finally:
        gateway.store.close()


def _settle() -> None:
    """What was built so far lives as long as the process: the collector need not walk it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def serve(settings: Settings, *, as_json: bool = False) -> None:
    """What `exchange serve` does. as_json: the line, too, that says where. Raises Misconfigured and StoreFault before
    anything is served.
    """
    logs.as_json_lines()
    run(build(settings), as_json=as_json)


def _doors(
    settings: Settings,
    store: Store,
    wake: Wake,
    writer: Committer,
    verifier: Verifier,
    trail_key: TrailKey,
    token_key: SigningKey,
    schemas: Schemas,
) -> Doors:
    limits = settings.limits
    prover = Prover(store=store, key=trail_key, origin=settings.origin)
    cursors = Cursors(
        secret=settings.key_bytes("cursor.key"), origin=settings.origin, now=now, entropy=secrets.token_bytes
    )
    access = Access(
        standing=writer.standing,
        verified=verifier.verified,
        now=now,
        spend=store.spend,
        refuse_before=lambda: store.refuse_before,
        fresh_id=_fresh_id,
        token_key=token_key,
        origin=settings.origin,
        public_url=settings.public_url,
    )
    refusals = Refusals(committer=writer, standing=writer.standing, now=now, singly=limits.refusals_per_minute)
    edge = Edge(
        access=access,
        refusals=refusals,
        posts=Quota(rate=limits.posts_per_second, burst=limits.posts_burst, clock=time.monotonic),
        reads=Quota(rate=limits.reads_per_second, burst=limits.reads_burst, clock=time.monotonic),
        strangers=Quota(rate=limits.strangers_per_second, burst=limits.strangers_burst, clock=time.monotonic),
        fresh_id=_fresh_id,
        body_seconds=limits.body_seconds,
    )
    shared: dict[str, Any] = {
        "committer": writer,
        "store": store,
        "standing": writer.standing,
        "now": now,
        "prove": prover.receipt,
        "schemas": schemas,
    }
    return Doors(
        access=access,
        intake=Intake(**shared, verified=verifier.verified, limit=limits.message_bytes),
        inbox=Inbox(**shared, wake=wake, cursors=cursors),
        registry=Registry(**shared),
        trail=Trail(committer=writer, store=store, prover=prover, standing=writer.standing),
        edge=edge,
        pin=pin_of(settings, trail_key),
        ready=lambda: _readiness(writer, store),
    )


def _readiness(writer: Committer, store: Store) -> dict[str, bool]:
    """head: it is there, and ours. versions: what this process decides by is what the head says is in force; on
    PostgreSQL another gateway may have replaced it a moment ago.
    """
    try:
        head = store.head()
    except (Refusal, StoreFault):
        return {"writer": writer.alive, "head": False, "versions": False}
    standing = writer.standing()  # after the head: what is in force here by now may be newer, never older than it was
    known = (standing.directory.version, standing.policy.digest)
    current = known == (head.directory, head.policy) or standing.directory.version > head.directory
    return {"writer": writer.alive, "head": head.size > 0, "versions": current}


def pin_of(settings: Settings, trail_key: TrailKey) -> dict[str, str]:
    """What a participant needs to trust nobody else, as the operator hands it out."""
    return {
        "url": settings.public_url,
        "origin": settings.origin,
        "trail_key": trail_key.vkey(),
        "genesis": settings.genesis,
    }


def _lifespan(doors: Doors, writer: Committer, verifier: Verifier, readers: ThreadPoolExecutor) -> Lifespan:
    @asynccontextmanager
    async def lifespan(app: Application) -> AsyncIterator[None]:
        asyncio.get_running_loop().set_default_executor(readers)
        writer.start()
        counting = asyncio.create_task(doors.edge.refusals.keep_counting())
        try:
            yield
        finally:
            counting.cancel()
            if writer.alive:
                await doors.edge.refusals.count(everything=True)
            await writer.stop()
            await verifier.stop()

    return lifespan


def _readers(store: Store) -> ThreadPoolExecutor:
    """The threads that read. On SQLite, where reading is our own processor's work, a third one would only take the
    interpreter from the other two; PostgreSQL is waited for.
    """
    return ThreadPoolExecutor(2 if store.dialect == "sqlite" else 8, thread_name_prefix="exchange-reader")


def _fresh_id() -> str:
    return secrets.token_urlsafe(16)


class _Server(uvicorn.Server):
    """Says where it serves once it does, and lets waiting readers go when it is told to stop."""

    def __init__(self, config: uvicorn.Config, gateway: Gateway, as_json: bool) -> None:
        super().__init__(config)
        self._gateway = gateway
        self._as_json = as_json

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        if self.started:
            host, port = self.servers[0].sockets[0].getsockname()[:2]
            origin, url = self._gateway.settings.origin, f"http://{host}:{port}"
            sys.stdout.write(
                json.dumps({"serving": origin, "url": url}) if self._as_json else f"serving {origin} on {url}"
            )
            sys.stdout.write("\n")
            sys.stdout.flush()

    def handle_exit(self, sig: int, frame: Any) -> None:
        self._gateway.wake.close()
        super().handle_exit(sig, frame)
        # uvicorn would raise the signal again once it has shut down, and that ends us before the store is closed.
        self._captured_signals.clear()


def _uvicorn_config(gateway: Gateway) -> uvicorn.Config:
    return uvicorn.Config(
        gateway.app,
        host=gateway.settings.host,
        port=gateway.settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=20,
        h11_max_incomplete_event_size=32 * 1024,
    )
