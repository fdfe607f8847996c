"""Columns whose values can change in place: their base class, and Json.

A read of such a value makes the entity one that the next commit looks at, because the program may
change what it got. The commit compares the encoded value with the one that the entity had.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar, Unpack, overload

from rom._core.columns.base import Column
from rom._core.columns.signatures import Document, Read, T
from rom._core.columns.value_limits import MOST_DEPTH, depth_of

if TYPE_CHECKING:
    from typing import Self

    from rom._core.columns.signatures import Default, IndexOptions, Yes


class Mutable(Column[T, Read]):
    """A column of objects that programs change in place; a save finds such changes."""

    is_mutable: ClassVar[bool] = True

    @overload
    def __get__(self, entity: None, owner: type) -> Self: ...
    @overload
    def __get__(self, entity: object, owner: type | None = None) -> Read: ...
    def __get__(self, entity: Any, owner: type | None = None) -> Any:
        if entity is None:
            return self
        value = super().__get__(entity, owner)
        if value is not None:
            entity._look_into()  # the program may change it in place
        return value


class Json(Mutable[Any, Document]):
    """A dict, list or tuple, stored as JSON. Saving the entity finds changes inside it.

    Lists and dicts may be nested 200 deep.

    Example::

        settings = rom.Json(default=dict)
    """

    accepts = (dict, list, tuple)
    kind = 'a dict, list or tuple'

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: Json[Any],
            required: Yes,
            default: Default[Any] | None = None,
            **options: Unpack[IndexOptions],
        ) -> None: ...
        @overload
        def __init__(
            self: Json[Any],
            required: bool = False,
            *,
            default: Default[Any],
            **options: Unpack[IndexOptions],
        ) -> None: ...
        @overload
        def __init__(
            self: Json[Any | None],
            required: bool = False,
            default: None = None,
            **options: Unpack[IndexOptions],
        ) -> None: ...
        def __init__(self, *args: Any, **options: Any) -> None: ...

    def check(self, value: Any) -> Any:
        self.encode(super().check(value))
        return value

    def encode(self, value: Any) -> bytes:
        try:
            raw = json.dumps(value, sort_keys=True).encode('ascii')
        except (TypeError, ValueError, RecursionError) as error:
            self.refuse(value, f'cannot be written as JSON ({error})')
        # Counting brackets is cheap, and few values have enough of them to measure their depth.
        if raw.count(b'[') + raw.count(b'{') > MOST_DEPTH and (
            depth_of(value, MOST_DEPTH) > MOST_DEPTH
        ):
            self.refuse(value, f'nests lists and dicts too deep; at most {MOST_DEPTH} levels')
        return raw

    def decode(self, raw: bytes) -> Any:
        return json.loads(raw)
