"""The embedded server: a Redis or Valkey server that the program starts, for ``embedded:`` URLs."""

from rom._core.embedded.binaries import find_binary
from rom._core.embedded.server import EmbeddedServer, open_server

__all__ = ['EmbeddedServer', 'find_binary', 'open_server']
