"""Instants: UTC to the microsecond, and the one form in which they are written (RFC 3339 with Z)."""

import re
from datetime import UTC, datetime

from exchange.refusal import Reason, Refusal

# The hours by name: later versions of Python read 24:00 as the next day's midnight, a second way to write it.
_FORM = re.compile(r"\d{4}-\d{2}-\d{2}T([01]\d|2[0-3]):\d{2}:\d{2}(\.\d{1,6})?Z", re.ASCII)


def parse(text: str) -> datetime:
    """`2026-11-22T05:17:00Z`, with up to six decimals -> an aware datetime in UTC.

    Offsets, leap seconds and local times are refused: one instant, one way to write it.
    Raises Refusal(OUT_OF_TIME).
    """
    if not _FORM.fullmatch(text):
        raise Refusal(Reason.OUT_OF_TIME)
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise Refusal(Reason.OUT_OF_TIME) from None


def write(moment: datetime) -> str:
    """An aware datetime -> its text in UTC, with six decimals unless they are all zero."""
    if moment.tzinfo is None:
        raise ValueError("an instant needs its time zone")
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
