"""Attribute for datetimes."""

from __future__ import annotations

import datetime as dt
from typing import Any

from rom._core import columns
from rom.repocket.attributes.base import Attribute, text_from


class DateTime(Attribute):
    """Attribute of datetimes, stored as ISO 8601. Comparisons treat naive datetimes as UTC.

    Args:
        auto_now: set it to the current time at each save, as a naive datetime in UTC.
        null: None is a valid value.
        default: the value of new records that get none, or a function that makes it.
        index: keep an index, by which ``filter`` and ``get_by`` find records.
        unique: refuse a value that another record has.

    Example::

        started_at = attributes.DateTime()
    """

    base_type = dt.datetime
    empty = None
    has_null_words = True
    is_ordered = True

    def __init__(
        self,
        auto_now: bool = False,
        null: bool = False,
        default: Any = None,
        *,
        index: bool = False,
        unique: bool = False,
    ) -> None:
        super().__init__(null, default, index=index, unique=unique)
        self.auto_now = bool(auto_now)

    def _cast(self, value: Any) -> dt.datetime:
        if isinstance(value, dt.datetime):
            return value
        if isinstance(value, (str, bytes)):
            return dt.datetime.fromisoformat(text_from(value))
        self.refuse(value, 'a datetime or ISO 8601 text')

    def _write(self, value: dt.datetime) -> bytes:
        return value.isoformat().encode('ascii')

    def _read(self, text: bytes) -> dt.datetime:
        return dt.datetime.fromisoformat(text_from(text))

    def column(self) -> columns.Column[Any]:
        return columns.DateTime(index=True)

    def comparable(self, value: dt.datetime) -> dt.datetime:
        return in_utc(value)

    def identity(self, value: dt.datetime) -> bytes:
        return self._write(in_utc(value))


def in_utc(value: dt.datetime) -> dt.datetime:
    """Return an aware datetime in UTC, so that any two can be compared.

    >>> in_utc(dt.datetime(2024, 1, 2)).isoformat()
    '2024-01-02T00:00:00+00:00'
    """
    if value.utcoffset() is None:
        return value.replace(tzinfo=dt.UTC)
    try:
        return value.astimezone(dt.UTC)
    except OverflowError:
        # Within a day of year 1 or 9999, the time in UTC may be outside the range of datetime.
        return value
