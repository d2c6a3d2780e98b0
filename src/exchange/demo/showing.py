"""One showing of the story, from the founding of its exchange to the line that counts."""

import asyncio
import json
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import IO

from rich.console import Console

from exchange import shipped
from exchange.client import ExchangeError, Refused
from exchange.demo import after, cast, proof, stage, visit
from exchange.demo.narrator import WIDTH, Narrator
from exchange.demo.oversight import Oversight
from exchange.demo.play import Broken, Play, Tally
from exchange.demo.stage import NoStage, Stage
from exchange.demo.story import STORY, Afterwards

_FAILED = 1
_INTERRUPTED = 130


class _Failed(Exception):
    """The text says what was expected, what came, and which rules carry the step."""

    def __init__(self, step: str, says: str) -> None:
        super().__init__(says)
        self.step = step


def run(keep: bool, policies: Path | None, *, as_json: bool = False) -> int:
    """Found, serve, play, verify, clean up; -> the exit code: 0 only if everything came out as the story says.

    policies: the folder of the first policy set; None for the one that ships. keep: leave the exchange running until
    Ctrl-C. The last line is one JSON object with the counts of `Tally`, whatever happens. as_json: it is the only one
    on standard output, and the story is told on the other stream.
    """
    # Whoever stops us, nothing is left behind: what ends the process unwinds it first.
    for told_to_end in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(told_to_end, signal.default_int_handler)
    narrator, tally = Narrator(_console(sys.stderr if as_json else sys.stdout)), Tally()
    try:
        return _show(keep, policies or Path(str(shipped.folder("policies"))), narrator, tally)
    except KeyboardInterrupt:
        return _INTERRUPTED
    finally:
        if as_json:
            sys.stdout.write(f"{_line(tally)}\n")
        else:
            narrator.counts(_line(tally))


def _show(keep: bool, policies: Path, narrator: Narrator, tally: Tally) -> int:
    code = 0
    try:
        with _step("founding and serving the exchange"), stage.built(policies) as built:
            try:
                asyncio.run(_give(built, narrator, tally))
                narrator.came_out()
            except _Failed as failed:
                narrator.broke(failed.step, str(failed))
                code = _FAILED
            if keep:
                narrator.look_around(built.pin.url, visit.ways(built))
                narrator.counts(_line(tally))
                _await_interrupt()
    except _Failed as failed:
        narrator.broke(failed.step, str(failed))
        code = _FAILED
    return code


async def _give(built: Stage, narrator: Narrator, tally: Tally) -> None:
    """The whole evening. Raises _Failed at the first step that does not come out."""
    narrator.opens(built.pin.origin)
    with _step("two officers admit the network"):
        await cast.take_in(built)
    with _step("everybody leaves with a checkpoint that extends the one before"):
        async with cast.at_their_desks(built) as desks:
            with _step("the auditor sees the trail", "R46"):
                oversight = await Oversight.begin(desks[cast.AUDITOR])
                narrator.took_in(await desks[cast.AUDITOR].directory())
            narrator.has_the_auditors_view()
            play = Play(desks=desks, oversight=oversight, narrator=narrator, tally=tally)
            for number, scene in enumerate(STORY, 1):
                narrator.begins(number, scene)
                with _step(scene.name, *scene.carried_by):
                    await (after.perform(play, scene) if isinstance(scene, Afterwards) else play.perform(scene))
            await _prove(built, play)


async def _prove(built: Stage, play: Play) -> None:
    play.narrator.begins_part(
        "Proof",
        "Nobody has to believe the exchange. Recipients verify signatures by keys that they follow from genesis, on a "
        "machine that knows nothing but the pin, and that the trail has these very bytes; senders their receipts, "
        "of what was accepted and of what was refused; the auditor the whole trail.",
    )
    with _step("recipients verify signatures and keys"):
        await proof.recipients(built, play)
    with _step("senders verify their receipts"):
        proof.senders(built, play)
    with _step("the auditor verifies the whole trail"):
        await proof.whole_trail(built, play)


@contextmanager
def _step(name: str, *rules: str) -> Iterator[None]:
    """rules: those that carry the step, named where something fails that has no words for it."""
    try:
        yield
    except Broken as broken:
        raise _Failed(name, f"expected {broken}") from broken
    except ExchangeError as error:
        carried = f"expected {' and '.join(rules)} to carry it; " if rules else ""
        by = f" ({', '.join(error.rules)})" if isinstance(error, Refused) and error.rules else ""
        raise _Failed(name, f"{carried}{error}{by}") from error
    except NoStage as silent:
        raise _Failed(name, str(silent)) from silent


def _console(file: IO[str]) -> Console:
    terminal = Console(file=file)
    width = min(WIDTH, terminal.width) if terminal.is_terminal else WIDTH
    # Nothing is guessed from the text: a subject that a sender chose is shown as it is.
    return Console(file=file, width=width, highlight=False, markup=False, emoji=False)


def _line(tally: Tally) -> str:
    return json.dumps(asdict(tally))


def _await_interrupt() -> None:
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        return
