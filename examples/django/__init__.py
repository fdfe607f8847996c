"""The URL shortener with Django."""
