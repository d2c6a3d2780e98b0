"""`keygen`: a newcomer's keys, its profile, and the enrolment that it is admitted by."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from exchange.cli.options import Json
from exchange.cli.screen import show, table
from exchange.client import Identity, Pin, enrol
from exchange.client.enrolment import FILE
from exchange.jose import public_key
from exchange.label import Tier


def add_commands(app: typer.Typer) -> None:
    app.command("keygen")(_keygen)


def _keygen(
    participant: Annotated[str, typer.Argument(help="the id to be admitted, as ncb-fra", show_default=False)],
    directory: Annotated[Path, typer.Option("--dir", help="the profile's folder, new", show_default=False)],
    pin: Annotated[Path, typer.Option(help="the pin.json that the operator handed out", show_default=False)],
    name: Annotated[str, typer.Option(help="the name, as people read it", show_default=False)],
    country: Annotated[str, typer.Option(help="three letters", show_default=False)],
    tier: Annotated[str, typer.Option(help="T1 NCB, T2 national entity, T3 agency, T4 partner, T6 oversight")] = "T1",
    json: Json = False,
) -> None:
    """Make a profile with three new keys, and the enrolment that others admit you by. No private key leaves it."""
    identity = Identity(participant=participant, name=name, tier=tier, country=country)
    made = enrol(directory, Pin.load(pin), identity, now=datetime.now(UTC))
    facts = {
        "participant": participant,
        "profile": str(directory),
        "enrolment": str(directory / FILE),
        "thumbprint": ", ".join(public_key(key["jwk"]).kid for key in made.officers),
    }
    show(
        json,
        facts,
        table(("", ""), facts.items()),
        f"The enrolment is public: hand it to {_host(tier)} admit {FILE}`.",
        "Tell the officer key's thumbprint by another way, as by telephone: the officers compare it before they sign.",
    )


def _host(tier: str) -> str:
    """Who takes somebody of this tier in, and how."""
    if tier == Tier.T2:
        return "your national bureau, which admits it by `exchange entity"
    return "the operator, who admits it by `exchange participant"
