"""A participant at the doors, by hand: its requests are right in everything that a test does not bend."""

import secrets
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import httpx

from exchange import envelope, instant, jose, strictjson
from exchange.access import CLIENT_CREDENTIALS, JWT_BEARER
from exchange.jose import Kind, SigningKey
from tests import world as worlds

JOSE = "application/jose"
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


@dataclass(slots=True, kw_only=True)
class Visitor:
    """access, message: its keys. bound: the key that its token is bound to. purpose: for which it calls."""

    id: str
    url: str
    origin: str
    access: SigningKey
    message: SigningKey
    http: httpx.Client
    purpose: str = ""
    bound: SigningKey = field(default_factory=SigningKey.generate)
    _token: bytes = b""
    _ends: float = 0

    # Tokens and proofs

    @property
    def token(self) -> bytes:
        if time.time() > self._ends:
            answer = self.ask_token()
            assert answer.status_code == 200, answer.text
            self._token, self._ends = answer.json()["access_token"].encode(), time.time() + 200
        return self._token

    def ask_token(self, assertion: bytes | None = None, proof: bytes | None = None, **form: str) -> httpx.Response:
        proof = proof or self.proof("POST", "/v1/token", token=None)
        fields = {
            "grant_type": CLIENT_CREDENTIALS,
            "client_assertion_type": JWT_BEARER,
            "client_assertion": (assertion or self.assertion()).decode(),
        }
        headers = {"DPoP": proof.decode(), "Content-Type": FORM}
        return self.http.post(self.url + "/v1/token", content=urlencode(fields | form), headers=headers)

    def assertion(self, **instead: Any) -> bytes:
        claims: dict[str, Any] = {
            "participant": self.id,
            "audience": self.url,
            "jti": secrets.token_urlsafe(24),
            "now": int(time.time()),
            "user": "u-117",
            "purpose": self.purpose,
        }
        return jose.write_assertion(self.access, **claims | instead)

    def proof(
        self, method: str, path: str, *, token: bytes | None, key: SigningKey | None = None, **more: Any
    ) -> bytes:
        claims: dict[str, Any] = {"url": self.url + path, "jti": secrets.token_urlsafe(24), "now": int(time.time())}
        return jose.write_proof(key or self.bound, method=method, access_token=token, **claims | more)

    def headers(self, method: str, path: str) -> dict[str, str]:
        """What proves who calls, for one request."""
        token = self.token
        proof = self.proof(method, path, token=token)
        return {"Authorization": f"DPoP {token.decode()}", "DPoP": proof.decode()}

    # Requests

    def get(self, path: str, **params: str | int | float) -> httpx.Response:
        return self.http.get(self.url + path, params=params, headers=self.headers("GET", path))

    def post(self, path: str, content: bytes, media: str = JOSE) -> httpx.Response:
        headers = self.headers("POST", path) | {"Content-Type": media}
        return self.http.post(self.url + path, content=content, headers=headers)

    def send(self, document: dict[str, Any]) -> httpx.Response:
        return self.post("/v1/messages", self.sign(document))

    def sent(self, *recipients: str | dict[str, Any], **members: Any) -> dict[str, Any]:
        """A message, accepted: {item, position, jws, routing, ...}."""
        document = self.write(*recipients, **members)
        token = self.sign(document)
        answer = self.post("/v1/messages", token)
        assert answer.status_code == 201, answer.text
        accepted: dict[str, Any] = answer.json()
        return accepted | {"item": f"{self.id}:{document['id']}", "jws": token.decode(), "document": document}

    def preview(self, document: dict[str, Any]) -> httpx.Response:
        return self.post("/v1/messages/preview", strictjson.write(document), JSON)

    def acknowledge(self, item: str, **members: Any) -> httpx.Response:
        return self.post("/v1/acknowledgements", self.acknowledgement(item, **members))

    # What it writes and signs

    def write(self, *recipients: str | dict[str, Any], **members: Any) -> dict[str, Any]:
        """A plain message of this moment; `label` adds to a plain label. recipients: a text names a participant."""
        now = datetime.now(UTC)
        label = worlds.label(originator=self.id, created=instant.write(now)) | members.pop("label", {})
        document = {
            "id": worlds.fresh_id(now),
            "type": "message",
            "schema_version": 1,
            "aud": self.origin,
            "sender": self.id,
            "user": "u-117",
            "recipients": [to if isinstance(to, dict) else {"participant": to} for to in recipients],
            "case_ref": "UTO-2026-0001",
            "subject": "A shipment",
            "label": label,
            "sent_at": instant.write(now),
            "body": {"text": "Seen at the port."},
        }
        return document | members

    def write_act(self, type: str, about: dict[str, Any], body: dict[str, Any], **members: Any) -> dict[str, Any]:
        """What acts upon an item: as `sent` gave that. Its label is the item's, but for its moment."""
        kept = {n: v for n, v in about["document"]["label"].items() if n not in ("originator", "created", "expires")}
        label = kept | members.pop("label", {})
        thread = about["document"].get("thread", about["item"])
        document = self.write(label=label, type=type, body={"object": about["item"]} | body, thread=thread, **members)
        return {name: value for name, value in document.items() if name != "recipients" or value}

    def acts(self, type: str, about: dict[str, Any], body: dict[str, Any], **members: Any) -> dict[str, Any]:
        """An act upon an item, accepted: as `sent`."""
        document = self.write_act(type, about, body, **members)
        token = self.sign(document)
        answer = self.post("/v1/messages", token)
        assert answer.status_code == 201, answer.text
        accepted: dict[str, Any] = answer.json()
        return accepted | {"item": f"{self.id}:{document['id']}", "jws": token.decode(), "document": document}

    def recall(self, about: dict[str, Any], **members: Any) -> dict[str, Any]:
        return self.acts("recall", about, {"ground": "ERROR", "action": "DELETE"}, **members)

    def restrict(self, about: dict[str, Any], circle: dict[str, Any], **members: Any) -> dict[str, Any]:
        return self.acts("restriction", about, {"releasable_to": circle}, **members)

    def lift(self, about: dict[str, Any], **members: Any) -> dict[str, Any]:
        return self.acts("restriction", about, {"lifted": True}, **members)

    def correct(self, about: dict[str, Any], text: str = "Seen at the station.", **members: Any) -> dict[str, Any]:
        return self.acts("correction", about, {"reason": "ERROR", "corrected": {"text": text}}, **members)

    def write_forward(
        self, about: dict[str, Any], *to: str, permission: str | None = None, **members: Any
    ) -> dict[str, Any]:
        """A note about an item as `sent` gave that, marked as the item is."""
        body = {} if permission is None else {"permission": permission}
        recipients = [{"participant": id} for id in to]
        return self.write_act("forward", about, body, **{"recipients": recipients} | members)

    def forward(self, document: dict[str, Any]) -> httpx.Response:
        return self.post("/v1/forwards", self.sign(document))

    def sign(self, document: dict[str, Any]) -> bytes:
        return envelope.write(document, self.message)

    def acknowledgement(self, item: str, **members: Any) -> bytes:
        now = datetime.now(UTC)
        stated: dict[str, Any] = {
            "v": 1,
            "aud": self.origin,
            "id": worlds.fresh_id(now),
            "reader": self.id,
            "item": item,
            "state": "received",
            "made_at": instant.write(now),
            "user": "u-117",
        }
        return jose.sign(strictjson.write(stated | members), Kind.ACKNOWLEDGEMENT, self.message)

    # What it reads

    def inbox(self, **params: str | int | float) -> dict[str, Any]:
        answer = self.get("/v1/inbox", **params)
        assert answer.status_code == 200, answer.text
        page: dict[str, Any] = answer.json()
        return page

    def caught_up(self) -> str:
        """A cursor behind everything that is there by now."""
        page = self.inbox()
        while page["items"]:
            page = self.inbox(cursor=page["cursor"])
        return str(page["cursor"])

    def reads(self, item: str) -> bool:
        answer = self.get(f"/v1/messages/{item}")
        assert answer.status_code in (200, 404), answer.text
        return answer.status_code == 200
