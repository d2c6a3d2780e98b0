"""`agreement`: by what an agency or a partner takes part, as the operator's officers conclude and end it."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from exchange.cli.changes import tell
from exchange.cli.options import DAYS, As, Json, ask
from exchange.cli.participants import Areas, listed
from exchange.cli.screen import show, table
from exchange.client import Client, Proposed, Terms

Id = Annotated[str, typer.Argument(help="an agency or a partner, as agy-wildlife", show_default=False)]
Types = Annotated[
    list[str], typer.Option("--type", help="a type of message, as message; several times", show_default=False)
]


def group() -> typer.Typer:
    app = typer.Typer(no_args_is_help=True, help="By what agencies and partners take part, and until when.")
    app.command("set")(_set)
    app.command("end")(_end)
    app.command("list")(_list)
    return app


def _set(
    participant: Id,
    profile: As,
    reference: Annotated[str, typer.Option(help="how people name the agreement", show_default=False)],
    types: Types,
    areas: Areas,
    until: Annotated[datetime, typer.Option(formats=DAYS, help="when it ends", show_default=False)],
    since: Annotated[
        datetime | None, typer.Option("--from", formats=DAYS, help="when it begins; now, if not said")
    ] = None,
    json: Json = False,
) -> None:
    """Say all of the agreement, in place of the one before; `none` for no type or area. Two officers widen, one
    narrows.
    """
    begins = datetime.now(UTC) if since is None else since.replace(tzinfo=UTC)
    terms = Terms(
        reference=reference,
        types=listed(types),
        crime_areas=listed(areas),
        since=begins,
        until=until.replace(tzinfo=UTC),
    )
    tell(json, ask(profile, lambda client: client.officer.agree(participant, terms)))


def _end(participant: Id, profile: As, json: Json = False) -> None:
    """End the agreement at once; one officer suffices. Nothing passes any more, and what passed stays."""

    async def ended(client: Client) -> Proposed:
        everybody = (await client.officer.listing())["participants"]
        now = next((one.get("agreement") for one in everybody if one["id"] == participant), None)
        if now is None:
            raise typer.BadParameter(f"{participant} has no agreement here", param_hint="PARTICIPANT")
        ends, begun = client.clock.now(), datetime.fromisoformat(now["from"])
        terms = Terms(
            reference=now["reference"], types=(), crime_areas=(), since=begun, until=max(ends, begun + ends.resolution)
        )
        return await client.officer.agree(participant, terms)

    tell(json, ask(profile, ended))


def _list(profile: As, json: Json = False) -> None:
    """Who takes part by agreement, and by which; of others only as far as you may see it."""
    everybody = ask(profile, lambda client: client.officer.listing())["participants"]
    found: list[dict[str, Any]] = [{"id": one["id"]} | one["agreement"] for one in everybody if "agreement" in one]
    columns = ("id", "reference", "types", "crime_areas", "from", "until")
    rows = [[_cell(one[name]) for name in columns] for one in found]
    show(json, found, table(columns, rows, nothing="No agreement is shown to you."))


def _cell(value: Any) -> Any:
    return ", ".join(value) if isinstance(value, list) else value
