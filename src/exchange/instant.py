"""Instants: UTC to the microsecond, and the one form in which they are written (RFC 3339 with Z)."""

import re
from datetime import UTC, datetime

from exchange.refusal import Reason, Refusal

_FORM = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?Z", re.ASCII)


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
    utc = moment.astimezone(UTC)
    form = "%Y-%m-%dT%H:%M:%S.%fZ" if utc.microsecond else "%Y-%m-%dT%H:%M:%SZ"
    return utc.strftime(form)
