"""The client's clock: the machine's, corrected by what the exchange's answers say."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

_log = logging.getLogger("exchange.client")

WARN_ABOVE = timedelta(seconds=30)

# `Date` has whole seconds: a smaller difference than this is as likely ours as its rounding's.
_ROUNDING = timedelta(seconds=2)


def machine() -> datetime:
    return datetime.now(UTC)


class Clock:
    """Tells the exchange's time, as near as `Date` headers tell it."""

    def __init__(self, local: Callable[[], datetime] = machine) -> None:
        self._local = local
        self._warned = False
        self.offset = timedelta(0)

    def now(self) -> datetime:
        return self._local() + self.offset

    def correct(self, date: str | None) -> None:
        """date: the `Date` of an answer that has just come. Warns once when the machine is more than 30 s off."""
        try:
            theirs = parsedate_to_datetime(date or "").astimezone(UTC) + timedelta(milliseconds=500)
        except ValueError:
            return
        difference = theirs - self._local()
        self.offset = difference if abs(difference) > _ROUNDING else timedelta(0)
        if abs(difference) > WARN_ABOVE and not self._warned:
            self._warned = True
            _log.warning("this machine's clock is %.0f s off; times are corrected by the exchange's", self.seconds_off)

    @property
    def seconds_off(self) -> float:
        return self.offset.total_seconds()
