"""A served exchange with a few participants on it, for tests of the client and of the command line."""

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from exchange.client import Client, Identity, Profile, Rights, enrol, introduce
from exchange.participant import Use
from tests.serving import WIDE, Served


@dataclass(frozen=True, slots=True, kw_only=True)
class Community:
    """Everybody's profile is a folder of its name: ncb-fra and ncb-ita (RES), ncb-deu (OUO), ovs-auditor."""

    served: Served
    folder: Path

    @classmethod
    def begin(cls, folder: Path) -> "Community":
        served = Served.found(folder / "exchange", database="", policies=None, **WIDE)
        served.start()
        community = cls(served=served, folder=folder)
        asyncio.run(community._take_in())
        return community

    def end(self) -> None:
        self.served.kill()

    def profile(self, name: str) -> Path:
        return self.folder / name

    @property
    def officers(self) -> tuple[Path, Path]:
        return self.served.folder / "officers" / "one", self.served.folder / "officers" / "two"

    def copy_of(self, name: str) -> Profile:
        """The same participant on another machine: its keys, and nothing remembered."""
        mine = Profile.load(self.profile(name))
        keys = {use: mine.key(use) for use in _uses(mine)}
        folder = self.folder / f"{name}-{secrets.token_hex(4)}"
        return Profile.create(folder, participant=name, pin=mine.pin, keys=keys)

    async def admit(self, identity: Identity, rights: Rights) -> None:
        one, two = self.officers
        enrolment = enrol(self.profile(identity.participant), self.served.pin, identity, now=datetime.now(UTC))
        async with Client.open(one) as first, Client.open(two) as second:
            await introduce(first, second, enrolment, rights)

    async def _take_in(self) -> None:
        cleared = Rights(clearance="RES", purposes=("P3",), crime_areas=("DRG",))
        for name, country, tier, rights in (
            ("ncb-fra", "FRA", "T1", cleared),
            ("ncb-ita", "ITA", "T1", cleared),
            ("ncb-deu", "DEU", "T1", Rights()),
            ("ovs-auditor", "XXC", "T6", Rights()),
        ):
            await self.admit(Identity(participant=name, name=name.upper(), tier=tier, country=country), rights)


def _uses(profile: Profile) -> Sequence[Use]:
    return [use for use in Use if profile.has(use)]
