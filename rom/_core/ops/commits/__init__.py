"""Commits: the operations that write all changes of a session, or none."""
