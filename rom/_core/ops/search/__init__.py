"""Searches: the operations that answer queries, and the results made of their replies."""
