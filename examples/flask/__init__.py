"""The URL shortener with Flask."""
