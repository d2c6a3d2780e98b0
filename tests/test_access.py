"""Who calls: a token is given once for what was signed, serves the holder of its key only, and ends with that key."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from exchange import jose
from exchange.access import CLIENT_CREDENTIALS, JWT_BEARER, Access
from exchange.jose import LIFETIME, Kind, SigningKey
from exchange.participant import ChangeKind, Use
from exchange.policy import PolicySet, Standing
from exchange.refusal import Reason
from exchange.verifying import Verifier
from tests import world
from tests.jose.forgery import forged, honest_header, malleated
from tests.network import shipped_texts
from tests.refused import refused
from tests.world import Member, World

URL = "https://exchange.example"
POLICY = PolicySet.load(shipped_texts())
NETWORK = world.network()
SECOND = timedelta(seconds=1)


@dataclass(slots=True)
class Spent:
    """What was spent, in memory, as a gateway with one process keeps it."""

    digests: set[bytes] = field(default_factory=set)

    async def __call__(self, digest: bytes, expires: int) -> bool:
        new = digest not in self.digests
        self.digests.add(digest)
        return new


@dataclass(slots=True, kw_only=True)
class House:
    """A world with its first door. ids: makes every jti its own."""

    world: World
    access: Access
    ids: Callable[[], str]

    @property
    def seconds(self) -> int:
        return int(self.world.now.timestamp())

    def assertion(
        self, key: SigningKey, *, participant: str = "ncb-fra", audience: str = URL, purpose: str = "P3"
    ) -> bytes:
        return jose.write_assertion(
            key,
            participant=participant,
            audience=audience,
            jti=self.ids(),
            now=self.seconds,
            user="u-117",
            purpose=purpose,
        )

    def proof(self, key: SigningKey, method: str, path: str, token: bytes | None = None) -> bytes:
        return jose.write_proof(
            key, method=method, url=URL + path, jti=self.ids(), now=self.seconds, access_token=token
        )

    async def token(self, member: Member, key: SigningKey | None = None) -> bytes:
        """For the member's access key, bound to it unless another key is given."""
        return await self.ask(self.assertion(member.access), self.proof(key or member.access, "POST", "/v1/token"))

    async def ask(self, assertion: bytes, proof: bytes) -> bytes:
        return await self.access.token(
            grant_type=CLIENT_CREDENTIALS, assertion_type=JWT_BEARER, assertion=assertion, proof=proof
        )

    async def call(self, token: bytes, proof: bytes, *, once: bool = True) -> str:
        caller = await self.access.caller(token=token, proof=proof, method="GET", path="/v1/inbox", once=once)
        return caller.participant.id


@pytest.fixture
def house() -> House:
    own, drawn = NETWORK.branch(), iter(range(10**6))

    def ids() -> str:
        return f"jti-{next(drawn):016}"

    access = Access(
        standing=lambda: Standing(directory=own.directory, policy=POLICY),
        now=lambda: own.now,
        spend=Spent(),
        verified=Verifier(0).verified,
        refuse_before=lambda: int(own.now.timestamp()) - 3600,
        fresh_id=ids,
        token_key=SigningKey.generate(),
        origin=world.ORIGIN,
        public_url=URL,
    )
    return House(world=own, access=access, ids=ids)


FRA, ITA = NETWORK["ncb-fra"], NETWORK["ncb-ita"]


async def test_whoever_proves_a_key_is_known_by_it(house: House) -> None:
    token = await house.token(FRA)
    proof = house.proof(FRA.access, "GET", "/v1/inbox", token)

    caller = await house.access.caller(token=token, proof=proof, method="GET", path="/v1/inbox", once=True)

    assert (caller.participant.id, caller.kid) == ("ncb-fra", FRA.access.public.kid)
    assert (caller.user, caller.purpose) == ("u-117", "P3")


# Assertions


async def test_another_grant_is_not_offered(house: House) -> None:
    for grant, kind in (("authorization_code", JWT_BEARER), (CLIENT_CREDENTIALS, "secret"), ("", "")):
        with refused(Reason.GRANT_UNSUPPORTED):
            await house.access.token(grant_type=grant, assertion_type=kind, assertion=b"", proof=b"")


async def test_an_assertion_is_good_once_and_so_is_the_proof_beside_it(house: House) -> None:
    assertion = house.assertion(FRA.access)
    proof = house.proof(FRA.access, "POST", "/v1/token")
    await house.ask(assertion, proof)

    with refused(Reason.REPLAYED):
        await house.ask(assertion, house.proof(FRA.access, "POST", "/v1/token"))
    with refused(Reason.REPLAYED):
        await house.ask(malleated(assertion), house.proof(FRA.access, "POST", "/v1/token"))
    with refused(Reason.REPLAYED):
        await house.ask(house.assertion(FRA.access), proof)


async def test_what_was_spent_before_the_memory_begins_is_refused(house: House) -> None:
    """After a restart nobody remembers what was used. A captured assertion would give a thief a token of its own."""
    assertion, proof = house.assertion(FRA.access), house.proof(FRA.access, "POST", "/v1/token")
    house.world.now += SECOND
    restarted = Access(
        standing=house.access.standing,
        now=house.access.now,
        spend=Spent(),
        verified=Verifier(0).verified,
        refuse_before=lambda: house.seconds,
        fresh_id=house.ids,
        token_key=house.access.token_key,
        origin=world.ORIGIN,
        public_url=URL,
    )
    house.access = restarted

    with refused(Reason.REPLAYED):
        await house.ask(assertion, house.proof(SigningKey.generate(), "POST", "/v1/token"))
    with refused(Reason.REPLAYED):
        await house.ask(house.assertion(FRA.access), proof)
    assert await house.token(FRA)


@pytest.mark.parametrize(
    "assertion",
    [
        pytest.param(lambda house: house.assertion(SigningKey.generate()), id="a stranger's key"),
        pytest.param(lambda house: house.assertion(FRA.message), id="a message key"),
        pytest.param(lambda house: house.assertion(FRA.officer), id="an officer's key"),
        pytest.param(lambda house: house.assertion(ITA.access), id="another's key"),
        pytest.param(lambda house: house.assertion(FRA.access, participant="ncb-ita"), id="another's name"),
        pytest.param(lambda house: house.assertion(FRA.access, audience=world.ORIGIN), id="another audience"),
        pytest.param(lambda house: house.assertion(FRA.access, purpose="P7"), id="a purpose that it does not hold"),
        pytest.param(lambda house: house.assertion(FRA.access, purpose="p3"), id="a purpose that nobody knows"),
        pytest.param(
            lambda house: forged(honest_header(Kind.ASSERTION, FRA.access), b"{}", FRA.access), id="no claims"
        ),
        pytest.param(lambda house: house.proof(FRA.access, "POST", "/v1/token"), id="a proof"),
        pytest.param(lambda house: jose.sign(b"{}", Kind.MESSAGE, FRA.access), id="a message"),
        pytest.param(lambda house: b"", id="nothing"),
    ],
)
async def test_whatever_is_wrong_with_an_assertion_it_is_one_answer(
    house: House, assertion: Callable[[House], bytes]
) -> None:
    with refused(Reason.ASSERTION_WRONG):
        await house.ask(assertion(house), house.proof(FRA.access, "POST", "/v1/token"))


async def test_a_revoked_access_key_gets_no_token(house: House) -> None:
    _revoke(house, FRA.access)

    with refused(Reason.ASSERTION_WRONG):
        await house.token(FRA)


# Tokens


async def test_a_stolen_token_is_nothing_without_its_key(house: House) -> None:
    token = await house.token(FRA)
    thief = SigningKey.generate()

    for key in (thief, ITA.access, FRA.message):
        with refused(Reason.PROOF_OF_KEY_WRONG):
            await house.call(token, house.proof(key, "GET", "/v1/inbox", token))


async def test_a_token_stays_with_its_key_after_it_was_used(house: House) -> None:
    """The gateway remembers the key after the first proof; a thief who comes second is refused alike."""
    token = await house.token(FRA)
    await house.call(token, house.proof(FRA.access, "GET", "/v1/inbox", token))

    with refused(Reason.PROOF_OF_KEY_WRONG):
        await house.call(token, house.proof(ITA.access, "GET", "/v1/inbox", token))
    assert await house.call(token, house.proof(FRA.access, "GET", "/v1/inbox", token)) == "ncb-fra"


async def test_a_token_can_be_bound_to_a_key_that_nobody_registered(house: House) -> None:
    """It is the holder's own choice: the assertion says who, the proof only by which key the token will be used."""
    session = SigningKey.generate()
    token = await house.token(FRA, session)

    assert await house.call(token, house.proof(session, "GET", "/v1/inbox", token)) == "ncb-fra"
    with refused(Reason.PROOF_OF_KEY_WRONG):
        await house.call(token, house.proof(FRA.access, "GET", "/v1/inbox", token))


async def test_a_proof_serves_one_request(house: House) -> None:
    token = await house.token(FRA)
    proof = house.proof(FRA.access, "GET", "/v1/inbox", token)
    await house.call(token, proof)

    with refused(Reason.REPLAYED):
        await house.call(token, proof)
    with refused(Reason.REPLAYED):
        await house.call(token, malleated(proof))


async def test_a_proof_for_a_posted_message_is_not_spent(house: House) -> None:
    """The message is single by its id; a retry may come with the same proof."""
    token = await house.token(FRA)
    proof = house.proof(FRA.access, "GET", "/v1/inbox", token)

    assert await house.call(token, proof, once=False) == await house.call(token, proof, once=False)


async def test_a_proof_for_another_request_or_token_is_refused(house: House) -> None:
    token, other = await house.token(FRA), await house.token(FRA)
    wrong = [
        house.proof(FRA.access, "POST", "/v1/inbox", token),
        house.proof(FRA.access, "GET", "/v1/sent", token),
        house.proof(FRA.access, "GET", "/v1/inbox", other),
        house.proof(FRA.access, "GET", "/v1/inbox"),
        house.assertion(FRA.access),
        b"",
    ]

    for proof in wrong:
        with refused(Reason.PROOF_OF_KEY_WRONG):
            await house.call(token, proof)


async def test_a_token_lives_five_minutes(house: House) -> None:
    token = await house.token(FRA)

    house.world.now += timedelta(seconds=LIFETIME - 1)
    assert await house.call(token, house.proof(FRA.access, "GET", "/v1/inbox", token)) == "ncb-fra"
    house.world.now += SECOND

    with refused(Reason.TOKEN_WRONG):
        await house.call(token, house.proof(FRA.access, "GET", "/v1/inbox", token))


async def test_a_token_ends_with_the_key_that_obtained_it_at_the_next_call(house: House) -> None:
    session = SigningKey.generate()
    token = await house.token(FRA, session)
    assert await house.call(token, house.proof(session, "GET", "/v1/inbox", token)) == "ncb-fra"

    _revoke(house, FRA.access)

    with refused(Reason.TOKEN_WRONG):
        await house.call(token, house.proof(session, "GET", "/v1/inbox", token))


async def test_a_token_ends_with_the_purpose_that_it_names(house: House) -> None:
    session = SigningKey.generate()
    named = await house.token(FRA, session)
    open_ended = await house.ask(house.assertion(FRA.access, purpose=""), house.proof(session, "POST", "/v1/token"))
    narrowed = {"participant": FRA.id, "clearance": "OUO", "purposes": ["P1"], "crime_areas": ["DRG"]}
    house.world.fold(house.world.signed(ChangeKind.RIGHTS, *house.world.officers, **narrowed))

    with refused(Reason.TOKEN_WRONG):
        await house.call(named, house.proof(session, "GET", "/v1/inbox", named))
    assert await house.call(open_ended, house.proof(session, "GET", "/v1/inbox", open_ended)) == "ncb-fra"


async def test_a_token_that_we_did_not_give_is_refused(house: House) -> None:
    token = await house.token(FRA)
    stranger = SigningKey.generate()
    payload = jose.decode(token.split(b".")[1])
    ours = house.access.token_key
    wrong = [
        forged(honest_header(Kind.ACCESS, stranger), payload, stranger),
        forged(honest_header(Kind.ACCESS, ours), payload, stranger),
        forged(honest_header(Kind.ACCESS, FRA.access), payload, FRA.access),
        forged(honest_header(Kind.ASSERTION, ours), payload, ours),
        forged(
            honest_header(Kind.ACCESS, ours), payload.replace(b"exchange.example/training", b"exchange.example"), ours
        ),
        token[:-1],
        b"",
    ]

    for forgery in wrong:
        with refused(Reason.TOKEN_WRONG):
            await house.call(forgery, house.proof(FRA.access, "GET", "/v1/inbox", forgery))


async def test_a_token_for_a_participant_that_is_gone_is_refused(house: House) -> None:
    """Whoever is not in the directory in force has no session, however good the token."""
    token = await house.token(FRA)

    house.world.directory = house.world.genesis.directory

    with refused(Reason.TOKEN_WRONG):
        await house.call(token, house.proof(FRA.access, "GET", "/v1/inbox", token))


def _revoke(house: House, key: SigningKey) -> None:
    own = house.world
    kid = key.public.kid
    own.fold(own.signed(ChangeKind.KEY_REVOKE, FRA.officer, participant="ncb-fra", kid=kid, reason="compromised"))
    assert kid in own.directory.participants["ncb-fra"].keys_for(Use.ACCESS)
