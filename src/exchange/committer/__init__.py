"""Group commit: many submissions, one writer, one durable transaction for all that is queued.

`committer` is the loop's side, `writer` the thread's, with the steps of a commit; `composing` makes the leaves,
`identity` knows who was here before, `standing` what is in force, `published` what was signed.
"""

from exchange.committer.committer import Committer
from exchange.committer.genesis import found
from exchange.committer.published import Published
from exchange.committer.queue import overloaded
from exchange.committer.standing import load_standing

__all__ = ["Committer", "Published", "found", "load_standing", "overloaded"]
