"""`send` and `preview`: from a file or from words to a signed message; who would get it, and who did."""

import base64
import mimetypes
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from exchange.cli.options import As, Json, ask, read_object
from exchange.cli.screen import note, show, table
from exchange.client import Client, Draft, Outcome, Sent
from exchange.label import DUTIES

_Act = Callable[[Client, Draft, bool], Awaitable[None]]

# What a sample has from its own time and place, and `--anew` makes for this one.
_MADE_ANEW = ("id", "sent_at", "aud", "sender", "user", "schema_version", "thread", "in_reply_to")
_MADE_ANEW_IN_LABEL = ("originator", "created", "review_by", "expires")


def add_commands(app: typer.Typer) -> None:
    app.command("send", help="Sign and post a message; classification OUO if none is stated.")(_composing(_send))
    app.command("preview", help="Who would get this message, and who not. Sends nothing.")(_composing(_preview))


def _composing(act: _Act) -> Callable[..., None]:
    """One set of options for both commands: a preview is worth what it shares with the sending."""

    def command(
        profile: As,
        file: Annotated[
            Path | None, typer.Argument(help="the envelope, or what is known of it, as JSON", show_default=False)
        ] = None,
        to: Annotated[list[str], typer.Option(help="ncb-ita, country:DEU, tier:T1 or all; several times")] = [],  # noqa: B006
        subject: Annotated[str | None, typer.Option(show_default=False)] = None,
        text: Annotated[str | None, typer.Option(help="what a message says", show_default=False)] = None,
        case: Annotated[str | None, typer.Option(help="the case it belongs to", show_default=False)] = None,
        reply_to: Annotated[str | None, typer.Option(help="the item that it answers", show_default=False)] = None,
        classification: Annotated[str | None, typer.Option(help="PUB, OUO, RES or CON", show_default=False)] = None,
        purpose: Annotated[list[str], typer.Option(help="P1 to P9, A1, S1, X1; several times")] = [],  # noqa: B006
        area: Annotated[list[str], typer.Option(help="a crime area, as DRG.SYN; several times")] = [],  # noqa: B006
        handling: Annotated[list[str], typer.Option(help="as H2 or NOENT; several times")] = [],  # noqa: B006
        urgency: Annotated[str | None, typer.Option(help="U1 to U5", show_default=False)] = None,
        releasable: Annotated[
            str | None, typer.Option(help="ALL, ALL_MINUS:XXA,XXB or ONLY:FRA,ITA", show_default=False)
        ] = None,
        tiers: Annotated[str | None, typer.Option(help="only these, as T1,T2", show_default=False)] = None,
        expires: Annotated[str | None, typer.Option(help="an instant, as 2027-01-31T00:00:00Z")] = None,
        attach: Annotated[list[Path], typer.Option(help="a file; several times", exists=True, dir_okay=False)] = [],  # noqa: B006
        all_or_none: Annotated[
            bool, typer.Option("--all-or-none", help="to nobody, where one of them may not have it")
        ] = False,
        anew: Annotated[bool, typer.Option("--anew", help="FILE is a sample: sender, times and id are ours")] = False,
        json: Json = False,
    ) -> None:
        stated = _read(file, anew=anew)
        label = {
            "classification": classification,
            "purpose": purpose,
            "crime_area": area,
            "handling": handling,
            "urgency": urgency,
            "releasable_to": circle(releasable, tiers),
            "expires": expires,
        }
        said = {
            "subject": subject,
            "recipients": to,
            "body": {"text": text} if text else None,
            "case_ref": case,
            "in_reply_to": reply_to,
            "attachments": [_attachment(path) for path in attach],
            "delivery": {"mode": "all-or-none"} if all_or_none else None,
        }
        members = stated | _given(said) | {"label": stated.get("label", {}) | _given(label)}

        async def composed(client: Client) -> None:
            draft = await _draft(client, members)
            for one in draft.notes:
                note(one)
            await act(client, draft, json)

        ask(profile, composed)

    return command


async def _draft(client: Client, members: Mapping[str, Any]) -> Draft:
    missing = [name for name in ("subject", "body", "recipients") if not members.get(name)]
    if missing:
        wanted = {"subject": "--subject", "body": "--text", "recipients": "--to"}
        raise typer.BadParameter(f"say {' and '.join(wanted[name] for name in missing)}, or name a FILE that does")
    rest = dict(members)
    taken = {name: rest.pop(name) for name in ("subject", "body", "recipients", "label")}
    try:
        return await client.compose(rest.pop("type", "message"), **taken, **rest)
    except ValueError as wrong:
        raise typer.BadParameter(str(wrong)) from None


async def _send(client: Client, draft: Draft, json: bool) -> None:
    tell_sent(await client.send(draft), json, draft.notes)


def tell_sent(sent: Sent, json: bool, notes: tuple[str, ...] = ()) -> None:
    """What became of a message, whatever it was."""
    document = {
        "item": sent.item,
        "position": sent.position,
        "new": sent.new,
        "routing": [_outcome(one) for one in sent.routing],
        "duties": list(sent.duties),
        "notes": list(notes),
        "receipt": dict(sent.receipt),
    }
    words = f"{sent.item} stands at position {sent.position}; its receipt is verified."
    if not sent.new:
        words += " These bytes had been accepted before."
    show(json, document, words, _routing(sent.routing), *_duties(sent.duties))


async def _preview(client: Client, draft: Draft, json: bool) -> None:
    seen = await client.preview(draft)
    document = {
        "outcome": seen.outcome,
        "rules": list(seen.rules),
        "recipients": [_outcome(one) for one in seen.recipients],
        "notes": list(draft.notes),
    }
    show(json, document, f"{seen.outcome}. Nothing was sent.", _routing(seen.recipients))


def _duties(codes: Sequence[str]) -> Sequence[str]:
    """A line for each."""
    return [f"Duty of its readers, {code}: {DUTIES.get(code, 'see the protocol')}." for code in codes]


def _routing(outcomes: tuple[Outcome, ...]) -> Any:
    rows = [(one.participant, one.outcome, one.rule) for one in outcomes]
    return table(("recipient", "outcome", "rule"), rows, nothing="Nobody is released this message.")


def _outcome(one: Outcome) -> dict[str, str]:
    told = {"participant": one.participant, "outcome": one.outcome}
    return told | ({"rule": one.rule} if one.rule else {})


def _read(file: Path | None, *, anew: bool) -> dict[str, Any]:
    members = read_object(file, hint="FILE")
    if not isinstance(members.get("label", {}), dict):
        raise typer.BadParameter(f"{file} holds no envelope", param_hint="FILE")
    if anew and members:
        label = {n: v for n, v in members.get("label", {}).items() if n not in _MADE_ANEW_IN_LABEL}
        members = {n: v for n, v in members.items() if n not in _MADE_ANEW} | {"label": label}
    return members


def _given(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value}


def circle(text: str | None, tiers: str | None) -> dict[str, Any] | None:
    """`ALL_MINUS:XXA,XXB` -> the member of a label."""
    if text is None and tiers is None:
        return None
    mode, _, listed = (text or "ALL").partition(":")
    countries = [code for code in listed.split(",") if code]
    names = {"ALL_MINUS": "exclude", "ONLY": "include"}
    if mode not in ("ALL", *names) or bool(countries) != (mode in names):
        raise typer.BadParameter("say ALL, ALL_MINUS:XXA,XXB or ONLY:FRA,ITA", param_hint="--releasable")
    made: dict[str, Any] = {"mode": mode}
    if countries:
        made[names[mode]] = countries
    if tiers:
        made["tiers"] = tiers.split(",")
    return made


def _attachment(path: Path) -> dict[str, str]:
    mime = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return {"name": path.name, "mime": mime, "data": base64.b64encode(path.read_bytes()).decode()}
