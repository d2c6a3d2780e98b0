"""`group`: regions, operations and circles, whose members are dated: what messages and labels may name by a code."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from exchange import instant
from exchange.cli.changes import tell
from exchange.cli.options import As, Json, ask
from exchange.cli.screen import show, table
from exchange.client import Client, Proposed

Code = Annotated[str, typer.Argument(help="as REG-EUR, OP-HARBOUR or AG-WILDLIFE", show_default=False)]
Members = Annotated[
    list[str],
    typer.Option(
        "--member",
        help="a participant, or with the day it leaves: ncb-fra/2027-06-30; several times; none for nobody",
        show_default=False,
    ),
]


def group() -> typer.Typer:
    app = typer.Typer(no_args_is_help=True, help="Who works together, and until when.")
    app.command("set")(_set)
    app.command("list")(_list)
    return app


def _set(
    code: Code,
    profile: As,
    name: Annotated[str, typer.Option(help="the name, as people read it", show_default=False)],
    members: Members,
    json: Json = False,
) -> None:
    """Say who is in a group from now on; whoever was in it stays as it was since. Two officers widen, one narrows."""
    wanted = dict(map(_member, [] if members == ["none"] else members))

    async def proposed(client: Client) -> Proposed:
        listed = (await client.officer.listing()).get("groups", ())
        known = next((one for one in listed if one["group"] == code), {"members": ()})
        now = instant.write(client.clock.now())
        since = {one["participant"]: one["from"] for one in known["members"]}
        stated = [
            {"participant": id, "from": since.get(id, now)} | ({} if until is None else {"until": until})
            for id, until in wanted.items()
        ]
        return await client.officer.set_group(code, name, stated)

    tell(json, ask(profile, proposed))


def _list(profile: As, json: Json = False) -> None:
    """The groups that you are in; all of them, for the operator and oversight."""
    found = ask(profile, lambda client: client.officer.listing()).get("groups", ())
    rows = [(one["group"], one["name"], ", ".join(map(_told, one["members"]))) for one in found]
    show(json, found, table(("group", "name", "members"), rows, nothing="You are in no group."))


def _member(text: str) -> tuple[str, str | None]:
    id, _, day = text.partition("/")
    try:
        return id, instant.write(datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC)) if day else None
    except ValueError:
        raise typer.BadParameter(f"{day} is no day: write it as 2027-06-30", param_hint="--member") from None


def _told(member: Mapping[str, Any]) -> str:
    until = member.get("until")
    return f"{member['participant']} until {until}" if until else str(member["participant"])
