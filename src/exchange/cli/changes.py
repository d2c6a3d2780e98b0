"""What officers' commands share: a change is proposed or approved, and what became of it is told."""

from pathlib import Path
from typing import Annotated, Any

import typer

from exchange.cli.options import ask
from exchange.cli.screen import show
from exchange.client import Proposed
from exchange.participant import ChangeKind

Waiting = Annotated[str, typer.Argument(help="the change's id, see `participant pending`", show_default=False)]


def propose(profile: Path, kind: ChangeKind, json: bool, **content: Any) -> None:
    """content: the members that this kind has, see schemas/change.schema.json."""
    tell(json, ask(profile, lambda client: client.officer.propose(kind, **content)))


def tell(as_json: bool, proposed: Proposed) -> None:
    """What became of a change."""
    state = "applied" if proposed.applied else "pending"
    document = {"change": proposed.change, "state": state, "missing": proposed.missing}
    words = (
        f"In force since position {proposed.receipt.position}."
        if proposed.applied
        else f"Waits for {proposed.missing} more officer(s): exchange participant approve {proposed.change} --as ..."
    )
    show(as_json, document | {"position": proposed.receipt.position}, f"Change {proposed.change}. {words}")
