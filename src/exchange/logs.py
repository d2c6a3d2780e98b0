"""The log: JSON lines for operators, without content. What happened to messages stands in the trail, not here."""

import json
import logging
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any


def as_json_lines() -> None:
    """Have this process log to standard error, one JSON object a line."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


class _JsonLines(logging.Formatter):
    """One JSON object a line. Only what the code says by name: no request line, no body, no header."""

    _NAMED = ("reason", "ticket", "count", "size", "at")

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "log": record.name,
            "says": record.getMessage(),
        }
        line |= {name: getattr(record, name) for name in self._NAMED if hasattr(record, name)}
        if record.exc_info:
            # Types and places only: an exception's text may quote what it choked on.
            kind, _, trace = record.exc_info
            line["fault"] = kind.__name__ if kind else ""
            line["where"] = _places(trace)
        return json.dumps(line)


def _places(trace: TracebackType | None) -> list[str]:
    places = []
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append(f"{Path(code.co_filename).name}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return places[-12:]
