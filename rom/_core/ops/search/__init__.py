"""Searches: the calls that answer a query, and what is made of their replies."""
