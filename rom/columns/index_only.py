"""IndexOnly: an index of other columns' values, under a name of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from rom.columns.base import Column
from rom.columns.holder import Holder
from rom.encoding.keygens import Keygen, Keys
from rom.encoding.plain import plain
from rom.encoding.text import as_bytes, show
from rom.exceptions import InvalidColumnValue


class IndexOnly(Column[Any]):
    """Indexes what other columns hold, and holds nothing itself.

    Its entries follow the columns that the keygen looks at: they change when those do.

    Args:
        column: the column whose value the keygen is given. The keygen is called for every entity,
            with None where there is no value.
        keygen: ``keygen(value)`` gives what to index.
        prefix: ``startswith`` and ``like`` work.
        suffix: ``endswith`` works.
        keygen2: ``keygen2(name, values)``, instead of column and keygen, sees the values of all
            columns.
        index: ``filter`` works; so it does unless nothing but ``unique`` is asked for.
        unique: no two entities have the same. The first word that the keygen gives counts (of a
            set, the smallest); without any, or with an empty one, nothing is claimed.

    Raises:
        ColumnError: options that do not go together.

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
    ) -> None:
        self._source = column
        if (keygen is None or column is None) and (keygen2 is None or column or keygen):
            self._wrong('takes a column and its keygen, or a keygen2 and no column')
        if column is not None and not isinstance(column, str):
            self._wrong(f'the column must be given by its name, not {column!r}')
        # As in rom 1.x, only that of unique values comes alone.
        index = bool(index or prefix or suffix or not unique)
        super().__init__(
            index=index,
            keygen=keygen,
            prefix=prefix,
            suffix=suffix,
            keygen2=keygen2,
            unique=unique,
        )
        if keygen is not None:
            # To the outside it has the keygen, by whose traits queries go; its entries depend on
            # another column, as those of a keygen2 do.
            self.keygen2 = self._keys_of_source

    @property
    def source(self) -> str:
        return self._source or self.name

    def _keys_of_source(self, name: str, values: Mapping[str, Any]) -> Keys:
        assert self.keygen is not None
        return self.keygen(values[self.source])

    def accept(self, entity: Holder, value: Any) -> NoReturn:
        raise InvalidColumnValue(
            f'{type(entity).__name__}.{self.name}: {show(value)}: an IndexOnly holds no value; '
            f'it only indexes what other columns hold'
        )

    # What a query looks for among the unique values.

    def check(self, value: Any) -> str | bytes:
        if not isinstance(value, (str, bytes)):
            self.refuse(value, f'indexes words, and {type(value).__name__} is none')
        word: str | bytes = plain(value)
        return word.lower() if self.traits.lowers else word

    def encode(self, value: str | bytes) -> bytes:
        return as_bytes(value)

    def decode(self, raw: bytes) -> NoReturn:
        raise ValueError('it is in no row')
