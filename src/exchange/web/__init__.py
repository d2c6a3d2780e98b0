"""HTTP, and nothing else: requests become calls of the doors, their answers become responses."""

from exchange.web.app import Doors, create_app

__all__ = ["Doors", "create_app"]
