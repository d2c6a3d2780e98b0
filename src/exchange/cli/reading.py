"""`inbox`, `show`, `thread`, `sent`, `deliveries`, `ack`: what there is to read, verified before it is shown; and
`owed`, what there is yet to acknowledge, as the exchange says.
"""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from json import dumps
from pathlib import Path
from typing import Annotated, Any

import typer

from exchange import instant
from exchange.cli.options import As, Cursor, Item, Json, Limit, ask
from exchange.cli.screen import UNPROVEN, note, show, table
from exchange.client import Client, Doubtful, Owed, Page, Received

_COLUMNS = ("item", "type", "label", "subject", "released at")


def add_commands(app: typer.Typer) -> None:
    app.command("inbox")(_inbox)
    app.command("show")(_show)
    app.command("thread")(_thread)
    app.command("sent")(_sent)
    app.command("deliveries")(_deliveries)
    app.command("owed")(_owed)
    app.command("ack")(_acknowledge)


def _inbox(
    profile: As,
    cursor: Cursor = None,
    limit: Limit = 50,
    wait: Annotated[int, typer.Option(min=0, max=30, help="seconds to wait for a first one")] = 0,
    new: Annotated[bool, typer.Option("--new", help="only what came since the last --new or --follow")] = False,
    follow: Annotated[bool, typer.Option("--follow", help="go on for ever; with --json, a line each")] = False,
    by: Annotated[
        str | None, typer.Option("--by", help="urgency: the most urgent of this page first", show_default=False)
    ] = None,
    json: Json = False,
) -> None:
    """What was released to you, oldest first."""
    if by not in (None, "urgency") or (by and follow):
        raise typer.BadParameter("say --by urgency, of a page", param_hint="--by")
    if follow:
        asyncio.run(_follow(profile, json))
        return

    async def read(client: Client) -> Page:
        page = await client.inbox(client.state.cursor if new else cursor, limit=limit, wait=wait)
        if new:
            client.state.keep_cursor(page.cursor)
        return replace(page, messages=page.by_urgency) if by else page

    _show_page(ask(profile, read), json, nothing="Nothing new." if new or cursor else "Nothing yet.")


async def _follow(profile: Path, json: bool) -> None:
    async with Client.open(profile) as client:
        async for one in client.follow(doubtful=_tell_doubtful):
            if json:
                sys.stdout.write(dumps(_brief(one)) + "\n")
                sys.stdout.flush()
            else:
                show(False, None, "  ".join(str(cell) for cell in _row(one)))


def _show(item: Item, profile: As, json: Json = False) -> None:
    """One item in full, with the evidence that the trail accepted these very bytes."""
    one = ask(profile, lambda client: client.message(item))
    done = [word for word, holds in (("recalled", one.recalled), ("restricted", one.restricted)) if holds]
    facts = [
        ("item", one.item),
        ("from", one.message.sender),
        ("key", f"{one.key.kid}, from genesis"),
        ("position", one.position),
        ("thread", one.message.thread),
        ("in reply to", one.message.in_reply_to),
        ("case", one.document["case_ref"]),
        ("subject", one.message.subject),
        ("label", dumps(one.document["label"])),
        ("sent at", one.document["sent_at"]),
        ("corrected by", one.newer),
        ("by us", " and ".join(done)),
        ("attachments", ", ".join(a["name"] for a in one.document.get("attachments", ()))),
    ]
    body = [(name, value if isinstance(value, str) else dumps(value)) for name, value in one.document["body"].items()]
    entities = [(n, dumps(entity)) for n, entity in enumerate(one.document.get("entities", ()), 1)]
    show(
        json,
        _brief(one) | {"jws": one.token.decode()},
        table(("", ""), [fact for fact in facts if fact[1]]),
        table(("", ""), body, title="body"),
        *([table(("", ""), entities, title="entities")] if entities else []),
    )


def _thread(item: Item, profile: As, json: Json = False) -> None:
    """What you sent and hold of a thread, named by any item in it."""

    async def found(client: Client) -> Page:
        began = (await client.message(item)).message.thread
        return await client.thread(began)

    _show_page(ask(profile, found), json, nothing="Nothing.")


def _sent(profile: As, cursor: Cursor = None, limit: Limit = 50, json: Json = False) -> None:
    """What you sent, oldest first."""
    _show_page(ask(profile, lambda client: client.sent(cursor, limit)), json, nothing="Nothing sent.")


def _deliveries(item: Item, profile: As, json: Json = False) -> None:
    """How far an item that you sent has come with each recipient."""
    told = ask(profile, lambda client: client.deliveries(item))
    columns = ("participant", "state", "rule", "at", "due_at", "overdue", "by")
    rows = [tuple(one.get(name) for name in columns) for one in told]
    show(json, {"item": item, "deliveries": [dict(one) for one in told]}, table(columns, rows, nothing="Nobody."))


def _owed(profile: As, json: Json = False) -> None:
    """What you were shown and have not acknowledged, whatever is due first at the beginning."""
    found = ask(profile, lambda client: client.owed())
    rows = [
        (one.item, one.type, one.urgency, f"{one.due_at:%Y-%m-%d %H:%M:%S}Z", "overdue" if one.overdue else "")
        for one in found
    ]
    columns = ("item", "type", "urgency", "due at", "")
    show(json, {"items": [_owing(one) for one in found]}, table(columns, rows, nothing="Nothing is owed."))


def _acknowledge(
    items: Annotated[list[str], typer.Argument(help="items that you received", show_default=False)],
    profile: As,
    json: Json = False,
) -> None:
    """Say, signed, that you have received these items."""

    async def acknowledged(client: Client) -> list[dict[str, Any]]:
        return [{"item": item, "position": (await client.acknowledge(item)).position} for item in items]

    done = ask(profile, acknowledged)
    rows = [(one["item"], one["position"]) for one in done]
    show(json, {"acknowledged": done}, table(("acknowledged", "position"), rows))


def _show_page(page: Page, json: bool, *, nothing: str) -> None:
    document = {
        "items": [_brief(one) for one in page.messages],
        "doubtful": [{"item": one.item, "why": one.why} for one in page.doubtful],
        "cursor": page.cursor,
    }
    show(json, document, table(_COLUMNS, map(_row, page.messages), nothing=nothing))
    for one in page.doubtful:
        _tell_doubtful(one)
    if page.doubtful:
        raise typer.Exit(UNPROVEN)


def _tell_doubtful(one: Doubtful) -> None:
    note(f"left out: {one.item} does not prove itself: {one.why}")


def _row(one: Received) -> Sequence[object]:
    label = one.message.label
    marks = " ".join([label.classification.name, *sorted(label.handling)])
    subject = one.message.subject if one.newer is None else f"{one.message.subject} (corrected by {one.newer})"
    return (one.item, one.message.type, marks, subject, f"{one.released_at:%Y-%m-%d %H:%M:%S}Z")


def _owing(one: Owed) -> dict[str, Any]:
    moments = {"released_at": instant.write(one.released_at), "due_at": instant.write(one.due_at)}
    return asdict(one) | moments | {"duties": list(one.duties)}


def _brief(one: Received) -> dict[str, Any]:
    brief = {
        "item": one.item,
        "position": one.position,
        "accepted_at": instant.write(one.accepted_at),
        "released_at": instant.write(one.released_at),
        "sender": one.message.sender,
        "type": one.message.type,
        "thread": one.message.thread,
        "subject": one.message.subject,
        "urgency": one.message.label.urgency,
        "due_at": instant.write(one.due_at),
        "classification": one.message.label.classification.name,
        "kid": one.key.kid,
        "verified": True,
        "document": dict(one.document),
    }
    since = {"newer": one.newer, "recalled": one.recalled, "restricted": one.restricted}
    return brief | {name: said for name, said in since.items() if said}
