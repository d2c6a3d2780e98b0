"""The exchange's SDK: signs, posts, reads and verifies, for a participant that trusts no more than its pin.

async with Client.open(Path("ncb-fra")) as client:
    draft = await client.compose("message", "Seizure at the port", {"text": "..."}, ["ncb-ita", "tier:T3"])
    sent = await client.send(draft)
    print(sent.item, sent.released)

    async for message in client.follow():
        print(message.message.sender, message.document["subject"])
"""

from exchange.client.client import Client
from exchange.client.compose import Author, Draft, compose, recipient
from exchange.client.enrolment import Enrolment, enrol, introduce, introduce_entity
from exchange.client.errors import ExchangeError, Forked, ProfileWrong, Refused, Unproven, Unreachable
from exchange.client.officer import EntityGrant, Identity, Officer, Proposed, Rights, Terms, Waiting
from exchange.client.profile import Pin, Profile
from exchange.client.reading import Doubtful, Owed, Page, Received
from exchange.client.rotation import KeyRequest, admit_officer_key, request_officer_key, rotate, take_into_use
from exchange.client.sending import Outcome, Preview, Sent
from exchange.client.trail import Trail
from exchange.client.wire import Patience

__all__ = [
    "Author",
    "Client",
    "Doubtful",
    "Draft",
    "Enrolment",
    "EntityGrant",
    "ExchangeError",
    "Forked",
    "Identity",
    "KeyRequest",
    "Officer",
    "Outcome",
    "Owed",
    "Page",
    "Patience",
    "Pin",
    "Preview",
    "Profile",
    "ProfileWrong",
    "Proposed",
    "Received",
    "Refused",
    "Rights",
    "Sent",
    "Terms",
    "Trail",
    "Unproven",
    "Unreachable",
    "Waiting",
    "admit_officer_key",
    "compose",
    "enrol",
    "introduce",
    "introduce_entity",
    "recipient",
    "request_officer_key",
    "rotate",
    "take_into_use",
]
