"""Shards: commits and unique values of a model that is divided among partitions."""
