"""The URL shortener with FastAPI."""
