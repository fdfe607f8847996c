"""Commits: what is written at once, or not at all."""
