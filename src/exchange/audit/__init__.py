"""The whole trail, checked entry by entry against a signed checkpoint. Needs nothing of a server."""

from exchange.audit.auditor import Auditor
from exchange.audit.decided import Decided, Deciding, DecidingAgain, released_by
from exchange.audit.entry import Entry, Finding, Opening, Report

__all__ = ["Auditor", "Decided", "Deciding", "DecidingAgain", "Entry", "Finding", "Opening", "Report", "released_by"]
