"""The auditors' door: the trail itself, its proofs, and what was turned away."""

from exchange.trail.entries import Trail
from exchange.trail.refusals import Refusals

__all__ = ["Refusals", "Trail"]
