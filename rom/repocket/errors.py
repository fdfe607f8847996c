"""Errors that only records raise; all others are in :mod:`rom.exceptions`."""

from __future__ import annotations

from rom.exceptions import ColumnError, InvalidColumnValue, InvalidOperation, QueryError


class RepocketActiveRecordDefinitionError(ColumnError):
    """A class body that cannot be a model: it has two AutoUUIDs, or a name that records use."""


class RepocketReferenceError(InvalidOperation, ReferenceError):
    """A pointer to a record that is not saved, or whose class the program has not imported."""


class RepocketUnknownField(InvalidColumnValue, QueryError, AttributeError):
    """A name that is not an attribute of the model."""
