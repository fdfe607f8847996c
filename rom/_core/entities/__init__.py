"""Entities: their state and life cycle, the metaclass of models, pickling."""
