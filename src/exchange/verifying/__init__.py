"""Signatures, many at a time, in processes beside ours.

`verifier` is the loop's side, `beside` the loop's end of one such process, `process` what runs in it.
"""

from exchange.verifying.verifier import Verifier

__all__ = ["Verifier"]
