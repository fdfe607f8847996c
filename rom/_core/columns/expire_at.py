"""ExpireAt: the column of the time at which an entity expires."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, overload

from rom._core.columns.signatures import Moment as MomentRead
from rom._core.columns.temporal import DateTime
from rom._core.encoding.plain_values import plain

if TYPE_CHECKING:
    from rom._core.columns.column_owner import Holder
    from rom._core.columns.signatures import Default, Yes

Moment = dt.datetime | dt.timedelta


class ExpireAt(DateTime[MomentRead]):
    """The time at which an entity expires: a `DateTime` with an index, at most one in a model.

    After that time, by the server's clock, reads and queries no longer find the entity. Others can
    take its unique values, and only ``save(force=True)`` writes it. Its row stays until
    :func:`rom.util.expire` removes it. An entity without a value never expires.

    An assigned `datetime.timedelta` counts from now, by this program's clock.

    Args:
        required: an entity must have a value when it is created and saved.
        default: the value of a new entity that is given none: a datetime, a timedelta, or a
            function without arguments that returns one.
        stored_as: the column's former name, as for every :class:`Column`.

    Raises:
        ColumnError: the model has two such columns.

    Example::

        class Login(rom.Model):
            token = rom.Text(required=True, unique=True)
            expire_at = rom.ExpireAt(default=datetime.timedelta(days=7))
    """

    kind = 'a datetime or a timedelta'

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: ExpireAt[dt.datetime],
            required: Yes,
            default: Default[Moment] | None = None,
            *,
            stored_as: str | None = None,
        ) -> None: ...
        @overload
        def __init__(
            self: ExpireAt[dt.datetime | None],
            required: bool = False,
            default: Default[Moment] | None = None,
            *,
            stored_as: str | None = None,
        ) -> None: ...

    def __init__(
        self,
        required: bool = False,
        default: Moment | Callable[[], Moment] | None = None,
        *,
        stored_as: str | None = None,
    ) -> None:
        initialize: Any = DateTime.__init__  # its overloads take no timedelta
        initialize(self, required, default, index=True, stored_as=stored_as)

    def check(self, value: Any) -> dt.datetime:
        if not isinstance(value, dt.timedelta):
            return super().check(value)
        try:
            moment: dt.datetime = plain(dt.datetime.now(dt.UTC).replace(tzinfo=None) + value)
            return moment
        except OverflowError:
            self.refuse(value, 'is out of range: added to now, it leaves the years 1 to 9999')

    def is_past(self, raw: bytes | None) -> bool:
        """Return whether a stored time has passed by this program's clock, an estimate only."""
        try:
            return raw is not None and float(raw) <= time.time()
        except ValueError:
            return False

    def absent(self) -> None:
        return None  # as for `_read`: the default is for new entities

    def _read(self, entity: Holder) -> dt.datetime | None:
        # The default is for new entities: an entity that is stored without a value never expires.
        if self.name in entity._stored:
            return super()._read(entity)
        return entity._values.setdefault(self.name, None)

    def __set__(self, entity: Any, value: MomentRead | dt.timedelta) -> None:
        entity._set(self.name, self.prepare(entity, value))
