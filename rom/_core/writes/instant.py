"""Instant: the current time of one commit, read at its first use."""

from __future__ import annotations

import datetime as dt
from functools import cached_property

from rom._core.encoding.plain_values import plain


class Instant:
    """The current time, the same for all rows that a commit writes.

    >>> now = Instant()
    >>> now.utc is now.utc
    True
    """

    @cached_property
    def utc(self) -> dt.datetime:
        """The time in UTC, without a zone, by this program's clock."""
        # Libraries that freeze the time of a test replace the class.
        moment: dt.datetime = plain(dt.datetime.now(dt.UTC)).replace(tzinfo=None)
        return moment
