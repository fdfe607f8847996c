"""Index entries: those that a row implies, and those of many rows by key. Pure."""
