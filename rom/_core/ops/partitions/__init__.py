"""Operations on models whose rows are divided among partitions (`rom.Shards`)."""
