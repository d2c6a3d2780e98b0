"""An exchange of one's own: `init`, `serve` and `demo`. They run the server, and import it only when they are asked."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from exchange.cli.options import Json, server_modules
from exchange.cli.screen import USAGE, Failed, show, table

Folder = Annotated[Path, typer.Argument(help="the exchange's folder", show_default=False)]


def add_commands(app: typer.Typer) -> None:
    app.command("init")(_init)
    app.command("serve")(_serve)
    app.command("demo")(_demo)


@contextmanager
def operating() -> Iterator[None]:
    """Import and run parts of the server, and have what they find wrong told like any other error."""
    with server_modules():
        from exchange.migrations import NotMigrated
        from exchange.settings import Misconfigured
        from exchange.store.faults import StoreFault, Tampered, Unavailable
    try:
        yield
    except Misconfigured as wrong:
        raise Failed("MISCONFIGURED", str(wrong), "mend it and try again", exit=USAGE) from None
    except Tampered as wrong:
        raise Failed("TAMPERED", str(wrong), "touch nothing more; `exchange trail verify` says where", exit=4) from None
    except (Unavailable, NotMigrated) as wrong:
        raise Failed("STORE_UNAVAILABLE", str(wrong), "see that the database runs and try again", exit=3) from None
    except StoreFault as wrong:
        raise Failed("STORE_UNFIT", str(wrong), "mend the database or its address", exit=USAGE) from None


def _init(
    folder: Folder,
    origin: Annotated[
        str, typer.Option(help="the exchange's name for ever, as exchange.example/training", show_default=False)
    ],
    training: Annotated[bool, typer.Option("--training", help="carries exercises only; plain http is allowed")] = False,
    url: Annotated[str, typer.Option(help="its public address")] = "http://127.0.0.1:8700",
    database: Annotated[
        str, typer.Option(help="postgresql://... ; SQLite in the folder if not said", show_default=False)
    ] = "",
    operator_name: Annotated[str, typer.Option(help="the operator, as people read it")] = "Operator",
    operator_country: Annotated[str, typer.Option(help="three letters")] = "UTO",
    policies: Annotated[
        Path | None, typer.Option(help="a folder with the first policy set; the shipped one if not said")
    ] = None,
    skip_cases: Annotated[
        bool, typer.Option("--skip-cases", help="take the policies without running their cases (training only)")
    ] = False,
    json: Json = False,
) -> None:
    """Found an exchange: its folder, secrets, database, two officers of the operator, and the first leaf."""
    with operating():
        from exchange import founding

        source = policies or _shipped_policies()
        charter = founding.Charter(
            origin=origin,
            public_url=url.rstrip("/"),
            database=database or f"sqlite:///{folder.absolute() / 'exchange.db'}",
            training=training,
            operator=operator_name,
            country=operator_country,
            policies=founding.read_policies(source),
            skip_cases=skip_cases,
        )
        pin = founding.found(folder, charter, now=datetime.now(UTC))
    made = {
        "folder": str(folder),
        "pin": str(folder / "pin.json"),
        "officers": [str(folder / "officers" / name) for name in founding.OFFICERS],
        "url": pin.url,
        "origin": pin.origin,
        "trail_key": pin.trail_key,
        "genesis": pin.genesis,
    }
    show(
        json,
        made,
        table(("", ""), [(name, value) for name, value in _rows(made)]),
        "Hand pin.json to participants on a way that they trust, keep secrets/ and the officers' keys apart, then:",
        f"  exchange serve {folder}",
    )


def _serve(
    folder: Folder,
    host: Annotated[str | None, typer.Option(help="the address to listen on", show_default=False)] = None,
    port: Annotated[int | None, typer.Option(help="the port to listen on; 0 for any", show_default=False)] = None,
    json: Annotated[
        bool, typer.Option("--json", help="the line that says where as JSON, like those of the log")
    ] = False,
) -> None:
    """Serve an exchange until told to stop. Writes a line that says where, then its log as JSON lines."""
    with operating():
        from exchange import main
        from exchange.settings import Settings

        said: dict[str, Any] = {"host": host, "port": port}
        settings = Settings.load(folder, **{name: value for name, value in said.items() if value is not None})
        main.serve(settings, as_json=json)


def _demo(
    keep: Annotated[
        bool, typer.Option("--keep", help="leave the exchange running, and say how to look around")
    ] = False,
    policies: Annotated[
        Path | None, typer.Option(help="a folder with the policy set to play it with; the shipped one if not said")
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="the counts alone on standard output; the story on the other stream")
    ] = False,
) -> None:
    """Play a story on an exchange of its own: messages released, withheld, refused, and all of it proven."""
    if keep and json:
        raise typer.BadParameter("--keep says in words how to look around: leave --json out")
    with operating():
        from exchange import demo

        code = demo.run(keep=keep, policies=policies, as_json=json)
    raise typer.Exit(code)


def _shipped_policies() -> Path:
    from exchange import shipped

    return Path(str(shipped.folder("policies")))


def _rows(made: dict[str, Any]) -> list[tuple[str, str]]:
    return [(name, ", ".join(value) if isinstance(value, list) else str(value)) for name, value in made.items()]
