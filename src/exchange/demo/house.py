"""The house that the demo plays in: founds a training exchange and serves it, as a process of its own.

`python -m exchange.demo.house FOLDER PORT POLICIES`. The cases of the policies are not run: the story is the test.
"""

import os
import signal
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

from exchange import founding, main
from exchange.refusal import Refusal
from exchange.settings import Misconfigured, Settings

ORIGIN = "exchange.example/training"


def open_house(folder: Path, port: int, policies: Path) -> None:
    """Found and serve, until told to stop. Raises what these raise."""
    charter = founding.Charter(
        origin=ORIGIN,
        public_url=f"http://127.0.0.1:{port}",
        database=f"sqlite:///{folder / 'exchange.db'}",
        training=True,
        operator="Operator of the training exchange",
        country="XXZ",
        policies=founding.read_policies(policies),
        skip_cases=True,
    )
    founding.found(folder, charter, now=datetime.now(UTC))
    main.serve(Settings.load(folder, host="127.0.0.1", port=port))


def _end_with_the_demo() -> None:
    """Standard input is the demo's end of a pipe; it closes when the demo is gone, however it went."""
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)


def _main() -> int:
    folder, port, policies = sys.argv[1:]
    threading.Thread(target=_end_with_the_demo, daemon=True).start()
    try:
        open_house(Path(folder), int(port), Path(policies))
    except Misconfigured as wrong:
        return _said(str(wrong))
    except Refusal as refusal:
        return _said("; ".join([refusal.reason.says, *(f"{fault.path} {fault.says}" for fault in refusal.faults)]))
    return 0


def _said(why: str) -> int:
    sys.stderr.write(f"{why}\n")
    return 1


if __name__ == "__main__":
    sys.exit(_main())
