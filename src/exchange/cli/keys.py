"""`key`: a participant's keys: list, rotate, revoke. Private keys are made here and never leave the profile."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from exchange import instant
from exchange.cli.changes import tell
from exchange.cli.options import As, Json, ask
from exchange.cli.screen import show, table
from exchange.client import Client, Proposed
from exchange.client.enrolment import window_from
from exchange.client.profile import write_private
from exchange.jose import SigningKey
from exchange.participant import ChangeKind, Use


def group() -> typer.Typer:
    app = typer.Typer(no_args_is_help=True, help="Keys: which there are, new ones, revoked ones.")
    app.command("list")(_list)
    app.command("add")(_add)
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
    use: Annotated[Use, typer.Argument(help="what the new key is to sign", show_default=False)],
    profile: As,
    json: Json = False,
) -> None:
    """Make a new key, register it, and use it from now on. The old one stays valid until it is revoked."""

    async def added(client: Client) -> Proposed:
        mine, key = client.profile, SigningKey.generate()
        made = await client.officer.propose(
            ChangeKind.KEY_ADD,
            participant=mine.participant,
            use=use.value,
            jwk=key.public.jwk,
            **window_from(datetime.now(UTC)),
        )
        # Only a registered key takes the old one's place; one that waits for approval lies beside it.
        path = mine.key_path(use)
        if not made.applied:
            write_private(path.with_suffix(".next.pem"), key.to_pem())
            return made
        if path.exists():
            path.rename(path.with_suffix(f".{datetime.now(UTC):%Y%m%dT%H%M%SZ}.pem"))
        write_private(path, key.to_pem())
        return made

    tell(json, ask(profile, added))


def _revoke(
    kid: Annotated[str, typer.Argument(help="the key's thumbprint, see `key list`", show_default=False)],
    profile: As,
    participant: Annotated[str | None, typer.Option(help="whose it is; yours, if not said", show_default=False)] = None,
    reason: Annotated[str, typer.Option(help="compromised, superseded, left or lost")] = "superseded",
    json: Json = False,
) -> None:
    """Revoke a key for ever, from the next commit on."""

    async def revoked(client: Client) -> Proposed:
        owner = participant or client.profile.participant
        return await client.officer.propose(ChangeKind.KEY_REVOKE, participant=owner, kid=kid, reason=reason)

    tell(json, ask(profile, revoked))
