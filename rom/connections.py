"""Connections of models: the default one, and what counts as one connection."""

from rom._core.drivers.connections import connect
from rom._core.drivers.server_identity import server_of

__all__ = ['connect', 'server_of']
