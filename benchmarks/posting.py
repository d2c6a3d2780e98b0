"""`floor` and `submit`: what HTTP alone costs, and a message that is verified, decided, routed and proven."""

import gc
import itertools
import json
import secrets
import time
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlencode

from benchmarks import network, server
from benchmarks.network import Combinations, Member, Network
from benchmarks.wire import Answered, Connection, drive, percentile, request
from exchange import access, jose

CLIENTS = 64
_SLICE = 2_000  # requests whose proofs are made ahead, with the clock stopped
_WARM = 4_000


async def floor(port: int, *, count: int = 24_000) -> dict[str, Any]:
    """The same process and application, a route that does nothing."""
    body = b"m" * 2300
    one = request("POST", "/floor", headers={"Content-Type": "application/jose"}, body=body)
    connections = [await Connection.open("127.0.0.1", port) for _ in range(CLIENTS)]
    await drive(connections, [itertools.repeat(one, 50) for _ in connections])
    answers, seconds = await drive(connections, [itertools.repeat(one, count // CLIENTS) for _ in connections])
    for connection in connections:
        connection.close()
    return _row(answers, seconds)


class Load:
    """Senders, one for each connection, with tokens that are renewed and proofs that are made in slices."""

    def __init__(self, net: Network, port: int, *, seed: int = 1) -> None:
        self.net, self.port = net, port
        self.senders = list(net.members[:CLIENTS])
        self.combinations = Combinations(net, seed=seed)
        self.proof_seconds = 0.0
        self.proofs = 0

    async def open(self) -> None:
        self.connections = [await Connection.open("127.0.0.1", self.port) for _ in range(CLIENTS)]

    def close(self) -> None:
        for connection in self.connections:
            connection.close()

    async def renew(self) -> None:
        for member, connection in zip(self.senders, self.connections, strict=True):
            if member.token_ends < time.time() + 120:
                await fetch_token(self.net, member, connection)

    def signed(self, count: int) -> list[tuple[Member, bytes]]:
        """`count` messages, in turn by each sender."""
        drawn = self.combinations.draw(count)
        made = time.time()
        turns = itertools.cycle(self.senders)
        return [(s, network.message(s, c, made)) for s, c in zip(turns, drawn, strict=False)]

    async def post(self, messages: Sequence[tuple[Member, bytes]]) -> tuple[list[Answered], float]:
        """-> answers, and the seconds in which requests were under way: making proofs is the load's own cost."""
        answers: list[Answered] = []
        seconds = 0.0
        for start in range(0, len(messages), _SLICE):
            await self.renew()
            began = time.perf_counter()
            prepared = [self._request(*message) for message in messages[start : start + _SLICE]]
            self.proof_seconds += time.perf_counter() - began
            self.proofs += len(prepared)
            turns: list[Iterator[bytes]] = [iter(prepared[n::CLIENTS]) for n in range(CLIENTS)]
            gc.disable()
            got, took = await drive(self.connections, turns)
            gc.enable()
            answers += got
            seconds += took
        return answers, seconds

    def _request(self, sender: Member, token: bytes) -> bytes:
        headers = {
            "Authorization": f"DPoP {sender.token.decode()}",
            "DPoP": network.proof(sender, "POST", self.net.url + "/v1/messages"),
            "Content-Type": "application/jose",
        }
        return request("POST", "/v1/messages", headers=headers, body=token)


async def fetch_token(net: Network, member: Member, connection: Connection) -> None:
    now = int(time.time())
    assertion = jose.write_assertion(
        member.access, participant=member.id, audience=net.url, jti=secrets.token_urlsafe(16), now=now
    )
    form = urlencode(
        {
            "grant_type": access.CLIENT_CREDENTIALS,
            "client_assertion_type": access.JWT_BEARER,
            "client_assertion": assertion.decode(),
        }
    ).encode()
    member.token = b""
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "DPoP": network.proof(member, "POST", net.url + "/v1/token"),
    }
    answered = await connection.send(request("POST", "/v1/token", headers=headers, body=form))
    if answered.status != 200:
        raise RuntimeError(f"no token: {answered.body.decode()}")
    member.token = json.loads(answered.body)["access_token"].encode()
    member.token_ends = now + jose.LIFETIME


async def submit(net: Network, port: int, pid: int, *, count: int) -> dict[str, Any]:
    """Messages signed before, 64 connections, five recipients each."""
    load = Load(net, port)
    await load.open()
    warm, measured = load.signed(_WARM), load.signed(count)
    await load.post(warm)
    load.proof_seconds, load.proofs = 0.0, 0
    before, processor = server.counters(port), server.processor_seconds(pid)
    answers, seconds = await load.post(measured)
    after, processor = server.counters(port), server.processor_seconds(pid) - processor
    load.close()
    if any(answer.status != 201 for answer in answers):
        wrong = next(answer for answer in answers if answer.status != 201)
        raise RuntimeError(f"{wrong.status}: {wrong.body.decode()[:500]}")
    asked = after["hits"] - before["hits"] + after["misses"] - before["misses"]
    return _row(answers, seconds) | {
        "held": after["held"],
        "decision_hits": round((after["hits"] - before["hits"]) / max(1, asked), 3),
        "server_cpu_ms": round(processor / len(answers) * 1000, 3),
        "proof_us": round(load.proof_seconds / load.proofs * 1e6, 1),
    }


def _row(answers: Sequence[Answered], seconds: float) -> dict[str, Any]:
    times = [answer.seconds * 1000 for answer in answers]
    return {
        "clients": CLIENTS,
        "rate": round(len(answers) / seconds, 1),
        "p50_ms": round(percentile(times, 0.50), 1),
        "p99_ms": round(percentile(times, 0.99), 1),
    }
