"""Sharding: groups of models over many partitions, each in a hash slot of its own."""
