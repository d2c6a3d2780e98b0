"""`forward` and `permission`: passing on what one holds, and asking its source where that has kept control."""

from typing import Annotated

import typer

from exchange import instant
from exchange.cli.messages import tell_sent
from exchange.cli.options import As, Item, Json, ask
from exchange.refusal import Refusal

_To = Annotated[list[str], typer.Option("--to", help="a participant; several times", show_default=False)]


def add_commands(app: typer.Typer) -> None:
    app.command("forward")(_forward)
    permission = typer.Typer(no_args_is_help=True, help="Ask for permission to pass an item on, and answer.")
    permission.command("ask")(_ask)
    permission.command("answer")(_answer)
    app.add_typer(permission, name="permission")


def _forward(
    item: Item,
    profile: As,
    to: _To,
    permission: Annotated[str | None, typer.Option(help="the answer of its source", show_default=False)] = None,
    reason: Annotated[str | None, typer.Option(help="a line for those who get it", show_default=False)] = None,
    json: Json = False,
) -> None:
    """Pass on an item that you hold, as its source signed it, with a note of yours."""
    sent = ask(profile, lambda client: client.control.forward(item, to, permission=permission, reason=reason))
    tell_sent(sent, json)


def _ask(
    item: Item,
    profile: As,
    to: _To,
    reason: Annotated[str, typer.Option(help="why they need it", show_default=False)],
    json: Json = False,
) -> None:
    """Ask the source of an item whether you may pass it on."""
    tell_sent(ask(profile, lambda client: client.control.ask_permission(item, to, reason)), json)


def _answer(
    request: Item,
    profile: As,
    grant: Annotated[bool, typer.Option("--grant/--deny", help="whether it may be passed on", show_default=False)],
    until: Annotated[str | None, typer.Option(help="an instant, as 2027-01-31T00:00:00Z", show_default=False)] = None,
    to: _To = [],  # noqa: B006
    conditions: Annotated[str | None, typer.Option(help="in words", show_default=False)] = None,
    json: Json = False,
) -> None:
    """Answer a request for permission. Without --to it is granted for those that were asked for."""
    if grant and until is None:
        raise typer.BadParameter("say --until: a permission ends by itself")
    try:
        end = None if until is None else instant.parse(until)
    except Refusal:
        raise typer.BadParameter("an instant, as 2027-01-31T00:00:00Z", param_hint="--until") from None
    answer = ask(
        profile,
        lambda client: client.control.answer_permission(request, grant, to=to, until=end, conditions=conditions),
    )
    tell_sent(answer, json)
