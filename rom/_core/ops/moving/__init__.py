"""Moving: the rows of a model without partitions are moved into those of a group."""
