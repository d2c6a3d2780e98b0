"""Options that many commands share, and how a command comes to a client or to the server's modules."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from exchange.cli.screen import USAGE, Failed
from exchange.client import Client

_Answer = TypeVar("_Answer")

As = Annotated[
    Path,
    typer.Option("--as", envvar="EXCHANGE_PROFILE", help="the profile's folder: who you are", show_default=False),
]
Json = Annotated[bool, typer.Option("--json", help="one JSON document on standard output")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=100, help="items, at most")]
Cursor = Annotated[str | None, typer.Option("--cursor", help="go on where an earlier page ended")]
DAYS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"]  # how a day or an instant in UTC is written
Item = Annotated[str, typer.Argument(help="an item, as in ncb-fra:01KAJ...", show_default=False)]


def ask(profile: Path, question: Callable[[Client], Awaitable[_Answer]]) -> _Answer:
    """Open a client for this profile, ask it one thing, close it."""

    async def asked() -> _Answer:
        async with Client.open(profile) as client:
            return await question(client)

    return asyncio.run(asked())


def read_object(file: Path | None, *, hint: str) -> dict[str, Any]:
    """The JSON object in a file, nothing where none is named. hint: what the command calls it."""
    if file is None:
        return {}
    try:
        members = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as wrong:
        raise typer.BadParameter(f"{file} cannot be read as JSON: {wrong}", param_hint=hint) from None
    if not isinstance(members, dict):
        raise typer.BadParameter(f"{file} holds no JSON object", param_hint=hint)
    return members


@contextmanager
def server_modules() -> Iterator[None]:
    """For the import of what only an operator needs. Raises Failed where it is not installed."""
    try:
        yield
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] == "exchange":
            raise
        raise Failed(
            "NOT_INSTALLED",
            f"this command runs parts of the server, and {missing.name} is not installed",
            'install them: pip install "exchange[server]"',
            exit=USAGE,
        ) from None
