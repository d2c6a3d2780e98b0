"""The answers in docs/protocol.md have the shape of living ones, asked for by hand as that page says."""

import json
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from ulid import ULID

from exchange import envelope, instant, jose
from exchange.client import Author, Draft, Profile, compose
from exchange.jose import Kind, SigningKey
from exchange.leaf import Event
from exchange.participant import ChangeKind, Use, write_change
from tests.docs.fences import ROOT, Block, blocks
from tests.docs.tour import Shell

SHAPES = [block for block in blocks(ROOT / "docs" / "protocol.md") if "shape" in block.marks]


@dataclass(slots=True)
class Stranger:
    """A participant with keys and no SDK."""

    profile: Profile
    key: SigningKey = field(default_factory=SigningKey.generate)
    token: str = ""

    @property
    def url(self) -> str:
        return self.profile.pin.url

    def get_in(self) -> Any:
        now, access = int(time.time()), self.profile.key(Use.ACCESS)
        assertion = jose.write_assertion(
            access, participant=self.profile.participant, audience=self.url, jti=secrets.token_hex(), now=now
        )
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": assertion.decode(),
        }
        answer = httpx.post(f"{self.url}/v1/token", data=form, headers={"DPoP": self._proof("POST", "/v1/token", "")})
        self.token = answer.json()["access_token"]
        return answer.json()

    def ask(self, method: str, path: str, body: bytes = b"", kind: str = "application/jose", **query: Any) -> Any:
        if not self.token:
            self.get_in()
        headers = {
            "Authorization": f"DPoP {self.token}",
            "DPoP": self._proof(method, path, self.token),
            "Content-Type": kind,
        }
        return httpx.request(method, self.url + path, params=query, content=body, headers=headers).json()

    def draft(self, **label: Any) -> Draft:
        author = Author(
            participant=self.profile.participant, user="u-1", origin=self.profile.pin.origin, training=True,
            now=datetime.now(UTC),
        )  # fmt: skip
        return compose(author, type="message", subject="x", body={"text": "x"}, recipients=["ncb-fra"], label=label)

    def post(self, **label: Any) -> Any:
        token = envelope.write(self.draft(**label).document, self.profile.key(Use.MESSAGE))
        return self.ask("POST", "/v1/messages", token)

    def _proof(self, method: str, path: str, token: str) -> str:
        proof = jose.write_proof(
            self.key, method=method, url=self.url + path, jti=secrets.token_hex(), now=int(time.time()),
            access_token=token.encode() or None,
        )  # fmt: skip
        return proof.decode()


@pytest.fixture(scope="module")
def answers(shell: Shell) -> dict[str, Any]:
    """Shape -> what the exchange of the tour answers. Each is asked for as the protocol says."""
    # Proofs of the second in which the gateway started are refused; the tour has taken longer.
    people = {name: Stranger(Profile.load(shell.folder / name)) for name in ("ncb-ita", "ncb-fra", "ovs-audit")}
    ita, fra, audit = people.values()
    one = Stranger(Profile.load(shell.folder / "training" / "officers" / "one"))
    item = json.loads(ita.post()["leaf"])["object"]
    acknowledged(fra, item)
    fra.ask("GET", f"/v1/messages/{json.loads(ita.post()['leaf'])['object']}")

    entries = audit.ask("GET", "/v1/trail/entries", limit=500)
    accepted = [e for e in entries["entries"] if json.loads(e["leaf"])["event"] == Event.MESSAGE_ACCEPTED]
    directory = ita.ask("GET", "/v1/directory")
    mine = [one for one in directory["participants"] if one["id"] == "ncb-ita"]
    rights = {"participant": "ncb-ita", "clearance": "RES", "purposes": ["P3"], "crime_areas": ["VEH"]}
    preview = json.dumps(dict(ita.draft().document)).encode()
    return {
        "pin": json.loads((shell.folder / "training" / "pin.json").read_text()),
        "token": ita.get_in(),
        "preview": ita.ask("POST", "/v1/messages/preview", preview, "application/json"),
        "inbox": fra.ask("GET", "/v1/inbox", limit=2, wait=0),
        "owed": fra.ask("GET", "/v1/owed"),
        "deliveries": ita.ask("GET", f"/v1/messages/{item}/deliveries"),
        "entries": entries | {"entries": accepted},
        "changes": ita.ask("GET", "/v1/directory/changes", after=0),
        "change-pending": one.ask("POST", "/v1/directory/changes", change(one.profile, ChangeKind.RIGHTS, **rights)),
        "directory": directory | {"participants": mine},
        "problem": ita.post(classification="RES", purpose=["P3"]),
    }


def acknowledged(reader: Stranger, item: str) -> None:
    at = datetime.now(UTC)
    stated = {
        "v": 1, "aud": reader.profile.pin.origin, "id": str(ULID.from_datetime(at)), "item": item, "state": "received",
        "reader": reader.profile.participant, "made_at": instant.write(at), "user": "u-2",
    }  # fmt: skip
    token = jose.sign(json.dumps(stated).encode(), Kind.ACKNOWLEDGEMENT, reader.profile.key(Use.MESSAGE))
    assert "position" in reader.ask("POST", "/v1/acknowledgements", token)


def change(profile: Profile, kind: ChangeKind, **content: Any) -> bytes:
    now = datetime.now(UTC)
    id, key = str(ULID.from_datetime(now)), profile.key(Use.OFFICER)
    return write_change(kind, origin=profile.pin.origin, id=id, made_at=now, key=key, **content)


def differences(shown: Any, true: Any, path: str = "") -> Iterator[str]:
    """Where two documents differ in shape: other members, or values of another type. Of lists, their first entries."""
    if isinstance(shown, dict) and isinstance(true, dict):
        yield from (f"{path}/{name}" for name in sorted(shown.keys() ^ true.keys()))
        for name in shown.keys() & true.keys():
            yield from differences(shown[name], true[name], f"{path}/{name}")
    elif isinstance(shown, list) and isinstance(true, list):
        if bool(shown) != bool(true):
            yield path
        for one, other in zip(shown[:1], true[:1], strict=False):
            yield from differences(one, other, f"{path}/0")
    elif None not in (shown, true) and type(shown) is not type(true):
        yield path


@pytest.mark.parametrize("block", SHAPES, ids=lambda block: block.marks["shape"])
def test_an_answer_has_the_shape_that_the_protocol_shows(block: Block, answers: dict[str, Any]) -> None:
    assert list(differences(json.loads(block.text), answers[block.marks["shape"]])) == []


def test_every_answer_that_was_asked_for_is_shown(answers: dict[str, Any]) -> None:
    assert {block.marks["shape"] for block in SHAPES} == answers.keys()


def test_a_difference_of_shape_is_seen() -> None:
    """The control of `differences`."""
    assert list(differences({"a": [{"b": 1}]}, {"a": [{"b": "1", "c": 2}]})) == ["/a/0/c", "/a/0/b"]
    assert list(differences({"a": [1]}, {"a": []})) == ["/a"]
