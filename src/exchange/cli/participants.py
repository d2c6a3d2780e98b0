"""`participant`: who takes part, and how the operator's officers admit, widen, narrow, suspend."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from exchange import jose
from exchange.cli.changes import Waiting, propose, tell
from exchange.cli.options import As, Json, ask
from exchange.cli.screen import note, show, table
from exchange.client import Client, Enrolment, Proposed, Rights, introduce
from exchange.participant import ChangeKind

Id = Annotated[str, typer.Argument(help="a participant, as ncb-fra", show_default=False)]
Clearance = Annotated[str, typer.Option(help="the highest classification: PUB, OUO, RES, CON", show_default=False)]
Purposes = Annotated[
    list[str], typer.Option("--purpose", help="P1 to P9, A1, S1, X1; several times", show_default=False)
]
Areas = Annotated[
    list[str], typer.Option("--area", help="a crime area, as DRG or ENV.WLD; several times", show_default=False)
]


def group() -> typer.Typer:
    app = typer.Typer(no_args_is_help=True, help="Who takes part, and what each may do.")
    app.command("list")(_list)
    app.command("show")(_show)
    app.command("admit")(_admit)
    app.command("rights")(_rights)
    app.command("suspend")(_suspend)
    app.command("reinstate")(_reinstate)
    app.command("pending")(_pending)
    app.command("approve")(_approve)
    return app


def _list(profile: As, json: Json = False) -> None:
    """Everybody, with keys compared with those that follow from genesis."""
    listed = ask(profile, lambda client: client.officer.listing())
    columns = ("id", "name", "tier", "country", "clearance", "status", "keys")
    rows = [
        (*(one.get(name) for name in columns[:-1]), len([k for k in one["keys"] if not k.get("revoked_at")]))
        for one in listed["participants"]
    ]
    title = f"{listed['origin']}, directory {listed['version']}"
    show(json, listed, table(columns, rows, title=title))


def _show(participant: Id, profile: As, json: Json = False) -> None:
    """One participant, with its keys."""
    listed = ask(profile, lambda client: client.officer.listing())
    one = next((p for p in listed["participants"] if p["id"] == participant), None)
    if one is None:
        raise typer.BadParameter(f"there is no participant {participant} here", param_hint="PARTICIPANT")
    facts = [(n, ", ".join(v) if isinstance(v, list) else v) for n, v in one.items() if n != "keys"]
    columns = ("kid", "use", "not_before", "not_after", "revoked_at")
    keys = [tuple(key.get(name) for name in columns) for key in one["keys"]]
    show(json, one, table(("", ""), facts), table(columns, keys, nothing="no keys"))


def _admit(
    enrolment: Annotated[Path, typer.Argument(help="the newcomer's enrolment.json", show_default=False)],
    profile: As,
    clearance: Clearance = "OUO",
    purposes: Purposes = [],  # noqa: B006  typer copies it
    areas: Areas = [],  # noqa: B006
    second: Annotated[
        Path | None,
        typer.Option("--second", help="the other officer's profile, if it is at hand: does all of it at once"),
    ] = None,
    json: Json = False,
) -> None:
    """Propose that a newcomer enters. It takes a second officer's approval; then its keys and rights follow."""
    stated, rights = Enrolment.load(enrolment), Rights(clearance=clearance, purposes=purposes, crime_areas=areas)
    name = stated.identity.participant
    if second is not None:
        ask(profile, lambda one: _introduced(one, second, stated, rights))
        show(json, {"participant": name, "state": "applied"}, f"{name} is admitted, with its keys and its rights.")
        return
    proposed = ask(profile, lambda client: client.officer.admit(stated.identity, stated.officers))
    tell(json, proposed)
    if not json:
        note(f"when it is approved: exchange participant approve {proposed.change} --enrolment {enrolment} --as ...")
        note(f"then its rights: exchange participant rights {name} --clearance {clearance} --purpose ... --area ...")


def _rights(
    participant: Id, profile: As, clearance: Clearance, purposes: Purposes, areas: Areas, json: Json = False
) -> None:
    """Say all that a participant may from now on; `none` for no purpose or area. Two officers widen, one narrows."""
    # All three are asked for: one that is left out would be taken away in silence, and one officer suffices for that.
    rights = Rights(clearance=clearance, purposes=listed(purposes), crime_areas=listed(areas))
    tell(json, ask(profile, lambda client: client.officer.grant(participant, rights)))


def _suspend(
    participant: Id, profile: As, reason: Annotated[str, typer.Option(help="for the record")] = "", json: Json = False
) -> None:
    """Take a participant's rights away at once; one officer suffices."""
    _set_status(profile, participant, "suspended", reason, json)


def _reinstate(
    participant: Id, profile: As, reason: Annotated[str, typer.Option(help="for the record")] = "", json: Json = False
) -> None:
    """Give a suspended participant its rights back; it takes two officers."""
    _set_status(profile, participant, "active", reason, json)


def _pending(profile: As, json: Json = False) -> None:
    """The changes that wait for another officer."""
    waiting = ask(profile, lambda client: client.officer.waiting())
    shown = [
        {"change": w.change.id, "kind": w.change.kind.value, "made_at": w.change.content["made_at"], "signer": w.signer}
        | {"content": _without_texts(w.change.content), "thumbprints": _thumbprints(w.change.content)}
        for w in waiting
    ]
    rows = [(s["change"], s["kind"], s["content"].get("participant"), s["made_at"], _told_briefly(s)) for s in shown]
    columns = ("change", "kind", "participant", "made at", "content")
    show(json, shown, table(columns, rows, nothing="Nothing waits."))


def _approve(
    change: Waiting,
    profile: As,
    enrolment: Annotated[
        Path | None, typer.Option(help="after an admission: carry the newcomer's own keys in, too")
    ] = None,
    json: Json = False,
) -> None:
    """Sign a change that another officer proposed."""
    carried = () if enrolment is None else Enrolment.load(enrolment).changes

    async def approved(client: Client) -> Proposed:
        outcome = await client.officer.approve(change)
        for one in carried if outcome.applied else ():
            await client.officer.carry(one)
        return outcome

    tell(json, ask(profile, approved))


def _set_status(profile: Path, participant: str, status: str, reason: str, json: bool) -> None:
    content: dict[str, Any] = {"participant": participant, "status": status} | ({"reason": reason} if reason else {})
    propose(profile, ChangeKind.STATUS, json, **content)


async def _introduced(one: Client, second: Path, enrolment: Enrolment, rights: Rights) -> None:
    async with Client.open(second) as two:
        await introduce(one, two, enrolment, rights)


def listed(values: list[str]) -> list[str]:
    """What was said several times; `none` says that there is none."""
    return [] if values == ["none"] else values


def _thumbprints(content: Mapping[str, Any]) -> list[str]:
    """Of the keys that a change brings: what an officer compares with its owner before approving."""
    keys = [*content.get("officers", ()), *([content] if "jwk" in content else ())]
    return [jose.public_key(key["jwk"]).kid for key in keys]


def _without_texts(content: Any) -> dict[str, Any]:
    """A change as an officer reads it: a policy set by the names of its files."""
    shown = dict(content)
    if "policy" in shown:
        shown["policy"] = sorted(shown["policy"]["policies"])
    return shown


def _told_briefly(shown: dict[str, Any]) -> str:
    known = {"v", "aud", "id", "made_at", "kind", "participant", "jwk", "officers"}
    told = [f"{name}: {value}" for name, value in shown["content"].items() if name not in known]
    return ", ".join(told + [f"key: {kid}" for kid in shown["thumbprints"]])
