"""Tokens, and the metadata that says how to get one (RFC 8414)."""

from urllib.parse import parse_qsl

from fastapi import FastAPI, Request
from starlette.responses import Response

from exchange import jose
from exchange.access import CLIENT_CREDENTIALS, Access
from exchange.refusal import Reason, Refusal
from exchange.web.edge import FORM, Edge
from exchange.web.render import as_json

_FIELDS = frozenset({"grant_type", "client_assertion_type", "client_assertion"})
_FORM_LIMIT = 2 * jose.TOKEN_LIMIT


def add_routes(app: FastAPI, access: Access, edge: Edge, pin: dict[str, str]) -> None:
    @app.post("/v1/token", operation_id="token", tags=["access"])
    async def token(request: Request) -> Response:
        """A five-minute token for whoever signed the assertion, bound to the key of the DPoP proof."""
        edge.take_stranger(request)
        proofs = request.headers.getlist("dpop")
        if len(proofs) != 1:
            raise Refusal(Reason.PROOF_OF_KEY_WRONG)
        form = _parsed(await edge.body(request, limit=_FORM_LIMIT, media_type=FORM))
        given = await access.token(
            grant_type=form["grant_type"],
            assertion_type=form["client_assertion_type"],
            assertion=form["client_assertion"].encode(),
            proof=proofs[0].encode("latin-1"),
        )
        return as_json({"access_token": given.decode(), "token_type": "DPoP", "expires_in": jose.LIFETIME})

    @app.get("/.well-known/oauth-authorization-server", operation_id="metadata", tags=["access"])
    async def metadata() -> Response:
        """Where and how to get a token, and what this exchange is called."""
        return as_json(
            {
                "issuer": access.public_url,
                "token_endpoint": access.token_url,
                "grant_types_supported": [CLIENT_CREDENTIALS],
                "response_types_supported": [],
                "token_endpoint_auth_methods_supported": ["private_key_jwt"],
                "token_endpoint_auth_signing_alg_values_supported": ["ES256"],
                "dpop_signing_alg_values_supported": ["ES256"],
                "exchange_origin": pin["origin"],
                "exchange_trail_key": pin["trail_key"],
                "exchange_genesis": pin["genesis"],
            }
        )


def _parsed(body: bytes) -> dict[str, str]:
    """RFC 6749, 3.2: no parameter comes twice, and one that nobody knows is ignored. Raises Refusal(FORM_MALFORMED)."""
    try:
        pairs = parse_qsl(body.decode("ascii"), strict_parsing=True, errors="strict", max_num_fields=16)
    except ValueError:
        raise Refusal(Reason.FORM_MALFORMED) from None
    form = dict(pairs)
    if len(form) < len(pairs) or not form.keys() >= _FIELDS:
        raise Refusal(Reason.FORM_MALFORMED)
    return form
