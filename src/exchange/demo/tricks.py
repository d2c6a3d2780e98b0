"""Tricks that must not work: each makes the bytes of one, and says who posts them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from exchange import envelope
from exchange.client.profile import Profile
from exchange.participant import Use


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """Bytes as `poster` sends them, over its own connection and with its own token."""

    poster: str
    token: bytes


# profiles: of the cast, by id. document: a new message like that of the misused scene, as its honest sender would sign
# it. accepted: the bytes of that scene's message, as they were accepted.
Trick = Callable[[Mapping[str, Profile], dict[str, Any], bytes], Posted]


def forged(profiles: Mapping[str, Profile], document: dict[str, Any], accepted: bytes) -> Posted:
    """Named after the key of its sender, signed with another's."""
    named, used = profiles["ncb-ita"].key(Use.MESSAGE), profiles["ncb-fra"].key(Use.MESSAGE)
    return Posted(poster="ncb-ita", token=envelope.write(document, replace(used, public=named.public)))


def altered(profiles: Mapping[str, Profile], document: dict[str, Any], accepted: bytes) -> Posted:
    """One byte of the signed content is another. It stays base64url, so that nothing but the signature can tell."""
    token = bytearray(envelope.write(document, profiles["ncb-ita"].key(Use.MESSAGE)))
    middle = len(token) // 2
    token[middle] = ord("A") if token[middle] != ord("A") else ord("B")
    return Posted(poster="ncb-ita", token=bytes(token))


def replayed(profiles: Mapping[str, Profile], document: dict[str, Any], accepted: bytes) -> Posted:
    """A recipient posts its sender's bytes: a good message, and not its own."""
    return Posted(poster="ncb-fra", token=accepted)


def mislabelled(profiles: Mapping[str, Profile], document: dict[str, Any], accepted: bytes) -> Posted:
    """Sent and signed by one, labelled as another's."""
    lie = document | {"sender": "agy-drugs"}
    return Posted(poster="agy-drugs", token=envelope.write(lie, profiles["agy-drugs"].key(Use.MESSAGE)))


def over_classified(profiles: Mapping[str, Profile], document: dict[str, Any], accepted: bytes) -> Posted:
    """Honest in everything, and above its sender's own clearance."""
    own = document | {"sender": "ncb-deu", "label": document["label"] | {"originator": "ncb-deu"}}
    return Posted(poster="ncb-deu", token=envelope.write(own, profiles["ncb-deu"].key(Use.MESSAGE)))


def ungranted(profiles: Mapping[str, Profile], document: dict[str, Any], accepted: bytes) -> Posted:
    """Honest in everything, and nothing that its bureau granted."""
    entity = "ent-deu-customs"
    own = document | {"sender": entity, "label": document["label"] | {"originator": entity}}
    return Posted(poster=entity, token=envelope.write(own, profiles[entity].key(Use.MESSAGE)))
