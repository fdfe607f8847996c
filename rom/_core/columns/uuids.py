"""UUID: a column of UUIDs, stored as text."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Unpack, overload

from rom._core.columns.base import Column
from rom._core.columns.signatures import Key
from rom._core.encoding.keygens import IDENTITY_CI
from rom._core.encoding.plain_values import plain

if TYPE_CHECKING:
    from rom._core.columns.signatures import Default, IndexOptions, Yes


class UUID(Column[uuid.UUID, Key]):
    """A UUID of any version.

    It is stored as its 36 characters in lower case, not as 16 bytes. So prefixes of it can be
    searched, any client of Redis can read it, and a `Text` column of such UUIDs can become this
    one without a change of rows. Text is accepted in every form that `uuid.UUID` reads, and so are
    16 bytes.

    Args:
        unique: no two entities may have the same UUID; ``filter`` and ``get_by`` need no index.
        index: enables ``filter``. The index needs no keygen.
        prefix: enables ``startswith`` by the beginning of the text, and ``order_by``.

    Raises:
        InvalidColumnValue: the value is not a UUID.

    Example::

        key = rom.UUID(unique=True, default=uuid.uuid4)
        Order.get_by(key='3f2504e0-4f89-11d3-9a0c-0305e82c3301')
    """

    accepts = uuid.UUID
    kind = 'a UUID or its text'
    is_string = True
    # Case does not matter to a UUID, and rows that another program wrote may be in upper case.
    whole = staticmethod(IDENTITY_CI)
    is_whole = True
    can_be_unique = True
    json_schema = {'type': 'string', 'format': 'uuid'}

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: UUID[uuid.UUID],
            required: Yes,
            default: Default[uuid.UUID] | None = None,
            **options: Unpack[IndexOptions],
        ) -> None: ...
        @overload
        def __init__(
            self: UUID[uuid.UUID],
            required: bool = False,
            *,
            default: Default[uuid.UUID],
            **options: Unpack[IndexOptions],
        ) -> None: ...
        @overload
        def __init__(
            self: UUID[uuid.UUID | None],
            required: bool = False,
            default: None = None,
            **options: Unpack[IndexOptions],
        ) -> None: ...
        def __init__(self, *args: Any, **options: Any) -> None: ...

    def check(self, value: Any) -> uuid.UUID:
        if type(value) is uuid.UUID:
            return value  # the fast path for most values
        if isinstance(value, uuid.UUID):
            return uuid.UUID(int=value.int)
        given = plain(value)
        try:
            if isinstance(given, str):
                return uuid.UUID(given)
            if isinstance(given, bytes):
                return uuid.UUID(bytes=given)
        except ValueError:
            pass
        self.refuse(value)

    def encode(self, value: uuid.UUID) -> bytes:
        return str(value).encode('ascii')

    def decode(self, raw: bytes) -> uuid.UUID:
        return uuid.UUID(raw.decode('ascii'))

    def canonical(self, raw: bytes) -> bytes:
        try:
            return self.encode(self.decode(raw))
        except ValueError:
            return raw

    def indexed(self, value: uuid.UUID) -> str:
        return str(value)

    def to_json(self, value: uuid.UUID) -> str:
        return str(value)
