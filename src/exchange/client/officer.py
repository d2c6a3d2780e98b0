"""What officers do: propose changes of the directory, look at those that wait, approve them; and the policy set."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from ulid import ULID

from exchange import instant, jose, participant
from exchange.client.clock import Clock
from exchange.client.errors import Refused, Unproven
from exchange.client.history import History
from exchange.client.profile import Profile
from exchange.client.watch import Watch
from exchange.client.wire import Answer, Wire
from exchange.leaf import Event
from exchange.participant import CHANGE_LIMIT, Change, ChangeKind, Use
from exchange.receipt import VerifiedReceipt
from exchange.refusal import Reason, Refusal

_MALFORMED = (KeyError, TypeError, AttributeError, ValueError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who somebody is to be: its id (`ncb-fra`), its name as people read it, its tier (`T1`) and its country."""

    participant: str
    name: str
    tier: str
    country: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """What a participant may from now on, in place of what it might before."""

    clearance: str = "OUO"
    purposes: Sequence[str] = ()
    crime_areas: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityGrant:
    """What an entity may from now on, in place of what it might before.

    scopes: `<type of message>/<submit, read or forward>`, `*` for every type. until: when it ends by itself. review_by:
    when its bureau has to say it anew, within a year.
    """

    rights: Rights
    scopes: Sequence[str]
    until: datetime
    review_by: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Of the agreement by which an agency or a partner takes part. since, until: from the one on, before the other."""

    reference: str
    types: Sequence[str]
    crime_areas: Sequence[str]
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """What became of a change. missing: how many more officers must sign before it is in force."""

    change: str
    missing: int
    receipt: VerifiedReceipt

    @property
    def applied(self) -> bool:
        return self.missing == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A change that waits for another officer: parsed, and the bytes that an approval names."""

    change: Change
    signer: str
    token: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Officer:
    """A change is what its signatures make of it; whoever posts it only carries it."""

    wire: Wire
    watch: Watch
    history: History
    profile: Profile
    clock: Clock

    async def propose(self, kind: ChangeKind, **content: Any) -> Proposed:
        """Sign a change with this profile's officer key and post it. content: see schemas/change.schema.json."""
        return await self.carry(self.sign(kind, **content))

    async def admit(self, identity: Identity, officers: Sequence[Mapping[str, Any]]) -> Proposed:
        """Propose that somebody enters, with its officers' keys (jwk, not_before, not_after) and no rights yet."""
        return await self.propose(
            ChangeKind.ADMIT,
            participant=identity.participant,
            name=identity.name,
            tier=identity.tier,
            country=identity.country,
            exercise=(await self.history.directory()).training,
            officers=list(officers),
        )

    async def grant(self, participant: str, rights: Rights) -> Proposed:
        """Propose what a participant may; two officers to widen, one to narrow."""
        return await self.propose(
            ChangeKind.RIGHTS,
            participant=participant,
            clearance=rights.clearance,
            purposes=list(rights.purposes),
            crime_areas=list(rights.crime_areas),
        )

    async def agree(self, participant: str, terms: Terms) -> Proposed:
        """Propose by what agreement an agency takes part; two officers to widen it, one to narrow or to end it."""
        return await self.propose(
            ChangeKind.AGREEMENT,
            participant=participant,
            reference=terms.reference,
            types=list(terms.types),
            crime_areas=list(terms.crime_areas),
            **{"from": instant.write(terms.since), "until": instant.write(terms.until)},
        )

    async def set_group(self, group: str, name: str, members: Sequence[Mapping[str, str]]) -> Proposed:
        """Propose who is in a group and when: {participant, from, until?}, instants. Two officers where anybody is in
        it longer than before, else one.
        """
        return await self.propose(ChangeKind.GROUP, group=group, name=name, members=[dict(one) for one in members])

    async def admit_entity(self, identity: Identity, officers: Sequence[Mapping[str, Any]]) -> Proposed:
        """As an officer of a bureau: take an entity of its country in, with no rights yet."""
        return await self.propose(
            ChangeKind.ENTITY_ADMIT,
            participant=identity.participant,
            bureau=self.profile.participant,
            name=identity.name,
            country=identity.country,
            exercise=(await self.history.directory()).training,
            officers=list(officers),
        )

    async def grant_entity(self, entity: str, grant: EntityGrant) -> Proposed:
        """As an officer of its bureau: say what an entity may, of what the bureau holds itself."""
        return await self.propose(
            ChangeKind.ENTITY_GRANT,
            participant=entity,
            clearance=grant.rights.clearance,
            purposes=list(grant.rights.purposes),
            crime_areas=list(grant.rights.crime_areas),
            scopes=list(grant.scopes),
            until=instant.write(grant.until),
            review_by=instant.write(grant.review_by),
        )

    async def end_entity(self, entity: str, reason: str = "") -> Proposed:
        """As an officer of its bureau: the entity takes part no more, from this change on and for ever."""
        return await self.propose(ChangeKind.ENTITY_END, participant=entity, **({"reason": reason} if reason else {}))

    async def traffic(self, entity: str) -> AsyncIterator[Mapping[str, Any]]:
        """As the bureau of an entity: what it sent and received, oldest first, as the exchange tells it.

        {item, position, at, direction, type, classification, peers}. The exchange records each page that is looked at.
        """
        after = -1
        while True:
            page = (await self.wire.get(f"/v1/entities/{quote(entity)}/traffic", after=after)).object()
            self.watch.verify(page.get("receipt"), "the question")
            try:
                for one in page["traffic"]:
                    yield dict(one)
                upto = page["next"]
            except _MALFORMED:
                raise Unproven("the traffic is not in the protocol's form") from None
            if type(upto) is not int or upto <= after:
                break
            after = upto
        await self.watch.settle()

    def sign(self, kind: ChangeKind, **content: Any) -> bytes:
        """-> the change as a JWS. Raises Refused where it does not fit its schema."""
        now = self.clock.now()
        token = participant.write_change(
            kind,
            origin=self.profile.pin.origin,
            id=str(ULID.from_datetime(now)),
            made_at=now,
            key=self.profile.key(Use.OFFICER),
            **content,
        )
        self._parsed(token)
        return token

    async def carry(self, token: bytes) -> Proposed:
        """Post a change that was signed anywhere: an enrolment's key changes, for one."""
        self.watch.refuse_if_forked()
        change = self._parsed(token)
        return await self._recorded(await self.wire.post("/v1/directory/changes", token), change)

    async def approve(self, change: str) -> Proposed:
        """Sign a change that waits, by its id. Look at it first: `waiting`. Raises Refused(NOT_FOUND)."""
        self.watch.refuse_if_forked()
        found = next((one for one in await self.waiting() if one.change.id == change), None)
        if found is None:
            raise Refused.here(Refusal(Reason.NOT_FOUND))
        approval = participant.write_approval(
            origin=self.profile.pin.origin,
            change=change,
            digest=participant.digest_of(found.token),
            made_at=self.clock.now(),
            key=self.profile.key(Use.OFFICER),
        )
        answer = await self.wire.post(f"/v1/directory/changes/{change}/approvals", approval)
        return await self._recorded(answer, found.change)

    async def waiting(self) -> tuple[Waiting, ...]:
        """The changes that wait for another officer; shown to the operator only."""
        directory = await self.history.directory()
        shown = (await self.wire.get("/v1/directory/changes", after=directory.version)).object()
        return tuple(self._waiting(one["change"].encode()) for one in shown.get("pending", ()))

    async def listing(self) -> Mapping[str, Any]:
        """The directory as the exchange tells it, rights and status included where we may see them. Its keys are
        compared with those folded here. Raises Unproven where they differ.
        """
        directory = await self.history.directory(fresh=True)
        listed = (await self.wire.get("/v1/directory")).object()
        try:
            keys = {one["id"]: {key["kid"] for key in one["keys"]} for one in listed["participants"]}
        except _MALFORMED:
            raise Unproven("the directory is not in the protocol's form") from None
        differing = [p.id for p in directory if set(p.keys) != keys.pop(p.id, None)] + list(keys)
        if differing:
            raise Unproven(f"the exchange lists other keys for {', '.join(differing)} than its changes give")
        return listed

    async def policy(self, digest: str | None = None) -> Mapping[str, Any]:
        """The texts of a policy set, {schema, policies, cases}: of the one in force, unless another is named."""
        wanted = digest or (await self.history.directory(fresh=True)).policy
        shown = (await self.wire.get(f"/v1/policies/{wanted}")).object()
        texts = {name: shown.get(name) for name in ("schema", "policies", "cases")}
        if participant.policy_digest(texts) != wanted:
            raise Unproven(f"the policy set shown is not the one named {wanted}")
        return texts

    async def _recorded(self, answer: Answer, change: Change) -> Proposed:
        members = answer.object()
        receipt = self.watch.verify(members.get("receipt"), f"the change {change.id}")
        missing = members.get("missing", 0)
        expected = Event.CHANGE_PROPOSED if missing else Event.DIRECTORY_CHANGED
        if receipt.leaf.event is not expected or receipt.leaf.type != change.kind.value:
            raise Unproven(f"the receipt for the change {change.id} speaks of something else")
        if not missing:
            # In force means that everybody who follows the history has it: so do we.
            directory = await self.history.directory(fresh=True)
            if change.id not in directory.changes and change.kind.public:
                raise Unproven(f"the change {change.id} is said to be in force, and the history does not have it")
        await self.watch.settle()
        return Proposed(change=change.id, missing=missing, receipt=receipt)

    def _waiting(self, token: bytes) -> Waiting:
        signer = jose.key_id_of(token, limit=CHANGE_LIMIT)
        return Waiting(change=self._parsed(token), signer=signer, token=token)

    def _parsed(self, token: bytes) -> Change:
        """The change in a token, not verified: for showing, and for naming it. Raises Refused."""
        try:
            payload = jose.decode(token.split(b".")[1] if token.count(b".") == 2 else b"")
            return participant.parse_change(payload, schemas=self.history.schemas, origin=self.profile.pin.origin)
        except Refusal as refusal:
            raise Refused.here(refusal) from None
