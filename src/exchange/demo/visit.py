"""How to look around on an exchange that the demo left running: commands that work as they are printed."""

import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from exchange.demo.cast import AUDITOR
from exchange.demo.stage import Stage


def ways(stage: Stage) -> Iterator[tuple[str, str]]:
    """What it shows, and the command."""
    for says, who, command in (
        ("what Rome got, each item verified", "ncb-ita", "inbox"),
        ("what Paris sent", "ncb-fra", "sent"),
        ("who takes part, with keys that follow from genesis", "agy-drugs", "participant list"),
        ("who would get a message, before it is sent", "ncb-fra", _MESSAGE.format("preview")),
        ("send it; then look into Rome's inbox again", "ncb-fra", _MESSAGE.format("send")),
        ("see Wiesbaden being refused, with the rule", "ncb-deu", f"{_MESSAGE.format('send')} {_RESTRICTED}"),
        ("what the auditor sees of messages", AUDITOR, "trail show --after 0 --event message.accepted"),
        ("the whole trail, recomputed", AUDITOR, "trail verify"),
        ("whether all is well with a profile", "ncb-bra", "doctor"),
    ):
        yield says, f"{_program()} {command} --as {shlex.quote(str(stage.profile_of(who)))}"


_MESSAGE = "{} --to all --releasable ALL_MINUS:BRA --subject 'A try' --text 'Is this thing on?'"
_RESTRICTED = "--classification RES --purpose P3"


def _program() -> str:
    """How this environment's `exchange` is called from where we are."""
    installed = Path(sys.executable).with_name("exchange")
    found = shutil.which("exchange")
    if found is not None and Path(found) == installed:
        return "exchange"
    here = Path.cwd()
    return shlex.quote(str(installed.relative_to(here) if installed.is_relative_to(here) else installed))
