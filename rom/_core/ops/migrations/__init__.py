"""Running migrations: their records, and the batches that carry them out."""
