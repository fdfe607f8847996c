"""Writes: the changes of rows, planned as index entries and values. Pure."""
