"""Helpers that know nothing of models: lazy imports, the clock, warnings."""
