"""Where HTTP ends: who calls, how much they send, and every refusal as an answer and an entry of the trail."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from exchange.access import Access
from exchange.participant import Caller
from exchange.receipt import Receipt
from exchange.refusal import Reason, Refusal
from exchange.trail import Refusals
from exchange.web import problem
from exchange.web.quota import Quota

_log = logging.getLogger("exchange.web")

JOSE = "application/jose"
JSON = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """posts, reads: shares of a participant. strangers: of an address that has not proved who it is."""

    access: Access
    refusals: Refusals
    posts: Quota
    reads: Quota
    strangers: Quota
    fresh_id: Callable[[], str]
    body_seconds: float

    async def poster(self, request: Request) -> Caller:
        """The caller of `POST /v1/messages`: its proof is not spent, since its message is single by its id."""
        return await self._caller(request, once=False, quota=self.posts)

    async def caller(self, request: Request) -> Caller:
        """The caller of everything else."""
        return await self._caller(request, once=True, quota=self.reads)

    async def body(self, request: Request, *, limit: int, media_type: str) -> bytes:
        """The body, cut off while reading: never more than `limit` bytes, never longer than the deadline."""
        if request.headers.get("content-type", "").partition(";")[0].strip() != media_type:
            raise Refusal(Reason.MEDIA_TYPE)
        if int(request.headers.get("content-length") or 0) > limit:
            raise Refusal(Reason.BODY_TOO_LARGE)
        body = bytearray()
        try:
            async with asyncio.timeout(self.body_seconds):
                async for chunk in request.stream():
                    body += chunk
                    if len(body) > limit:
                        raise Refusal(Reason.BODY_TOO_LARGE)
        except TimeoutError:
            raise Refusal(Reason.BODY_TOO_SLOW) from None
        return bytes(body)

    def take_stranger(self, request: Request) -> None:
        """A share of the address that a request comes from, for doors that are open to strangers."""
        self.strangers.take(_address(request))

    async def refuse(self, request: Request, error: Exception) -> Response:
        """Every refusal's way out: recorded where we know who it is, and answered without a word of the input."""
        refusal = _as_refusal(error)
        ticket = self.fresh_id()
        caller: Caller | None = getattr(request.state, "caller", None)
        receipt = None
        if caller is None:
            self.refusals.record_stranger(refusal)
        else:
            receipt = await self._recorded(caller, refusal, ticket, request)
        _log.info("refused", extra={"reason": refusal.reason.code, "ticket": ticket})
        return problem.answer(refusal, ticket, receipt)

    async def fail(self, request: Request, error: Exception) -> Response:
        """What nobody foresaw: a ticket for the caller, the trace for the operator."""
        ticket = self.fresh_id()
        _log.error("fault", extra={"ticket": ticket}, exc_info=error)
        return problem.answer(Refusal(Reason.FAULT), ticket, None)

    async def _caller(self, request: Request, *, once: bool, quota: Quota) -> Caller:
        try:
            caller = await self._proved(request, once)
        except Refusal:
            self.take_stranger(request)
            raise
        request.state.caller = caller
        quota.take(caller.participant.id)
        return caller

    async def _proved(self, request: Request, once: bool) -> Caller:
        scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
        proofs = request.headers.getlist("dpop")
        if scheme.lower() != "dpop" or not credentials:
            raise Refusal(Reason.TOKEN_WRONG)
        if len(proofs) != 1:
            raise Refusal(Reason.PROOF_OF_KEY_WRONG)
        token = credentials.encode("latin-1")
        if not self.access.remembers(token):
            # Before a signature is looked at: a flood of strangers costs us no arithmetic, and our callers nothing.
            self.strangers.require(_address(request))
        return await self.access.caller(
            token=token,
            proof=proofs[0].encode("latin-1"),
            method=request.method,
            path=request.scope["path"],
            once=once,
        )

    async def _recorded(self, caller: Caller, refusal: Refusal, ticket: str, request: Request) -> Receipt | None:
        try:
            return await self.refusals.record(caller, refusal, ticket, f"{request.method} {request.url.path}")
        except Refusal:
            # The refusal stands even where the trail cannot take it now: nothing was done that would need proof.
            return None


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _as_refusal(error: Exception) -> Refusal:
    match error:
        case Refusal():
            return error
        case RequestValidationError() | ClientDisconnect():
            return Refusal(Reason.FORM_MALFORMED)
        case HTTPException(status_code=HTTPStatus.METHOD_NOT_ALLOWED):
            return Refusal(Reason.METHOD_NOT_ALLOWED)
        case HTTPException(status_code=HTTPStatus.NOT_FOUND):
            return Refusal(Reason.NOT_FOUND)
        case _:
            return Refusal(Reason.FORM_MALFORMED)
