"""The embedded server: found, started, shared and ended."""
