"""The sender's door: messages posted, and what posting one would come to."""

from exchange.intake.posting import Accepted, Intake, Preview

__all__ = ["Accepted", "Intake", "Preview"]
