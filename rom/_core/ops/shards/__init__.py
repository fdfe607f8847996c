"""Shards: reads and commits of models that are divided among partitions (`rom.Shards`)."""
