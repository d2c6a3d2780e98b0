"""Gateways that start at once: a process that has imported everything forks one for each that is asked for.

Each is a process of its own, serves a real socket and dies alone. Only the time that Python takes to import is saved,
and tests that start twenty gateways would spend most of their time on it.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.error import URLError
from urllib.request import urlopen

from tests.serving import Served

WITHIN = 60.0  # seconds to start or to end: against hanging only

SAFE, ANSWERS_BEFORE_THE_COMMIT, RELEASES_TO_ALL = "safe", "answers-before-the-commit", "releases-to-all"
FORGETS_WHAT_WAS_DONE = "forgets-what-was-done"


class Warm:
    """Starts gateways, and has none left when it is closed."""

    def __init__(self) -> None:
        self._parent = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.warm"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._running: dict[int, int] = {}  # port -> process

    def start(self, served: Served, variant: str = SAFE) -> None:
        """Returns once it answers. Raises RuntimeError with what it wrote, if it does not."""
        assert self._parent.stdin is not None  # asked for
        assert self._parent.stdout is not None
        log = served.folder / "served.log"
        wanted = {"folder": str(served.folder), "port": served.port, "log": str(log), "variant": variant}
        self._parent.stdin.write(json.dumps(wanted | {"environment": dict(served.environment)}) + "\n")
        self._parent.stdin.flush()
        pid = self._running[served.port] = int(self._parent.stdout.readline())
        until = time.monotonic() + WITHIN
        while time.monotonic() < until and _lives(pid):
            try:
                urlopen(f"http://127.0.0.1:{served.port}/readyz", timeout=5).close()
                return
            except (URLError, OSError):
                time.sleep(0.02)
        self.kill(served)
        raise RuntimeError(log.read_text()[-4000:])

    def kill(self, served: Served) -> None:
        """No word to it."""
        self._end(served, signal.SIGKILL)

    def stop(self, served: Served) -> None:
        """In good order."""
        self._end(served, signal.SIGTERM)

    def close(self) -> None:
        assert self._parent.stdin is not None  # asked for
        for pid in self._running.values():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._parent.stdin.close()
        self._parent.wait(WITHIN)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _end(self, served: Served, how: signal.Signals) -> None:
        pid = self._running.pop(served.port)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, how)
        until = time.monotonic() + WITHIN
        while _lives(pid):
            if time.monotonic() > until:
                raise RuntimeError(f"the gateway on port {served.port} does not end")
            time.sleep(0.01)


def _lives(pid: int) -> bool:
    """Its parent reaps nothing, so that the system does at once."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _serve(folder: Path, port: int, variant: str) -> None:
    from exchange import main
    from exchange.settings import Settings

    if variant == ANSWERS_BEFORE_THE_COMMIT:
        _answer_before_the_commit()
    if variant == RELEASES_TO_ALL:
        _release_to_all()
    if variant == FORGETS_WHAT_WAS_DONE:
        _forget_what_was_done()
    main.serve(Settings.load(folder, port=port))


def _answer_before_the_commit() -> None:
    """What must never be: whoever waits is told that all is durable, and then it is made so."""
    from exchange.committer.writer import Answers, Writer, _Batch
    from exchange.store import Transaction

    safe_attempt, safe_commit = Writer._attempt, Transaction.commit

    def unsafe_attempt(writer: Writer, batch: _Batch) -> Answers:
        def unsafe_commit(transaction: Transaction) -> None:
            if batch.sent is not None:
                writer.answer(writer._proven(batch.sent))
                time.sleep(0.05)
            safe_commit(transaction)

        setattr(Transaction, "commit", unsafe_commit)  # noqa: B010  the type checker is right to object
        return safe_attempt(writer, batch)

    setattr(Writer, "_attempt", unsafe_attempt)  # noqa: B010


def _release_to_all() -> None:
    """What an auditor has to find: whoever is addressed gets it, in the name of a policy that says otherwise."""
    from exchange.policy import Answer, Decision, Door, PolicySet
    from exchange.refusal import Reason

    safe_decide = PolicySet.decide
    released = Decision(outcome=Answer.CONTENT, rules=("addressee",), told=(), reason=Reason.DENIED, steps=())

    def decide(policy: PolicySet, door: Door, *facts: Any) -> Decision:
        return released if door is Door.READ else safe_decide(policy, door, *facts)

    def decide_all(policy: PolicySet, door: Door, resource: Any, askers: Any) -> Any:
        return dict.fromkeys(askers, released)

    setattr(PolicySet, "decide", decide)  # noqa: B010  the type checker is right to object
    setattr(PolicySet, "decide_all", decide_all)  # noqa: B010


def _forget_what_was_done() -> None:
    """What is done to an item does not set aside what was decided by it before."""
    from exchange.committer import writer

    setattr(writer, "_overtaken", lambda *_: {})  # noqa: B010  the type checker is right to object


def _main() -> None:
    import exchange.main  # noqa: F401  once, for all that are forked

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        wanted = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _become(wanted)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


def _become(wanted: dict[str, Any]) -> None:
    """A gateway, until its end."""
    out = os.open(wanted["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for stream in (1, 2):
        os.dup2(out, stream)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.environ.update(wanted["environment"])
    code = 1
    try:
        _serve(Path(wanted["folder"]), int(wanted["port"]), wanted["variant"])
        code = 0
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        sys.stdout.flush()
        os._exit(code)


if __name__ == "__main__":
    _main()
