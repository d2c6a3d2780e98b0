"""`trail`: verify all of it from a living exchange, a file or a database; export it; look at it."""

from pathlib import Path
from typing import Annotated, Any

import typer

from exchange import leaf, shipped, strictjson
from exchange.audit import Auditor, Deciding, Entry, Report
from exchange.cli.options import As, Json, ask
from exchange.cli.screen import UNPROVEN, show, table
from exchange.cli.serving import operating
from exchange.client import Client, Profile, Unproven
from exchange.client.entries import head_of, line_of, read_export
from exchange.note import Checkpoint, TrailVerifier
from exchange.refusal import Refusal
from exchange.schema import Schemas

_MOST_FINDINGS = 50  # shown; all are in the JSON
_SHOWN = ("at", "event", "actor", "object", "type")  # of a leaf

_NOT_DECIDED_AGAIN = (
    "What was decided about messages was NOT decided again: that takes parts of the server, which are not installed "
    '(pip install "exchange[server]").'
)

Live = Annotated[
    Path | None,
    typer.Option("--as", envvar="EXCHANGE_PROFILE", help="an auditor's profile", show_default=False),
]


def group() -> typer.Typer:
    app = typer.Typer(no_args_is_help=True, help="What happened, and proof that nobody changed it.")
    app.command("verify")(_verify)
    app.command("export")(_export)
    app.command("show")(_show)
    return app


def _verify(
    profile: Live = None,
    export: Annotated[Path | None, typer.Option(help="a file of `trail export`", show_default=False)] = None,
    database: Annotated[
        Path | None, typer.Option(help="an exchange's folder: its database and secrets", show_default=False)
    ] = None,
    trail_key: Annotated[
        str | None, typer.Option(help="the trail's key (vkey); the profile's, if not said", show_default=False)
    ] = None,
    genesis: Annotated[
        str | None, typer.Option(help="the genesis leaf's hash; the profile's, if not said", show_default=False)
    ] = None,
    checkpoint: Annotated[
        list[Path], typer.Option(help="a signed checkpoint kept from earlier; several times", exists=True)
    ] = [],  # noqa: B006
    json: Json = False,
) -> None:
    """Recompute everything, against a trail key known from elsewhere; names the position of what was changed."""
    if export is not None and database is not None:
        raise typer.BadParameter("say --export or --database, not both")
    known = None if profile is None else Profile.load(profile)
    key = trail_key or (known.pin.trail_key if known else None)
    if key is None:
        raise typer.BadParameter("say --trail-key: what the trail says of itself proves nothing")
    trail = _verifier(key)
    pinned = genesis or (known.pin.genesis if known else None)
    earlier = [_opened(trail, path.read_text("utf-8"), str(path)) for path in checkpoint]

    if database is not None:
        report = _from_database(database, trail, pinned, earlier)
    elif export is not None:
        report = _from_export(export, trail, pinned, earlier)
    elif profile is not None:
        report = ask(profile, lambda client: _from_exchange(client, trail, pinned, earlier))
    else:
        raise typer.BadParameter("say --as, --export or --database: where the entries are")
    _show_report(report, json)


def _export(
    file: Annotated[Path, typer.Argument(help="the file to write, new", show_default=False)],
    profile: As,
    json: Json = False,
) -> None:
    """Write the whole trail, with what an auditor may open, to a file that `trail verify` reads."""

    async def exported(client: Client) -> Checkpoint:
        checkpoint, note = await client.trail.checkpoint()
        with file.open("x", encoding="utf-8") as out:
            out.write(head_of(checkpoint.origin, note, await client.trail.first_policy()))
            async for entry in client.trail.entries(checkpoint.size):
                out.write(line_of(entry))
        return checkpoint

    if file.exists():
        raise typer.BadParameter(f"{file} is there already", param_hint="FILE")
    checkpoint = ask(profile, exported)
    written = {"file": str(file), "origin": checkpoint.origin, "size": checkpoint.size}
    show(json, written, f"{checkpoint.size} entries of {checkpoint.origin} written to {file}.")


def _show(
    profile: As,
    after: Annotated[int | None, typer.Option(help="entries beyond this position", show_default=False)] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="entries, at most")] = 50,
    event: Annotated[str | None, typer.Option(help="only this event, as message.accepted", show_default=False)] = None,
    json: Json = False,
) -> None:
    """The signed head, for everybody; with --after, entries and what an auditor may open of them."""

    async def seen(client: Client) -> tuple[str, list[dict[str, Any]]]:
        checkpoint, note = await client.trail.checkpoint()
        if after is None:
            return note, []
        upto = min(checkpoint.size, after + 1 + limit)
        return note, [_entry(entry) async for entry in client.trail.entries(upto, after)]

    note, entries = ask(profile, seen)
    chosen = [one for one in entries if event in (None, one["leaf"].get("event"))]
    rows = [
        (one["position"], *(one["leaf"].get(name) for name in _SHOWN), " ".join(one["leaf"].get("rules", ())))
        for one in chosen
    ]
    columns = ("position", *_SHOWN, "rules")
    shown = [table(columns, rows, nothing="No entries.")] if after is not None else []
    # The note itself, to the byte: what is printed here can be kept and given to `verify --checkpoint`.
    show(json, {"checkpoint": note, "entries": chosen}, *shown, note.removesuffix("\n"))


async def _from_exchange(
    client: Client, trail: TrailVerifier, genesis: str | None, earlier: list[Checkpoint]
) -> Report:
    if client.profile.trail != trail:
        raise Unproven("the trail key given is not the one that this profile has pinned")
    pinned = genesis or client.profile.pin.genesis
    return await client.trail.audit(client.schemas, genesis=pinned, earlier=earlier, deciding=_deciding())


def _from_export(file: Path, trail: TrailVerifier, genesis: str | None, earlier: list[Checkpoint]) -> Report:
    with file.open(encoding="utf-8", errors="replace") as lines:
        export = read_export(lines)
        auditor = Auditor(
            _opened(trail, export.note, str(file)),
            trail_key=trail.vkey(),
            schemas=Schemas.compile(shipped.texts("schemas", ".schema.json")),
            genesis=genesis,
            earlier=earlier,
            deciding=_deciding(),
            policy=export.policy,
        )
        for entry in export.entries:
            auditor.examine(entry)
        return auditor.conclude()


def _from_database(folder: Path, trail: TrailVerifier, genesis: str | None, earlier: list[Checkpoint]) -> Report:
    """The head is signed anew by the folder's own trail key; whether that is the one known from elsewhere is checked,
    and checkpoints kept elsewhere (--checkpoint) say whether it is the trail that they were made of.
    """
    with operating():
        from exchange import main
        from exchange.note import TrailKey
        from exchange.proving import Prover
        from exchange.settings import Settings
        from exchange.trail.stored import first_policy, stored_entries

        settings = Settings.load(folder)
        store = main.open_store(settings)
        try:
            key = TrailKey.from_pem(settings.origin, settings.secret("trail.pem"))
            _, note = Prover(store=store, key=key, origin=settings.origin).checkpoint()
            checkpoint = _opened(trail, note, f"the head of {folder}")
            auditor = Auditor(
                checkpoint,
                trail_key=trail.vkey(),
                schemas=Schemas.compile(shipped.texts("schemas", ".schema.json")),
                genesis=genesis or settings.genesis,
                earlier=earlier,
                deciding=_deciding(),
                policy=first_policy(store),
            )
            for entry in stored_entries(store, checkpoint.size):
                auditor.examine(entry)
            return auditor.conclude()
        finally:
            store.close()


def _deciding() -> Deciding | None:
    """How to decide again; None where the engine for policies is not installed, which comes with the server."""
    try:
        from exchange import replay
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] == "exchange":
            raise
        return None
    return replay.under


def _show_report(report: Report, json: bool) -> None:
    document = {
        "origin": report.origin,
        "size": report.size,
        "entries": report.entries,
        "whole": report.whole,
        "events": dict(report.events),
        "checked": dict(report.checked),
        "decided_again": report.decided_again,
        "findings": [{"position": one.position, "says": one.says} for one in report.findings],
    }
    counts = [*report.events.items(), *((f"{name} checked", n) for name, n in report.checked.items())]
    rows = [("all" if one.position is None else one.position, one.says) for one in report.findings[:_MOST_FINDINGS]]
    verdict = (
        f"{report.origin}: all {report.size} entries are as they were signed."
        if report.whole
        else f"{report.origin}: {len(report.findings)} findings in {report.entries} entries; the trail is NOT whole."
    )
    findings = [] if report.whole else [table(("position", "finding"), rows)]
    asked_again = [] if report.decided_again else [_NOT_DECIDED_AGAIN]
    show(json, document, table(("", ""), counts), *findings, *asked_again, verdict)
    if not report.whole:
        raise typer.Exit(UNPROVEN)


def _verifier(vkey: str) -> TrailVerifier:
    try:
        return TrailVerifier.from_vkey(vkey)
    except Refusal:
        raise typer.BadParameter("this is no C2SP verifier key: name+hash+key", param_hint="--trail-key") from None


def _opened(trail: TrailVerifier, note: str, what: str) -> Checkpoint:
    try:
        return trail.open(note)
    except Refusal as refusal:
        raise Unproven.because(f"the checkpoint in {what} does not hold", refusal) from None


def _entry(entry: Entry) -> dict[str, Any]:
    """For looking at, not for believing: that is `verify`."""
    openings = {name.value: opening.text.decode("utf-8", "replace") for name, opening in entry.openings.items()}
    return {"position": entry.position, "leaf": _members(entry), "openings": openings}


def _members(entry: Entry) -> dict[str, Any]:
    try:
        return strictjson.parse_object(entry.leaf, limit=leaf.LIMIT)
    except Refusal as refusal:
        raise Unproven.because(f"the entry at position {entry.position} does not hold", refusal) from None
