"""The drivers: the only files that talk to a server."""
