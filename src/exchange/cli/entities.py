"""`entity`: what an officer of a bureau does for its country's entities: admit, grant, end, look."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from exchange.cli.changes import tell
from exchange.cli.options import DAYS, As, Json, ask
from exchange.cli.participants import Areas, Clearance, Purposes, listed
from exchange.cli.screen import show, table
from exchange.client import Client, Enrolment, EntityGrant, Rights, introduce_entity

_A_YEAR = timedelta(days=365)

Id = Annotated[str, typer.Argument(help="a national entity, as ent-fra-customs", show_default=False)]
Scopes = Annotated[
    list[str],
    typer.Option(
        "--scope",
        help="type of message/submit, read or forward, as message/submit; */read for every type; several times",
        show_default=False,
    ),
]
Until = Annotated[datetime, typer.Option(formats=DAYS, help="when the grant ends by itself", show_default=False)]
ReviewBy = Annotated[
    datetime | None,
    typer.Option(formats=DAYS, help="by when you say it anew; in a year, if not said sooner", show_default=False),
]


def group() -> typer.Typer:
    app = typer.Typer(no_args_is_help=True, help="The national entities that your bureau answers for.")
    app.command("admit")(_admit)
    app.command("grant")(_grant)
    app.command("end")(_end)
    app.command("list")(_list)
    app.command("traffic")(_traffic)
    return app


def _admit(
    enrolment: Annotated[Path, typer.Argument(help="the entity's enrolment.json", show_default=False)],
    profile: As,
    clearance: Clearance,
    purposes: Purposes,
    areas: Areas,
    scopes: Scopes,
    until: Until,
    review_by: ReviewBy = None,
    json: Json = False,
) -> None:
    """Take an entity of your country in, with its keys and what it may. One officer of its bureau suffices."""
    stated, grant = Enrolment.load(enrolment), _granted(clearance, purposes, areas, scopes, until, review_by)
    name = stated.identity.participant
    ask(profile, lambda client: introduce_entity(client, stated, grant))
    show(json, {"participant": name, "state": "applied"}, f"{name} is admitted, with its keys and its grant.")


def _grant(
    entity: Id,
    profile: As,
    clearance: Clearance,
    purposes: Purposes,
    areas: Areas,
    scopes: Scopes,
    until: Until,
    review_by: ReviewBy = None,
    json: Json = False,
) -> None:
    """Say all that an entity may from now on; `none` for no purpose, area or scope. To repeat it is to review it."""
    # All of it is asked for: what is left out would be taken away in silence.
    grant = _granted(clearance, purposes, areas, scopes, until, review_by)
    tell(json, ask(profile, lambda client: client.officer.grant_entity(entity, grant)))


def _end(
    entity: Id, profile: As, reason: Annotated[str, typer.Option(help="for the record")] = "", json: Json = False
) -> None:
    """An entity takes part no more: at once, and for ever."""
    tell(json, ask(profile, lambda client: client.officer.end_entity(entity, reason)))


def _list(profile: As, json: Json = False) -> None:
    """The entities of your bureau, and what each may."""

    async def own(client: Client) -> list[dict[str, Any]]:
        everybody = (await client.officer.listing())["participants"]
        return [one for one in everybody if one.get("bureau") == client.profile.participant]

    found = ask(profile, own)
    columns = ("id", "name", "status", "clearance", "purposes", "crime_areas", "scopes", "until", "review_by")
    rows = [[_cell((one | one.get("grant", {})).get(name)) for name in columns] for one in found]
    show(json, found, table(columns, rows, nothing="Your bureau has no entities."))


def _traffic(entity: Id, profile: As, json: Json = False) -> None:
    """What an entity of your bureau sent and received, without the content. Your look is recorded."""

    async def moved(client: Client) -> list[dict[str, Any]]:
        return [dict(one) async for one in client.officer.traffic(entity)]

    found = ask(profile, moved)
    columns = ("position", "at", "direction", "item", "type", "classification", "peers")
    rows = [[_cell(one.get(name)) for name in columns] for one in found]
    show(json, found, table(columns, rows, nothing="Nothing passed yet."))


def _granted(
    clearance: str,
    purposes: list[str],
    areas: list[str],
    scopes: list[str],
    until: datetime,
    review_by: datetime | None,
) -> EntityGrant:
    ends = until.replace(tzinfo=UTC)
    return EntityGrant(
        rights=Rights(clearance=clearance, purposes=listed(purposes), crime_areas=listed(areas)),
        scopes=listed(scopes),
        until=ends,
        review_by=min(ends, datetime.now(UTC) + _A_YEAR) if review_by is None else review_by.replace(tzinfo=UTC),
    )


def _cell(value: Any) -> Any:
    return ", ".join(value) if isinstance(value, list) else value
