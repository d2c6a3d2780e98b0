"""The first door: who calls. Tokens are given for a signed assertion, bound to a key, and looked up at every call.

Only a token's own signature is remembered. Who the participant is, whether the key that obtained the token still
stands, and whether the purpose that it names is still one of the participant's, is asked of the directory in force on
every request, so that what is taken away is gone at the next call.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime

from exchange import jose
from exchange.jose import AccessToken, Assertion, ProofOfKey, SigningKey, UnverifiedBytes, VerifiedBytes, VerifyingKey
from exchange.participant import Caller, Key, Participant, Use
from exchange.policy import Standing
from exchange.refusal import Reason, Refusal

CLIENT_CREDENTIALS = "client_credentials"
JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

_REMEMBERED = 10_000  # sessions; the oldest go first


@dataclass(slots=True)
class _Session:
    """A token whose signature was verified, and the key that it is bound to once a proof has shown it."""

    token: AccessToken
    hash: str
    bound: VerifyingKey | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """standing: what is in force. now: the gateway's clock. spend: (digest, expires) -> whether it is new.

    refuse_before: -> seconds; proofs and assertions made before may have been spent where we cannot see it.
    """

    standing: Callable[[], Standing]
    verified: Callable[[UnverifiedBytes], Awaitable[VerifiedBytes]]
    now: Callable[[], datetime]
    spend: Callable[[bytes, int], Awaitable[bool]]
    refuse_before: Callable[[], int]
    fresh_id: Callable[[], str]
    token_key: SigningKey
    origin: str
    public_url: str
    _sessions: OrderedDict[bytes, _Session] = field(default_factory=OrderedDict, init=False)

    @property
    def token_url(self) -> str:
        return self.public_url + "/v1/token"

    async def token(self, *, grant_type: str, assertion_type: str, assertion: bytes, proof: bytes) -> bytes:
        """-> an access token for whoever signed the assertion, bound to the key of the proof.

        Raises Refusal(GRANT_UNSUPPORTED | ASSERTION_WRONG | PROOF_OF_KEY_WRONG | REPLAYED).
        """
        if grant_type != CLIENT_CREDENTIALS or assertion_type != JWT_BEARER:
            raise Refusal(Reason.GRANT_UNSUPPORTED)
        now = int(self.now().timestamp())
        participant, kid, asserted = self._asserted(assertion, now)
        key = self._key_of_proof(proof)
        proved = jose.read_proof(proof, bound=key, method="POST", url=self.token_url, now=now)
        await self._spend(asserted)
        await self._spend(proved)

        token = AccessToken(
            participant=participant.id,
            kid=kid,
            user=asserted.user,
            purpose=asserted.purpose,
            jkt=key.kid,
            expires=now + jose.LIFETIME,
        )
        return jose.write_access(
            self.token_key, token, issuer=self.public_url, audience=self.origin, jti=self.fresh_id()
        )

    async def caller(self, *, token: bytes, proof: bytes, method: str, path: str, once: bool) -> Caller:
        """Whoever holds this token and its key. once: whether the proof is spent; a posted message is single by its id.

        Raises Refusal(TOKEN_WRONG | PROOF_OF_KEY_WRONG | REPLAYED).
        """
        now = self.now()
        session = self._session(token)
        participant = self._holder(session.token, now)
        unverified = jose.unverified_proof(proof, bound=session.bound)
        try:
            opened = await self.verified(unverified)
        except Refusal:
            raise Refusal(Reason.PROOF_OF_KEY_WRONG) from None
        proved = jose.check_proof(
            opened,
            method=method,
            url=self.public_url + path,
            now=int(now.timestamp()),
            access_token_hash=session.hash,
        )
        session.bound = proved.key
        if once:
            await self._spend(proved)
        return Caller(
            participant=participant, kid=session.token.kid, user=session.token.user, purpose=session.token.purpose
        )

    def remembers(self, token: bytes) -> bool:
        """Whether this token was seen and its signature verified before."""
        return token in self._sessions

    def _asserted(self, assertion: bytes, now: int) -> tuple[Participant, str, Assertion]:
        try:
            kid = jose.key_id_of(assertion, limit=jose.TOKEN_LIMIT)
            owner = self.standing().directory.owner_of(kid)
            if owner is None:
                raise Refusal(Reason.ASSERTION_WRONG)
            asserted = jose.read_assertion(assertion, owner.keys_for(Use.ACCESS), audience=self.public_url, now=now)
        except Refusal:
            # One answer for an unknown key, a wrong signature and a wrong claim: the caller is nobody yet.
            raise Refusal(Reason.ASSERTION_WRONG) from None
        right = asserted.participant == owner.id and _may_call_for(owner, asserted.purpose)
        if not right or not owner.keys[kid].valid_at(self.now()):
            raise Refusal(Reason.ASSERTION_WRONG)
        return owner, kid, asserted

    @staticmethod
    def _key_of_proof(proof: bytes) -> VerifyingKey:
        try:
            return jose.own_key_of(proof, limit=jose.TOKEN_LIMIT)
        except Refusal:
            raise Refusal(Reason.PROOF_OF_KEY_WRONG) from None

    def _session(self, token: bytes) -> _Session:
        session = self._sessions.get(token)
        if session is None:
            public = self.token_key.public
            read = jose.read_access(token, {public.kid: public}, issuer=self.public_url, audience=self.origin)
            session = _Session(token=read, hash=jose.token_hash(token), bound=read.jkt)
            self._sessions[token] = session
            if len(self._sessions) > _REMEMBERED:
                self._sessions.popitem(last=False)
        return session

    def _holder(self, token: AccessToken, now: datetime) -> Participant:
        participant = self.standing().directory.get(token.participant)
        key: Key | None = None if participant is None else participant.keys.get(token.kid)
        expired = token.expires <= now.timestamp()
        if participant is None or key is None or key.use is not Use.ACCESS or not key.valid_at(now) or expired:
            raise Refusal(Reason.TOKEN_WRONG)
        if not _may_call_for(participant, token.purpose):
            raise Refusal(Reason.TOKEN_WRONG)
        return participant

    async def _spend(self, once: Assertion | ProofOfKey) -> None:
        if once.issued < self.refuse_before() or not await self.spend(once.single_use, once.expires):
            raise Refusal(Reason.REPLAYED)


def _may_call_for(participant: Participant, purpose: str) -> bool:
    """A call for a purpose is one that the participant holds. One that names none is judged by all that it holds."""
    return not purpose or purpose in participant.purposes
