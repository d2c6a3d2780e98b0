"""The command line: `exchange ...`. Each group of commands has its file; this one puts them together."""

import logging
import sys

import typer

from exchange.cli import (
    agreements,
    control,
    doctor,
    enrolling,
    entities,
    groups,
    keys,
    messages,
    participants,
    passing,
    policies,
    reading,
    screen,
    serving,
    trails,
)
from exchange.cli.screen import EXIT_CODES

_HELP = f"""Signed, classified messages to everyone who may have them, with proof.

Say who you are by --as FOLDER or by the variable EXCHANGE_PROFILE; ask for JSON by --json.

{EXIT_CODES}"""

# What its parser raises is of the same family, whichever parser typer was built upon.
_WrongUsage: type[Exception] = typer.BadParameter.__bases__[0]


def application() -> typer.Typer:
    """All commands, in the order in which a newcomer meets them."""
    app = typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"max_content_width": 110},
    )
    app.callback(help=_HELP)(_nothing)
    serving.add_commands(app)
    enrolling.add_commands(app)
    messages.add_commands(app)
    reading.add_commands(app)
    control.add_commands(app)
    passing.add_commands(app)
    app.add_typer(participants.group(), name="participant")
    app.add_typer(entities.group(), name="entity")
    app.add_typer(agreements.group(), name="agreement")
    app.add_typer(groups.group(), name="group")
    app.add_typer(keys.group(), name="key")
    app.add_typer(policies.group(), name="policy")
    app.add_typer(trails.group(), name="trail")
    doctor.add_commands(app)
    return app


def main() -> None:
    """The entry point. Ends the process with one of the codes that `--help` lists; no command shows a traceback for
    what can be foreseen.
    """
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="note: %(message)s")
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """-> the exit code."""
    # Looked for in the words themselves, for the command may have failed before it read them.
    as_json = "--json" in arguments
    try:
        code = application()(args=arguments, prog_name="exchange", standalone_mode=False)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else screen.USAGE
    except _WrongUsage as wrong:
        return screen.report_usage(wrong, as_json=as_json)
    except Exception as error:  # told as what can be foreseen, and raised again where it is none of that
        return screen.report(error, as_json=as_json)
    return code if isinstance(code, int) else screen.OK


def _nothing() -> None:
    """The commands below do the work."""
