"""Tells the story as it happens: plain lines that read the same on a terminal and in a log."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from exchange.client import Outcome, Preview, Refused, Sent
from exchange.demo.cast import CAST
from exchange.demo.oversight import Decided
from exchange.demo.story import Scene
from exchange.label import DUTIES
from exchange.participant import Directory

WIDTH = 100


class Narrator:
    """console: where it is told. It shows no content but what the story itself brought along."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def opens(self, origin: str) -> None:
        self._say(
            Rule(
                Text("The Exchange: messages end to end, and after they were sent", style="bold"),
                characters="=",
                style="none",
            )
        )
        self._say(
            f"A training exchange, {origin}, was founded in a temporary folder and is served on a loopback port. "
            "Everything below goes over its HTTP interface; every person and every case is invented."
        )

    def took_in(self, directory: Directory) -> None:
        self._say(
            "Its two officers admit the network, each change signed by both; entities, their own bureau:", above=1
        )
        table = _grid(4, 16, 6, 5)
        for role in CAST:
            own = directory.participants[role.id]
            clearance = f"cleared {role.rights.clearance}" if role.rights.purposes else "sees the trail, no content"
            table.add_row("", own.id, own.tier.value, own.country, f"{role.identity.name}, {clearance}")
        self._say(table)

    def has_the_auditors_view(self) -> None:
        self._say(
            "The narrator sees what the auditor sees: every decision with its rules, for every recipient. "
            "No participant is told as much. It is said below what the sender is told.",
            above=1,
        )

    def begins(self, number: int, scene: Scene) -> None:
        self.begins_part(f"{number}  {scene.name}", scene.tells)

    def begins_part(self, title: str, tells: str) -> None:
        self._console.print()
        self._say(Rule(Text(title, style="bold"), align="left", characters="-", style="none"))
        self._say(tells, indent=4)
        self._console.print()

    def previewed(self, sender: str, preview: Preview) -> None:
        told = _told(preview.recipients)
        self._lines([("asks first", f"{sender}: {preview.outcome}, {told}")])

    def sent(
        self, document: Mapping[str, Any], decided: Mapping[str, Decided], sent: Sent, says: Callable[[str], str]
    ) -> None:
        label = document["label"]
        lines = [
            ("sends", f"{document['sender']} to {_addressed(document['recipients'])}, {label['classification']}"),
            ("", f'"{document["subject"]}"'),
            ("got it", ", ".join(who for who, found in sorted(decided.items()) if found.released) or "nobody"),
        ]
        for who, found in sorted(decided.items()):
            if not found.released:
                reasons = "; ".join(f"{rule} {says(rule)}" for rule in found.rules)
                lines.append(("did not", f"{who}: {reasons}"))
        told = {one.participant for one in sent.routing}
        rest = "; of nobody else anything" if decided.keys() - told else ""
        lines.append(("is told", f"{document['sender']}: {_told(sent.routing)}{rest}"))
        lines += [("owes", f"{code}: {DUTIES[code]}") for code in sent.duties]
        lines.append(
            ("receipt", f"position {sent.position} of the trail, in a tree of {sent.verified.checkpoint.size}")
        )
        self._lines(lines)

    def refused(self, poster: str, refused: Refused) -> None:
        rules = f" ({', '.join(refused.rules)})" if refused.rules else ""
        lines = [
            ("posts", poster),
            ("refused", f"{refused.status} {refused.reason}{rules}: {refused.says}"),
            ("to mend it", refused.mend),
            ("reached", "nobody; the refusal is an entry of the trail, with a receipt for it"),
        ]
        self._lines(lines)

    def recalled(self, source: str, sent: Sent, unopened: Sequence[str]) -> None:
        lines = [
            ("takes back", f"{source}, its own item"),
            ("are told", ", ".join(sent.released) or "nobody"),
            ("never knew", ", ".join(unopened) or "nobody"),
            ("receipt", f"position {sent.position} of the trail: no page behind it has the item"),
        ]
        self._lines(lines)

    def asked(self, asker: str, source: str, given: Sent) -> None:
        lines = [
            ("asks", f"{asker} asks {source}, its source"),
            ("answered", f"{source}: yes, for a day ({given.item})"),
        ]
        self._lines(lines)

    def passed_on(self, by: str, to: str, source: str) -> None:
        lines = [("passes on", f"{by} to {to}"), ("got it", f"{to}: the words of {source}, under its own signature")]
        self._lines(lines)

    def retried(self, poster: str, again: Sent) -> None:
        fresh = "a new receipt" if again.new else "the receipt of the first time"
        self._lines([("posts", f"{poster}, the same bytes"), ("answered", f"{fresh}: position {again.position}")])

    def verified(self, who: str, what: str) -> None:
        self._lines([(who, what)], width=16)

    def broke(self, step: str, says: str) -> None:
        """Among the last lines: the step, and the rule that carries it."""
        self._console.print()
        self._say(Text(f'step "{step}" did not come out: {says}', style="bold"))

    def came_out(self) -> None:
        self._say(Text("Everything came out as the story says.", style="bold"), above=1)

    def look_around(self, url: str, commands: Iterable[tuple[str, str]]) -> None:
        self._console.print()
        self._say(
            f"The exchange runs at {url} until Ctrl-C; then it is gone with all its files. From another terminal:"
        )
        for says, command in commands:
            self._console.print(f"\n    # {says}")
            # Never folded: it is there to be copied.
            self._console.print(f"    {command}", soft_wrap=True)

    def counts(self, line: str) -> None:
        self._console.print(f"\n{line}", soft_wrap=True)

    def _lines(self, lines: Sequence[tuple[str, str]], *, width: int = 11) -> None:
        table = _grid(4, width)
        for word, text in lines:
            table.add_row("", word, Text(text))
        self._say(table)

    def _say(self, what: RenderableType, *, indent: int = 0, above: int = 0) -> None:
        with self._console.capture() as written:
            self._console.print(Padding(what, (above, 0, 0, indent)))
        # Whoever reads this in a log has no use for the blanks with which rich fills its lines.
        self._console.file.writelines(f"{line.rstrip()}\n" for line in written.get().splitlines())


def _grid(*widths: int) -> Table:
    """Columns of these widths, and one for the rest."""
    grid = Table.grid(expand=True)
    for width in widths:
        grid.add_column(width=width, no_wrap=True)
    grid.add_column(ratio=1)
    return grid


def _addressed(recipients: Sequence[Mapping[str, Any]]) -> str:
    words = []
    for recipient in recipients:
        match recipient:
            case {"participant": id}:
                words.append(str(id))
            case {"country": code}:
                words.append(f"everybody in {code}")
            case {"group": code}:
                words.append(f"everybody in {code}")
            case {"tier": tier}:
                words.append(f"all of tier {tier}")
            case _:
                words.append("everybody")
    return " and ".join(words)


def _told(routing: Sequence[Outcome]) -> str:
    released = ", ".join(one.participant for one in routing if one.outcome == "released")
    told = [f"released to {released or 'nobody'}"]
    told += [
        f"withheld from {one.participant}" + (f" ({one.rule})" if one.rule else "")
        for one in routing
        if one.outcome != "released"
    ]
    return "; ".join(told)
