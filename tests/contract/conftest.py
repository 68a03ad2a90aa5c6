"""Bare connections, as end-to-end tests have them."""

from e2e.conftest import connect, stranger, wire

__all__ = ["connect", "stranger", "wire"]
