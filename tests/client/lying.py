"""Exchanges that lie, and lines that fail: the network between a real client and a real exchange, bent on purpose."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

Bend = Callable[[Any], Any]


@dataclass(slots=True)
class Lying(httpx.AsyncBaseTransport):
    """Carries everything to the exchange, and gives back a bent answer where the path begins so."""

    path: str
    bend: Bend
    inner: httpx.AsyncBaseTransport = field(default_factory=lambda: httpx.AsyncHTTPTransport(verify=False))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self.inner.handle_async_request(request)
        if not request.url.path.startswith(self.path) or response.status_code >= 300:
            return response
        raw = await response.aread()
        headers = {"date": response.headers["date"], "content-type": response.headers["content-type"]}
        if "json" in headers["content-type"]:
            return httpx.Response(response.status_code, headers=headers, content=json.dumps(self.bend(json.loads(raw))))
        return httpx.Response(response.status_code, headers=headers, content=self.bend(raw.decode()))


@dataclass(slots=True)
class Failing(httpx.AsyncBaseTransport):
    """Fails the first requests to a path, each in its way, and lets the rest through. seen: the bodies that came.

    failures: exceptions to raise, or answers to give; `after` True loses the answer of a request that arrived.
    """

    path: str
    failures: list[Exception | httpx.Response]
    after: bool = False
    seen: list[bytes] = field(default_factory=list)
    proofs: list[str] = field(default_factory=list)
    inner: httpx.AsyncBaseTransport = field(default_factory=lambda: httpx.AsyncHTTPTransport(verify=False))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path != self.path:
            return await self.inner.handle_async_request(request)
        self.seen.append(await request.aread())
        self.proofs.append(request.headers["dpop"])
        if not self.failures:
            return await self.inner.handle_async_request(request)
        if self.after:
            await (await self.inner.handle_async_request(request)).aread()
        failure = self.failures.pop(0)
        if isinstance(failure, Exception):
            raise failure
        return failure
