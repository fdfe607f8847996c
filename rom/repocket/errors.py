"""The errors that only records have; all others are those of :mod:`rom.exceptions`."""

from __future__ import annotations

from rom.exceptions import ColumnError, InvalidColumnValue, InvalidOperation, QueryError


class RepocketActiveRecordDefinitionError(ColumnError):
    """A class body that makes no model: two AutoUUIDs, a name that a record has already."""


class RepocketReferenceError(InvalidOperation, ReferenceError):
    """A pointer to a record that was not saved, or whose class the program has not imported."""


class RepocketUnknownField(InvalidColumnValue, QueryError, AttributeError):
    """A model has no attribute of that name."""
