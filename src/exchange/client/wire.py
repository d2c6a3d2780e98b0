"""One exchange over HTTP: a token by signed assertion, a fresh DPoP proof for each request, and patience.

What is posted can be posted again: a message is known by its id, and the same bytes count once. So a request whose
answer was lost is repeated as it was, under a new proof, and so is one answered by 429 or 503.
"""

import asyncio
import json
import logging
import math
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from exchange import jose
from exchange.client.clock import Clock
from exchange.client.errors import Refused, Unreachable
from exchange.client.profile import Profile
from exchange.jose import SigningKey
from exchange.participant import Use
from exchange.refusal import Reason

_log = logging.getLogger("exchange.client")

JOSE = "application/jose"
JSON = "application/json"

_TOKEN_PATH = "/v1/token"  # noqa: S105  an address
_JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ANSWER_LIMIT = 64 * 1024 * 1024  # bytes: a page of a hundred messages of the largest size fits in
_RENEW_BEFORE = 30  # seconds that a token should still live

_COME_BACK = frozenset({429, 503})
# Refusals that a corrected clock or a new token may cure, once.
_STALE = frozenset(
    reason.code for reason in (Reason.TOKEN_WRONG, Reason.PROOF_OF_KEY_WRONG, Reason.ASSERTION_WRONG, Reason.REPLAYED)
)
_ONE_SECOND = 1.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often a request is tried, and how long to wait between: 0.2 s, doubled each time, or what the exchange asks
    for, but never more than `longest` seconds at once.
    """

    attempts: int = 6
    first: float = 0.2
    longest: float = 30.0

    def before(self, attempt: int, asked: int | None) -> float:
        """Seconds before this attempt (1 is the first repeat). asked: of Retry-After."""
        # Clients that were turned away together must not come back together.
        scattered = self.first * float(2 ** (attempt - 1)) * (0.5 + secrets.randbelow(1000) / 1000)
        return min(self.longest, max(scattered, float(asked or 0)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back, read whole."""

    status: int
    headers: httpx.Headers
    content: bytes

    def json(self) -> Any:
        """Of the transport only: whatever is believed of it is signed or proven inside, and read strictly there."""
        try:
            return json.loads(self.content)
        except (ValueError, RecursionError):
            raise Unreachable("the answer is no JSON: is this address an exchange?") from None

    def object(self) -> dict[str, Any]:
        value = self.json()
        if not isinstance(value, dict):
            raise Unreachable("the answer is no JSON object: is this address an exchange?")
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    method: str
    path: str
    params: Mapping[str, str | int] = field(default_factory=dict)
    content: bytes | None = None
    media: str = ""


_Once = Callable[[_Request], Awaitable[Answer]]


@dataclass(slots=True, kw_only=True)
class Wire:
    """http: to the profile's address. Tokens and proofs are bound to a key made for this one run."""

    http: httpx.AsyncClient
    profile: Profile
    clock: Clock
    patience: Patience = field(default_factory=Patience)
    _key: SigningKey = field(default_factory=SigningKey.generate)
    _token: bytes = b""
    _token_ends: float = -math.inf  # of time.monotonic
    _renewing: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def get(self, path: str, **params: str | int) -> Answer:
        return await self._answered(_Request(method="GET", path=path, params=params))

    async def post(self, path: str, content: bytes, media: str = JOSE) -> Answer:
        """Raises Refused and Unreachable, as every call here."""
        return await self._answered(_Request(method="POST", path=path, content=content, media=media))

    async def public(self, path: str) -> Answer:
        """An address that asks for no token."""
        return self._judged(await self._patiently(_Request(method="GET", path=path), self._bare))

    async def token(self) -> bytes:
        """The access token, renewed before it expires; one renewal at a time."""
        async with self._renewing:
            if time.monotonic() > self._token_ends - _RENEW_BEFORE:
                await self._renew()
            return self._token

    async def _answered(self, request: _Request) -> Answer:
        try:
            return self._judged(await self._patiently(request, self._proven))
        except Refused as refused:
            if refused.reason not in _STALE:
                raise
            if refused.reason == Reason.REPLAYED.code:
                # An exchange that has just started refuses proofs of the second before: it cannot know them unused.
                await asyncio.sleep(_ONE_SECOND)
        # The refusal's Date has corrected the clock by now, and a new token is asked for.
        self._token_ends = -math.inf
        return self._judged(await self._patiently(request, self._proven))

    async def _patiently(self, request: _Request, once: _Once) -> Answer:
        for attempt in range(1, self.patience.attempts + 1):
            asked, last = None, attempt == self.patience.attempts
            try:
                answer = await once(request)
            except httpx.RequestError as error:
                if last:
                    tried = f"{self.profile.pin.url} does not answer ({type(error).__name__}); tried {attempt} times"
                    raise Unreachable(tried) from None
                _log.info("no answer (%s), trying again", type(error).__name__)
            else:
                if answer.status not in _COME_BACK or last:
                    return answer
                asked = _retry_after(answer)
                _log.info("the exchange asks to come back later (%d)", answer.status)
            await asyncio.sleep(self.patience.before(attempt, asked))
        raise AssertionError("there is at least one attempt")

    async def _proven(self, request: _Request) -> Answer:
        token = await self.token()
        proof = jose.write_proof(
            self._key,
            method=request.method,
            url=self.profile.pin.url + request.path,
            jti=secrets.token_urlsafe(24),
            now=self._seconds(),
            access_token=token,
        )
        headers = {"Authorization": f"DPoP {token.decode()}", "DPoP": proof.decode()}
        return await self._bare(request, headers)

    async def _bare(self, request: _Request, headers: Mapping[str, str] | None = None) -> Answer:
        more = {"Content-Type": request.media} if request.media else {}
        built = self.http.build_request(
            request.method,
            self.profile.pin.url + request.path,
            params=dict(request.params) or None,
            content=request.content,
            headers={**(headers or {}), **more},
        )
        response = await self.http.send(built, stream=True)
        try:
            content = await _read(response)
        finally:
            await response.aclose()
        self.clock.correct(response.headers.get("date"))
        return Answer(status=response.status_code, headers=response.headers, content=content)

    async def _renew(self) -> None:
        """RFC 7523, 2.2 and RFC 9449, 5. A repeat needs a new assertion as well as a new proof: both are single."""
        access = self.profile.key(Use.ACCESS)
        answer = self._judged(await self._patiently(_Request(method="POST", path=_TOKEN_PATH), self._ask(access)))
        members = answer.object()
        try:
            self._token = members["access_token"].encode()
            self._token_ends = time.monotonic() + float(members["expires_in"])
        except (KeyError, TypeError, ValueError, AttributeError):
            raise Unreachable("the token endpoint's answer is not one of RFC 6749") from None

    def _ask(self, access: SigningKey) -> "_Once":
        async def once(request: _Request) -> Answer:
            url, now = self.profile.pin.url, self._seconds()
            assertion = jose.write_assertion(
                access,
                participant=self.profile.participant,
                audience=url,
                jti=secrets.token_urlsafe(24),
                now=now,
                user=self.profile.user,
                purpose=self.profile.purpose,
            )
            form = {
                "grant_type": "client_credentials",
                "client_assertion_type": _JWT_BEARER,
                "client_assertion": assertion.decode(),
            }
            proof = jose.write_proof(
                self._key, method="POST", url=url + request.path, jti=secrets.token_urlsafe(24), now=now
            )
            content = str(httpx.QueryParams(form)).encode()
            asking = _Request(
                method="POST", path=request.path, content=content, media="application/x-www-form-urlencoded"
            )
            return await self._bare(asking, {"DPoP": proof.decode()})

        return once

    def _judged(self, answer: Answer) -> Answer:
        if 200 <= answer.status < 300:
            return answer
        try:
            raise Refused.of_problem(answer.object(), answer.status, _retry_after(answer))
        except (KeyError, TypeError, AttributeError, Unreachable):
            what = f"{self.profile.pin.url} answered {answer.status}, not in the exchange's form"
            raise Unreachable(what) from None

    def _seconds(self) -> int:
        return int(self.clock.now().timestamp())


async def _read(response: httpx.Response) -> bytes:
    """Cut off while reading: a hostile answer may have no end."""
    parts, size = [], 0
    async for part in response.aiter_bytes():
        size += len(part)
        if size > _ANSWER_LIMIT:
            raise Unreachable("the answer is larger than any that an exchange gives")
        parts.append(part)
    return b"".join(parts)


def _retry_after(answer: Answer) -> int | None:
    """Seconds; the other form of the header (a date) is not used by an exchange."""
    text = answer.headers.get("retry-after", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else None
