"""A founded exchange and its gateway, for these tests."""

from tests.gateway import founded, founding, running

__all__ = ["founded", "founding", "running"]
