"""Moments."""

from __future__ import annotations

import datetime as dt
from typing import Any

from rom import columns
from rom.repocket.attributes.base import Attribute, text_from


class DateTime(Attribute):
    """A date and time, written as ISO 8601. Without a zone it counts as UTC where two are compared.

    Args:
        auto_now: every save sets it to the moment of the save, in UTC and without a zone.
        null: None is a value of it.

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
        self.refuse(value, 'a datetime, or one written as ISO 8601')

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
    """A moment with a zone, UTC, so that any two can be compared.

    >>> in_utc(dt.datetime(2024, 1, 2)).isoformat()
    '2024-01-02T00:00:00+00:00'
    """
    if value.utcoffset() is None:
        return value.replace(tzinfo=dt.UTC)
    try:
        return value.astimezone(dt.UTC)
    except OverflowError:
        # Within a day of the first or the last year: no such moment in UTC.
        return value
