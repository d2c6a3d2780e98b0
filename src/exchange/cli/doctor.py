"""`doctor`: looks at a profile, or at an exchange's folder, and says of each thing whether it is well."""

import asyncio
import stat
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

from exchange.cli.options import Json
from exchange.cli.screen import REFUSED, Failed, show, table
from exchange.cli.serving import operating
from exchange.client import Client, ExchangeError, Profile
from exchange.client.clock import WARN_ABOVE
from exchange.participant import Use

State = Literal["well", "warning", "wrong"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One thing that was looked at."""

    what: str
    state: State
    says: str


def add_commands(app: typer.Typer) -> None:
    app.command("doctor")(_doctor)


def _doctor(
    profile: Annotated[
        Path | None, typer.Option("--as", envvar="EXCHANGE_PROFILE", help="a profile to look at", show_default=False)
    ] = None,
    folder: Annotated[Path | None, typer.Option(help="an exchange's folder to look at", show_default=False)] = None,
    json: Json = False,
) -> None:
    """Is everything well? Files, permissions, clock, address, pin, token, directory, trail; settings and database."""
    if profile is None and folder is None:
        raise typer.BadParameter("say --as FOLDER for a profile, or --folder FOLDER for an exchange")
    found: list[Checked] = []
    if folder is not None:
        found += _exchange(folder)
    if profile is not None:
        found += asyncio.run(_profile(profile))
    wrong = any(one.state == "wrong" for one in found)
    document = {
        "well": not wrong,
        "checks": [{"what": one.what, "state": one.state, "says": one.says} for one in found],
    }
    show(json, document, table(("", "", ""), [(one.state, one.what, one.says) for one in found]))
    if wrong:
        raise typer.Exit(REFUSED)


async def _profile(folder: Path) -> list[Checked]:
    try:
        profile = Profile.load(folder)
    except ExchangeError as error:
        return [Checked(what="profile", state="wrong", says=str(error))]
    found = [Checked(what="profile", state="well", says=f"{profile.participant} at {profile.pin.url}")]
    found += [_key(profile, use) for use in Use if profile.has(use) or use is Use.ACCESS]
    found.append(_folder(folder / "keys"))
    try:
        async with Client.open(profile) as client:
            found += [await _looked_at(what, look, client) for what, look in _AT_THE_EXCHANGE]
    except ExchangeError as error:
        found.append(Checked(what="history", state="wrong", says=str(error)))
    return found


async def _looked_at(what: str, look: Callable[[Client], Awaitable[Checked]], client: Client) -> Checked:
    try:
        return await look(client)
    except ExchangeError as error:
        return Checked(what=what, state="wrong", says=f"{error}; {error.mend}")


async def _reached(client: Client) -> Checked:
    shown = (await client.wire.public("/.well-known/oauth-authorization-server")).object()
    pin = client.profile.pin
    pinned = {"exchange_origin": pin.origin, "exchange_trail_key": pin.trail_key, "exchange_genesis": pin.genesis}
    other = [name for name, value in pinned.items() if shown.get(name) != value]
    if other:
        return Checked(what="pin", state="wrong", says=f"the exchange at {pin.url} names another {', '.join(other)}")
    return Checked(what="pin", state="well", says=f"{pin.url} answers, and names what is pinned")


async def _clock(client: Client) -> Checked:
    off = client.clock.seconds_off
    state: State = "warning" if abs(off) > WARN_ABOVE.total_seconds() else "well"
    return Checked(what="clock", state=state, says=f"{off:+.0f} s from the exchange's" if off else "as the exchange's")


async def _token(client: Client) -> Checked:
    await client.wire.token()
    return Checked(what="token", state="well", says="the access key obtains one")


async def _directory(client: Client) -> Checked:
    directory = await client.directory()
    me = directory.get(client.profile.participant)
    if me is None:
        return Checked(what="directory", state="wrong", says=f"{client.profile.participant} is not in it")
    mine = [client.profile.key(use).public.kid for use in Use if client.profile.has(use)]
    unknown = [kid for kid in mine if kid not in me.keys or not me.keys[kid].valid_at(client.clock.now())]
    if unknown:
        return Checked(what="directory", state="wrong", says=f"not registered or not valid now: {', '.join(unknown)}")
    count = len(directory.participants)
    return Checked(what="directory", state="well", says=f"{count} participants from genesis; your keys are among them")


async def _trail(client: Client) -> Checked:
    client.watch.refuse_if_forked()
    checkpoint, _ = await client.trail.checkpoint()
    await client.watch.settle(now=True)
    return Checked(what="trail", state="well", says=f"{checkpoint.size} entries, extending every checkpoint kept here")


_AT_THE_EXCHANGE = (
    ("pin", _reached),
    ("clock", _clock),
    ("token", _token),
    ("directory", _directory),
    ("trail", _trail),
)


def _exchange(folder: Path) -> list[Checked]:
    """Its settings and secrets, and its database as the server itself would open it."""
    try:
        with operating():
            from exchange import main
            from exchange.settings import Settings

            settings = Settings.load(folder)
            store = main.open_store(settings)
            try:
                head, version = store.head(), store.version
            finally:
                store.close()
    except Failed as failed:
        return [Checked(what="exchange", state="wrong", says=f"{failed}; {failed.mend}")]
    return [
        Checked(what="settings", state="well", says=f"{settings.origin} at {settings.public_url}; secrets are private"),
        Checked(what="database", state="well", says=f"{store.dialect} {version}, durable; {head.size} entries"),
    ]


def _key(profile: Profile, use: Use) -> Checked:
    try:
        key = profile.key(use)
    except ExchangeError as error:
        return Checked(what=f"{use.value} key", state="wrong", says=str(error))
    return Checked(what=f"{use.value} key", state="well", says=key.public.kid)


def _folder(path: Path) -> Checked:
    if stat.S_IMODE(path.stat().st_mode) & 0o022:
        return Checked(what="keys folder", state="wrong", says=f"others can write in it: chmod 700 {path}")
    return Checked(what="keys folder", state="well", says="only yours to write in")
