"""The reader's door: pages of what was released to a participant, single items, threads, and what it sent itself."""

from exchange.inbox.reading import ACKNOWLEDGEMENT_LIMIT, PAGE, PATIENCE, Inbox, Page

__all__ = ["ACKNOWLEDGEMENT_LIMIT", "PAGE", "PATIENCE", "Inbox", "Page"]
