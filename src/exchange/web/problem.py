"""Refusals as answers: the one table of statuses, and problem details (RFC 9457) that echo nothing."""

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.responses import Response

from exchange.receipt import Receipt
from exchange.refusal import Reason, Refusal

_STATUSES: Mapping[int, tuple[Reason, ...]] = {
    400: (
        Reason.FORM_MALFORMED,
        Reason.JWS_MALFORMED,
        Reason.JWS_HEADER,
        Reason.JSON_MALFORMED,
        Reason.KEY_MALFORMED,
        Reason.CURSOR_WRONG,
        Reason.RANGE_WRONG,
        Reason.GRANT_UNSUPPORTED,
        Reason.PROOF_WRONG,
        Reason.CHECKPOINT_WRONG,
        Reason.LEAF_MALFORMED,
        Reason.HISTORY_WRONG,
    ),
    401: (Reason.ASSERTION_WRONG, Reason.PROOF_OF_KEY_WRONG, Reason.REPLAYED, Reason.TOKEN_WRONG),
    403: (
        Reason.BAD_SIGNATURE,
        Reason.UNKNOWN_KEY,
        Reason.KEY_NOT_VALID,
        Reason.NOT_ALLOWED,
        Reason.NOT_THE_SENDER,
        Reason.DENIED,
        Reason.NOT_CLEARED,
        Reason.GRANT_STALE,
        Reason.SCOPE,
        Reason.NO_AGREEMENT,
        Reason.ORIGINATOR_CONTROL,
        Reason.NOT_AN_OFFICER,
        Reason.BEYOND_GRANT,
    ),
    404: (Reason.NOT_FOUND,),
    405: (Reason.METHOD_NOT_ALLOWED,),
    408: (Reason.BODY_TOO_SLOW,),
    409: (
        Reason.ID_REUSED,
        Reason.RECALLED,
        Reason.ACT_WRONG,
        Reason.NOT_TO_ALL,
        Reason.CHANGE_WRONG,
        Reason.ALREADY_APPROVED,
    ),
    410: (Reason.ERASED,),
    413: (Reason.BODY_TOO_LARGE,),
    415: (Reason.MEDIA_TYPE,),
    422: (
        Reason.SCHEMA_VIOLATION,
        Reason.UNKNOWN_TYPE,
        Reason.LABEL_INCOMPLETE,
        Reason.LABEL_FOREIGN,
        Reason.LABEL_INCONSISTENT,
        Reason.PERSON_STATUS_MISSING,
        Reason.PURPOSE_MISSING,
        Reason.SEALING_REQUIRED,
        Reason.WRONG_EXCHANGE,
        Reason.OUT_OF_TIME,
        Reason.UNKNOWN_REFERENCE,
        Reason.DUTIES_MISSING,
        Reason.UNKNOWN_RECIPIENT,
        Reason.TOO_MANY_RECIPIENTS,
        Reason.NO_RECIPIENTS,
        Reason.POLICY_WRONG,
        Reason.POLICY_CASES_FAILED,
    ),
    429: (Reason.TOO_MANY_REQUESTS,),
    500: (Reason.FAULT,),
    503: (Reason.OVERLOADED, Reason.STORE_UNAVAILABLE),
}

STATUS: Mapping[Reason, int] = {reason: status for status, reasons in _STATUSES.items() for reason in reasons}

# RFC 6749 (5.2) and RFC 9449 (5): what generic OAuth clients look for, beside the reason.
_OAUTH: Mapping[Reason, str] = {
    Reason.ASSERTION_WRONG: "invalid_client",
    Reason.GRANT_UNSUPPORTED: "unsupported_grant_type",
    Reason.FORM_MALFORMED: "invalid_request",
    Reason.PROOF_OF_KEY_WRONG: "invalid_dpop_proof",
    Reason.REPLAYED: "invalid_dpop_proof",
    Reason.TOKEN_WRONG: "invalid_token",
}


def answer(refusal: Refusal, ticket: str, proof: Receipt | None) -> Response:
    """ticket: random, and named in the leaf where there is one, so that both sides can speak of one event."""
    reason = refusal.reason
    status = STATUS[reason]
    problem: dict[str, Any] = {
        "type": f"urn:exchange:refusal:{reason.code}",
        "title": reason.says,
        "status": status,
        "detail": reason.mend,
        "reason": reason.code,
        "ticket": ticket,
    }
    if refusal.rules:
        problem["rules"] = refusal.rules
    if refusal.faults:
        problem["faults"] = [{"path": fault.path, "says": fault.says} for fault in refusal.faults]
    if refusal.offer:
        problem["offer"] = refusal.offer
    if reason in _OAUTH:
        problem["error"] = _OAUTH[reason]
    if proof is not None:
        problem["receipt"] = proof.wire()
    return Response(orjson.dumps(problem), status, _headers(refusal, status), "application/problem+json")


def _headers(refusal: Refusal, status: int) -> dict[str, str]:
    headers = {"Cache-Control": "no-store"}
    if status in (408, 413):
        headers["Connection"] = "close"  # what is still to come of the body is not read
    if status == 401:
        headers["WWW-Authenticate"] = f'DPoP algs="ES256", error="{_OAUTH[refusal.reason]}"'
    if refusal.retry_after is not None:
        headers["Retry-After"] = str(refusal.retry_after)
    elif status in (429, 503):
        headers["Retry-After"] = "1"
    return headers
