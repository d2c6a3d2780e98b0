"""`recall`, `restrict`, `lift`, `correct`: what a source does to an item that it has sent."""

from pathlib import Path
from typing import Annotated

import typer

from exchange.cli.messages import circle as circle_of
from exchange.cli.options import As, Item, Json, ask, read_object
from exchange.cli.screen import show, table
from exchange.client import Sent

_REASON = typer.Option(
    help="a code that no reader is shown; kept in the profile with what opens it", show_default=False
)


def add_commands(app: typer.Typer) -> None:
    app.command("recall")(_recall)
    app.command("restrict")(_restrict)
    app.command("lift")(_lift)
    app.command("correct")(_correct)


def _recall(
    item: Item,
    profile: As,
    ground: Annotated[
        str, typer.Option(help="RIGHTS, ERROR, COURT, OTHER_BODY, COMPROMISED or WITHDRAWN", show_default=False)
    ],
    action: Annotated[str, typer.Option(help="what readers are to do: DELETE, RETURN or STOP_USE")] = "DELETE",
    note: Annotated[str | None, typer.Option(help="a line for those who have read it", show_default=False)] = None,
    json: Json = False,
) -> None:
    """Take back an item: nobody is shown it any more, and those who have read it are told."""
    sent = ask(profile, lambda client: client.control.recall(item, ground, action, note=note))
    _tell(sent, json, f"{item} is recalled.", "told, having read it", "Nobody had read it.")


def _restrict(
    item: Item,
    profile: As,
    to: Annotated[
        str | None, typer.Option("--releasable", help="ALL_MINUS:XXA,XXB or ONLY:FRA,ITA", show_default=False)
    ] = None,
    tiers: Annotated[str | None, typer.Option(help="only these, as T1,T2", show_default=False)] = None,
    reason: Annotated[str | None, _REASON] = None,
    json: Json = False,
) -> None:
    """Release an item to fewer than its label says, from now on. It replaces a restriction before."""
    circle = circle_of(to, tiers)
    if circle is None:
        raise typer.BadParameter("say --releasable or --tiers")
    sent = ask(profile, lambda client: client.control.restrict(item, circle, reason=reason))
    _tell(sent, json, f"{item} is restricted.", "told, having read it", "Nobody had read it.")


def _lift(item: Item, profile: As, reason: Annotated[str | None, _REASON] = None, json: Json = False) -> None:
    """Lift the restriction of an item: who could not read it gets it anew."""
    sent = ask(profile, lambda client: client.control.lift(item, reason=reason))
    _tell(sent, json, f"{item} is no longer restricted.", "told, having read it", "Nobody had read it.")


def _correct(
    item: Item,
    profile: As,
    reason: Annotated[str, typer.Option(help="ERROR, NEW_FACTS, IDENTITY or RIGHTS")] = "ERROR",
    subject: Annotated[str | None, typer.Option(help="the right subject", show_default=False)] = None,
    text: Annotated[str | None, typer.Option(help="the right text", show_default=False)] = None,
    file: Annotated[
        Path | None, typer.Option(help="JSON: subject, text, entities or body, as they are right", show_default=False)
    ] = None,
    json: Json = False,
) -> None:
    """Put an item right, for those who hold it and may read it."""
    said = {"subject": subject, "text": text}
    corrected = read_object(file, hint="--file") | {name: value for name, value in said.items() if value is not None}
    if not corrected:
        raise typer.BadParameter("say --subject, --text or --file")
    sent = ask(profile, lambda client: client.control.correct(item, reason, corrected))
    _tell(sent, json, f"{item} is corrected by {sent.item}.", "corrected", "Nobody holds it.")


def _tell(sent: Sent, json: bool, words: str, column: str, nothing: str) -> None:
    document = {"item": sent.item, "position": sent.position, "new": sent.new, "told": list(sent.released)}
    show(
        json,
        document | {"receipt": dict(sent.receipt)},
        f"{words} This stands at position {sent.position}; its receipt is verified.",
        table((column,), [(reader,) for reader in sent.released], nothing=nothing),
    )
