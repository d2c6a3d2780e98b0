"""What people see: tables and short words on the terminal, or one JSON document; and each error in two lines.

What comes from other participants is shown as text and never as commands to the terminal: control characters and
those that turn the direction of text are replaced, whatever a sender put into a subject.
"""

import json
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from exchange.client import ExchangeError, ProfileWrong, Refused, Unproven, Unreachable
from exchange.refusal import Fault, Refusal

OK, REFUSED, USAGE, UNREACHABLE, UNPROVEN = range(5)

EXIT_CODES = (
    "Exit codes: 0 done; 1 refused, or a check failed; 2 wrong usage, profile or settings; "
    "3 the exchange does not answer; 4 something does not prove itself."
)

# Category Cc but newline and tab, and the characters that turn text (Unicode TR 9).
_DANGEROUS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


_NO_TERMINAL = 160  # columns


class Failed(Exception):
    """An error of a command, told like a client's. exit: one of the codes above."""

    def __init__(self, code: str, says: str, mend: str, *, exit: int) -> None:
        super().__init__(says)
        self.code = code
        self.mend = mend
        self.exit = exit


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """An error as it is told. says and mend: a line each."""

    code: str
    says: str
    mend: str
    exit: int
    ticket: str | None = None
    rules: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()

    def document(self) -> dict[str, Any]:
        told: dict[str, Any] = {"reason": self.code, "says": self.says, "mend": self.mend, "exit": self.exit}
        if self.ticket:
            told["ticket"] = self.ticket
        if self.rules:
            told["rules"] = list(self.rules)
        if self.faults:
            told["faults"] = [{"path": fault.path, "says": fault.says} for fault in self.faults]
        return {"error": told}


def plain(text: object) -> Text:
    """Text that a terminal shows as it is: no markup, no control characters."""
    return Text(_DANGEROUS.sub("\N{MIDDLE DOT}", str(text)))


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = "", nothing: str = "") -> Any:
    """A table, or the words of `nothing` where it would have no rows."""
    made = Table(
        title=title or None,
        title_justify="left",
        header_style="bold",
        show_header=any(columns),
        box=None,
        pad_edge=False,
    )
    for column in columns:
        # Names and keys are to be copied: rather broken over lines than cut short.
        made.add_column(column, overflow="fold")
    for row in rows:
        made.add_row(*(cell if isinstance(cell, Text) else plain("" if cell is None else cell) for cell in row))
    return made if made.row_count or not nothing else Text(nothing)


def show(as_json: bool, document: Any, *what: RenderableType) -> None:
    """The command's answer: `document` where JSON is asked for, else the rest, one below the other."""
    if as_json:
        # ASCII only: what JSON leaves unescaped beyond it may still be a command to some terminal.
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
        return
    console = _console()
    for one in what:
        console.print(plain(one) if isinstance(one, str) else one)


def _console() -> Console:
    """As wide as the terminal; wide enough for an item a line where there is none."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_NO_TERMINAL)


def note(text: str) -> None:
    """A remark beside the answer, on standard error."""
    Console(stderr=True, soft_wrap=True, highlight=False).print(plain(f"note: {text}"), style="dim")


def report(error: Exception, *, as_json: bool) -> int:
    """Tell an error, and -> the exit code for it."""
    trouble = _trouble(error)
    if as_json:
        show(True, trouble.document())
        return trouble.exit
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    head = Text(trouble.code, style="bold red").append(": ", style="not bold").append(plain(trouble.says))
    if trouble.rules:
        head.append(f" (by {', '.join(trouble.rules)})", style="not bold")
    console.print(head)
    for fault in trouble.faults:
        console.print(plain(f"  {fault.path or '/'} {fault.says}"))
    tail = f"{trouble.mend}. Ticket {trouble.ticket}" if trouble.ticket else trouble.mend
    console.print(plain(tail))
    return trouble.exit


def report_usage(wrong: Any, *, as_json: bool) -> int:
    """Tell what the command's own parser says of its words."""
    if as_json:
        mend = "see `exchange --help`, and that of the command"
        return report(Failed("USAGE", wrong.format_message(), mend, exit=USAGE), as_json=True)
    wrong.show()
    return USAGE


def _trouble(error: Exception) -> Trouble:
    match error:
        case Refused():
            return Trouble(
                code=error.reason,
                says=error.says,
                mend=error.mend,
                exit=REFUSED,
                ticket=error.ticket,
                rules=error.rules,
                faults=error.faults,
            )
        case Refusal():
            return _trouble(Refused.here(error))
        case Failed():
            return Trouble(code=error.code, says=str(error), mend=error.mend, exit=error.exit)
        case ExchangeError():
            return Trouble(code=error.code, says=str(error), mend=error.mend, exit=_EXITS[_kind(error)])
        case OSError():
            # A file of ours or the user's: what the network does to a client is Unreachable.
            says = f"{error.filename}: {error.strerror}" if error.filename else str(error)
            return Trouble(code="FILE_WRONG", says=says, mend="see to that file or folder, and try again", exit=USAGE)
        case _:
            raise error


_EXITS: dict[type[ExchangeError], int] = {
    ProfileWrong: USAGE,
    Unreachable: UNREACHABLE,
    Unproven: UNPROVEN,
    ExchangeError: REFUSED,
}


def _kind(error: ExchangeError) -> type[ExchangeError]:
    return next(kind for kind in _EXITS if isinstance(error, kind))
