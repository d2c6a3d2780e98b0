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
FORM = "application/x-www-form-urlencoded"

# Whatever has a name here has it in printable ASCII; not every database takes U+0000 in a question.
NAME, NAMES = 128, r"^[!-~]+$"  # characters, and which

_PLACE = 200  # characters of an address that are recorded with a refusal
_DIGITS = 15  # of a length that anybody means


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
        caller = await self._caller(request, once=False, quota=self.posts)
        _check_query(request, frozenset())
        return caller

    async def caller(self, request: Request) -> Caller:
        """The caller of everything else: a dependency of each route, so that it is known before a parameter is judged
        and what is wrong with one is booked on whoever sent it.
        """
        caller = await self._caller(request, once=True, quota=self.reads)
        _check_query(request, frozenset(field.alias for field in request.scope["route"].dependant.query_params))
        return caller

    async def body(self, request: Request, *, limit: int, media_type: str) -> bytes:
        """The body, cut off while reading: never more than `limit` bytes, never longer than the deadline."""
        stated = request.headers.getlist("content-type")
        if len(stated) != 1 or stated[0].partition(";")[0].strip().lower() != media_type:
            raise Refusal(Reason.MEDIA_TYPE)
        if _stated_length(request) > limit:
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
            self.refusals.record_stranger(refusal, ticket)
        else:
            receipt = await self._recorded(caller, refusal, ticket, request)
            _log.info("refused", extra={"reason": refusal.reason.code, "ticket": ticket})
        answer = problem.answer(refusal, ticket, receipt)
        if isinstance(error, HTTPException) and error.headers and "Allow" in error.headers:
            answer.headers["Allow"] = error.headers["Allow"]  # RFC 9110, 15.5.6
        return answer

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
        stated, proofs = request.headers.getlist("authorization"), request.headers.getlist("dpop")
        scheme, _, credentials = "".join(stated).partition(" ")
        if len(stated) != 1 or scheme.lower() != "dpop" or not credentials:
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
            path=request.scope["path"],  # and not of request.url, into which the caller's own Host header goes
            once=once,
        )

    async def _recorded(self, caller: Caller, refusal: Refusal, ticket: str, request: Request) -> Receipt | None:
        try:
            place = f"{request.method} {request.scope['path'][:_PLACE]}"
            return await self.refusals.record(caller, refusal, ticket, place)
        except Refusal:
            # The refusal stands even where the trail cannot take it now: nothing was done that would need proof.
            return None


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _as_refusal(error: Exception) -> Refusal:
    match error:
        case Refusal():
            return error
        case RequestValidationError() if any(fault["loc"][0] == "path" for fault in error.errors()):
            return Refusal(Reason.NOT_FOUND)  # what cannot be a name names nothing
        case RequestValidationError() | ClientDisconnect():
            return Refusal(Reason.FORM_MALFORMED)
        case HTTPException(status_code=HTTPStatus.METHOD_NOT_ALLOWED):
            return Refusal(Reason.METHOD_NOT_ALLOWED)
        case HTTPException(status_code=HTTPStatus.NOT_FOUND):
            return Refusal(Reason.NOT_FOUND)
        case _:
            return Refusal(Reason.FORM_MALFORMED)


def _check_query(request: Request, known: frozenset[str]) -> None:
    """Every parameter once, and none that this address does not know: a misspelt cursor would begin anew in silence."""
    names = [name for name, _ in request.query_params.multi_items()]
    if len(set(names)) < len(names) or not known.issuperset(names):
        raise Refusal(Reason.FORM_MALFORMED)


def _stated_length(request: Request) -> int:
    """Bytes; 0 where none are stated. Servers parse it too, each in its own way."""
    stated = request.headers.get("content-length", "0")
    if not stated.isascii() or not stated.isdigit() or len(stated) > _DIGITS:
        raise Refusal(Reason.FORM_MALFORMED)
    return int(stated)
