"""IndexOnly: an index of other columns' values, under a name of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from rom._core.columns.base import Column
from rom._core.columns.column_owner import Holder
from rom._core.encoding.keygens import Keygen, Keys
from rom._core.encoding.plain_values import plain
from rom._core.encoding.text import as_bytes, show
from rom.exceptions import InvalidColumnValue


class IndexOnly(Column[Any]):
    """An index of other columns' values, without a value of its own.

    A commit updates its index entries when a column that the keygen reads has changed.

    Args:
        column: the column whose value is passed to `keygen`. The keygen is called for every entity,
            with None where there is no value.
        keygen: ``keygen(value)`` returns the words to index.
        prefix: enables ``startswith`` and ``like``.
        suffix: enables ``endswith``.
        keygen2: ``keygen2(name, values)``, instead of `column` and `keygen`, gets the values of all
            columns.
        index: enables ``filter``; the default is True, unless ``unique`` is the only option.
        unique: no two entities may have the same first word of the keygen (of a set, the
            smallest). An entity without words, or with an empty first one, has no unique value.
        stored_as: the column's former name, as for every :class:`Column`.

    Raises:
        ColumnError: the options contradict each other.

    Example::

        class User(rom.Model):
            first = rom.Text()
            last = rom.Text()
            by_last = rom.IndexOnly('last', keygen=rom.IDENTITY_CI, prefix=True)
            initials = rom.IndexOnly(keygen2=lambda name, user: [user['first'][:1]], index=True)
    """

    is_string = True
    can_be_unique = True
    is_stored = False

    def __init__(
        self,
        column: str | None = None,
        keygen: Keygen | None = None,
        prefix: bool = False,
        suffix: bool = False,
        keygen2: Callable[[str, Mapping[str, Any]], Keys] | None = None,
        index: bool = False,
        unique: bool = False,
        *,
        stored_as: str | None = None,
    ) -> None:
        self._source = column
        if (keygen is None or column is None) and (keygen2 is None or column or keygen):
            self._wrong('expected either column and keygen, or only keygen2')
        if column is not None and not isinstance(column, str):
            self._wrong(f'expected the name of the column as a str, got {column!r}')
        # As in rom 1.x: `index` is off only where `unique` is the only option.
        index = bool(index or prefix or suffix or not unique)
        super().__init__(
            index=index,
            keygen=keygen,
            prefix=prefix,
            suffix=suffix,
            keygen2=keygen2,
            unique=unique,
            stored_as=stored_as,
        )
        if keygen is not None:
            # Queries need the traits of the keygen, so it stays visible. But the index entries
            # depend on another column, as those of a keygen2 do, so they are made as such.
            self.keygen2 = self._keys_of_source

    @property
    def source(self) -> str:
        return self._source or self.name

    def _keys_of_source(self, name: str, values: Mapping[str, Any]) -> Keys:
        assert self.keygen is not None
        return self.keygen(values[self.source])

    def accept(self, entity: Holder, value: Any) -> NoReturn:
        raise InvalidColumnValue(
            f'{type(entity).__name__}.{self.name}: an IndexOnly holds no value, got {show(value)}; '
            f'assign to the columns that it indexes'
        )

    # The values of queries for a unique value.

    def check(self, value: Any) -> str | bytes:
        if not isinstance(value, (str, bytes)):
            self.refuse(value, f'is not a word: expected str or bytes, got {type(value).__name__}')
        word: str | bytes = plain(value)
        return word.lower() if self.traits.lowers else word

    def encode(self, value: str | bytes) -> bytes:
        return as_bytes(value)

    def decode(self, raw: bytes) -> NoReturn:
        raise ValueError('an IndexOnly is not stored in the row')
