"""`key`: a participant's keys: list, rotate, revoke. Private keys are made here and never leave the profile."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from exchange import instant
from exchange.cli.changes import propose, tell
from exchange.cli.options import As, Json, ask
from exchange.cli.screen import REFUSED, Failed, show, table
from exchange.client import (
    Client,
    KeyRequest,
    Profile,
    admit_officer_key,
    request_officer_key,
    rotate,
    take_into_use,
)
from exchange.client.rotation import FILE
from exchange.participant import ChangeKind, Use


def group() -> typer.Typer:
    app = typer.Typer(no_args_is_help=True, help="Keys: which there are, new ones, revoked ones.")
    app.command("list")(_list)
    app.command("add")(_add)
    app.command("request")(_request)
    app.command("admit")(_admit)
    app.command("use")(_use)
    app.command("revoke")(_revoke)
    return app


def _list(
    profile: As,
    participant: Annotated[str | None, typer.Argument(help="yourself, if not said", show_default=False)] = None,
    json: Json = False,
) -> None:
    """A participant's keys, as they follow from genesis."""

    async def found(client: Client) -> list[dict[str, str | None]]:
        directory = await client.directory()
        owner = directory.get(participant or client.profile.participant)
        if owner is None:
            raise typer.BadParameter(f"there is no participant {participant} here", param_hint="PARTICIPANT")
        return [
            {
                "kid": key.kid,
                "use": key.use.value,
                "not_before": instant.write(key.not_before),
                "not_after": instant.write(key.not_after),
                "revoked_at": None if key.revoked_at is None else instant.write(key.revoked_at),
            }
            for key in owner.keys.values()
        ]

    keys = ask(profile, found)
    columns = ("kid", "use", "not_before", "not_after", "revoked_at")
    show(json, keys, table(columns, [[key[name] for name in columns] for key in keys], nothing="No keys."))


def _add(
    use: Annotated[Use, typer.Argument(help="access or message: what the new key is for", show_default=False)],
    profile: As,
    json: Json = False,
) -> None:
    """Make a new key, register it, and use it from now on. The old one stays valid until it is revoked."""
    if use is Use.OFFICER:
        raise typer.BadParameter("an officer key takes two of the operator's officers: begin with `key request`")
    kid = ask(profile, lambda client: rotate(client, use))
    _in_use(json, kid, use)


def _request(profile: As, json: Json = False) -> None:
    """Make a new officer key, and the request to hand to the operator, whose officers admit it."""
    mine = Profile.load(profile)
    request = request_officer_key(mine, now=datetime.now(UTC))
    facts = {"participant": mine.participant, "request": str(mine.folder / FILE), "thumbprint": request.kid}
    show(
        json,
        facts,
        table(("", ""), facts.items()),
        f"The request is public: hand it to the operator, who admits it by `exchange key admit {FILE}`.",
        "Tell the thumbprint by another way, as by telephone. Once it is admitted: exchange key use --as ...",
    )


def _admit(
    request: Annotated[Path, typer.Argument(help=f"a participant's {FILE}", show_default=False)],
    profile: As,
    json: Json = False,
) -> None:
    """Propose, as an officer of the operator, an officer key that was requested; another officer approves it."""
    requested = KeyRequest.load(request)
    tell(json, ask(profile, lambda client: admit_officer_key(client, requested)))


def _use(profile: As, json: Json = False) -> None:
    """Sign with the officer key that was requested, now that it is admitted. Revoke the old one then."""
    kid = ask(profile, take_into_use)
    if kid is None:
        raise Failed(
            "NOT_ADMITTED",
            "the officer key that waits here is not in the directory",
            "have two of the operator's officers admit it: exchange key admit, exchange participant approve",
            exit=REFUSED,
        )
    _in_use(json, kid, Use.OFFICER)


def _in_use(json: bool, kid: str, use: Use) -> None:
    words = f"The {use.value} key {kid} is registered and in use. The old one is valid until you revoke it."
    show(json, {"kid": kid, "use": use.value, "state": "applied"}, words)


def _revoke(
    kid: Annotated[str, typer.Argument(help="the key's thumbprint, see `key list`", show_default=False)],
    profile: As,
    participant: Annotated[str | None, typer.Option(help="whose it is; yours, if not said", show_default=False)] = None,
    reason: Annotated[str, typer.Option(help="compromised, superseded, left or lost")] = "superseded",
    json: Json = False,
) -> None:
    """Revoke a key for ever, from the next commit on. An officer key is revoked by the operator's officers."""
    owner = participant or Profile.load(profile).participant
    propose(profile, ChangeKind.KEY_REVOKE, json, participant=owner, kid=kid, reason=reason)
