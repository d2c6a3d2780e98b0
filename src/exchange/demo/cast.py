"""The cast: who takes part in the story, what each may do, and how they come in: by changes that two officers sign, or
one of their own bureau.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from exchange.client import Client
from exchange.client.enrolment import enrol, introduce, introduce_entity
from exchange.client.officer import EntityGrant, Identity, Rights, Terms
from exchange.demo.stage import Stage

AUDITOR = "ovs-auditor"

_AREAS = ("DRG", "ENV", "FIN", "OCG", "VEH")
_A_MOMENT, _A_YEAR = timedelta(minutes=1), timedelta(days=365)


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A participant as the operator takes it in. Its clearance is the highest that it may read, and may set.

    agreed: the types of messages that its agreement covers; an agency takes part by one. bureau: whose entity it is.
    scopes: what that bureau grants it.
    """

    identity: Identity
    rights: Rights
    agreed: tuple[str, ...] = ()
    bureau: str = ""
    scopes: tuple[str, ...] = ()

    def terms(self, now: datetime) -> Terms | None:
        """Of its agreement, for a year from now on."""
        if not self.agreed:
            return None
        since, until = now - _A_MOMENT, now + _A_YEAR
        return Terms(reference=f"{self.id}, 2026", types=self.agreed, crime_areas=_AREAS, since=since, until=until)

    def grant(self, now: datetime) -> EntityGrant:
        """Of its bureau, to be reviewed within a year."""
        return EntityGrant(rights=self.rights, scopes=self.scopes, until=now + _A_YEAR, review_by=now + _A_YEAR)

    @property
    def id(self) -> str:
        return self.identity.participant


def _bureau(id: str, name: str, country: str, clearance: str) -> Role:
    return Role(
        identity=Identity(participant=id, name=name, tier="T1", country=country),
        rights=Rights(
            clearance=clearance,
            purposes=("P1", "P2", "P3", "P4", "P5", "P6", "P9"),
            crime_areas=_AREAS,
        ),
    )


def _agency(id: str, name: str, country: str, area: str) -> Role:
    return Role(
        identity=Identity(participant=id, name=name, tier="T3", country=country),
        rights=Rights(clearance="OUO", purposes=("P3", "P9"), crime_areas=(area,)),
        agreed=("message", "information-request", "information-answer"),
    )


# Agencies and oversight belong to no country: ISO 3166 leaves XXA and its neighbours to their users.
CAST = (
    _bureau("ncb-bra", "NCB Brasilia (exercise)", "BRA", "RES"),
    _bureau("ncb-deu", "NCB Wiesbaden (exercise)", "DEU", "OUO"),
    _bureau("ncb-fra", "NCB Paris (exercise)", "FRA", "RES"),
    _bureau("ncb-ita", "NCB Rome (exercise)", "ITA", "RES"),
    Role(
        identity=Identity(
            participant="ent-deu-customs", name="Customs at Hamburg (exercise)", tier="T2", country="DEU"
        ),
        rights=Rights(clearance="OUO", purposes=("P3", "P9"), crime_areas=("DRG", "VEH")),
        bureau="ncb-deu",
        scopes=("*/read", "feedback/submit"),
    ),
    _agency("agy-drugs", "Agency for drugs (exercise)", "XXA", "DRG"),
    _agency("agy-wildlife", "Agency for wildlife (exercise)", "XXB", "ENV"),
    Role(
        identity=Identity(participant=AUDITOR, name="Oversight, auditor (exercise)", tier="T6", country="XXC"),
        rights=Rights(),
    ),
)


async def take_in(stage: Stage) -> None:
    """Each makes its own keys; two officers of the operator admit it and grant its rights, or one of its bureau does.

    Raises ExchangeError.
    """
    first, second = stage.officers
    async with Client.open(first) as one, Client.open(second) as two:
        for role in CAST:
            now = datetime.now(UTC)
            enrolment = enrol(stage.profile_of(role.id), stage.pin, role.identity, now=now)
            if role.bureau:
                async with Client.open(stage.profile_of(role.bureau)) as bureau:
                    await introduce_entity(bureau, enrolment, role.grant(now))
            else:
                await introduce(one, two, enrolment, role.rights, role.terms(now))


@asynccontextmanager
async def at_their_desks(stage: Stage) -> AsyncIterator[Mapping[str, Client]]:
    """A client for each, by id."""
    async with AsyncExitStack() as desks:
        yield {role.id: await desks.enter_async_context(Client.open(stage.profile_of(role.id))) for role in CAST}
