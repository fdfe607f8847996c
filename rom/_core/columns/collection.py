"""CollectionColumn: the base class of columns that hold several values of one other column."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import copy
from typing import Any, ClassVar, Final, Generic, TypeVar, Unpack

from rom._core.columns.base import Column
from rom._core.columns.column_rules import ColumnOptions
from rom._core.columns.element_changes import ElementChange
from rom._core.columns.elements import Elements
from rom._core.columns.expressions import Expression
from rom._core.columns.mutable import Mutable
from rom._core.encoding.integers import read_count
from rom._core.encoding.keygens import Keygen, Keys, traits
from rom._core.encoding.text import show

C = TypeVar('C')
E = TypeVar('E')
#: The type that reading gives: C, or C and None.
R = TypeVar('R', covariant=True)

#: The most elements of an indexed collection: one script writes the entries of all of them.
MOST_INDEXED: Final = 10_000
#: The most characters of all strings in an indexed collection.
MOST_CHARACTERS: Final = 1_000_000


class CollectionColumn(Mutable[C, R], Generic[C, E, R]):
    """A column of collections; another column converts and checks each element.

    The arguments are those of `rom.List`.
    """

    #: The Python type of the values.
    holds: ClassVar[type[Any]]

    def __init__(
        self,
        item: Column[E, Any],
        required: bool = False,
        default: C | Callable[[], C] | None = None,
        index: bool = False,
        keygen: Keygen | None = None,
        prefix: bool = False,
        suffix: bool = False,
        *,
        max_length: int | None = None,
        **options: Unpack[ColumnOptions],
    ) -> None:
        self.elements: Elements[E] = Elements(type(self).__name__, item)
        #: The column of the elements, as it was declared; a copy, which has the column's name.
        self.item = copy(item)
        self.max_length = max_length
        self._element_keygen = keygen
        if options.get('choices') is not None:
            self._wrong('choices are those of the elements: pass them to their column')
        self.kind = f'a {self.holds.__name__}'  # type: ignore[misc]
        super().__init__(required, default, index=index, prefix=prefix, suffix=suffix, **options)
        if self.searched:
            self.elements.index_by(self.index, self.prefix, self.suffix, keygen)

    def _check_options(self) -> None:
        item, keygen, most = self.item, self._element_keygen, self.max_length
        kind = type(item).__name__
        if most is not None and read_count(most) is None:
            self._wrong(f'expected max_length to be an int of at least 1, got {show(most)}')
        if keygen is not None and not callable(keygen):
            self._wrong(f'keygen must be callable, not {keygen!r}')
        if not item.is_string and (keygen is not None or self.prefix or self.suffix):
            self._wrong(f'keygen, prefix and suffix are for elements that are strings, not {kind}')
        if keygen is not None and not self.searched:
            self._wrong('a keygen has no effect without an index: add index, prefix or suffix=True')
        if traits(keygen).sorts:
            self._wrong('SIMPLE and SIMPLE_CI sort single values: leave out the keygen')
        has_words = item.has_default_keys if not item.is_string else keygen or item.whole
        if self.searched and not has_words:
            self._wrong(f'nothing makes index entries of a {kind}; add default_keys to its class')
        if self.searched and most is not None and most > MOST_INDEXED:
            self._wrong(f'an index takes at most {MOST_INDEXED} elements: lower max_length')

    @property
    def element(self) -> Any:
        return self.elements.column

    def __set_name__(self, owner: type, name: str) -> None:
        super().__set_name__(owner, name)
        self.item.name = self.element.name = self.name

    def check(self, value: Any) -> C:
        if isinstance(value, ElementChange):
            self.refuse(value, 'is for query.update and upsert; change the value of the entity')
        given: Any = super().check(value)
        found = self.collect(self.elements.taken(given))
        self._check_size(found)
        return found

    def _check_size(self, value: Any) -> None:
        most, count = self.max_length, len(value)
        if most is not None and count > most:
            self.refuse(value, f'has {count} elements; max_length is {most}')
        if not self.searched:
            return
        if count > MOST_INDEXED:
            self.refuse(value, f'has {count} elements; an index takes at most {MOST_INDEXED}')
        if sum(len(one) for one in value if isinstance(one, (str, bytes))) > MOST_CHARACTERS:
            self.refuse(value, f'is too long for an index: at most {MOST_CHARACTERS} characters')

    def collect(self, elements: Iterable[E]) -> C:
        """Return elements as a collection of the column's type."""
        found: C = self.holds(elements)
        return found

    def settle(self, value: C) -> None:
        """Convert, in place, the elements that a program has added in place."""
        raise NotImplementedError

    def recheck(self, value: C) -> None:
        self.take(value)

    def encode(self, value: C) -> bytes:
        self.settle(value)
        return self.elements.encode(self.to_json(value))

    def decode(self, raw: bytes) -> C:
        return self.collect(self.elements.decode(raw))

    def to_json(self, value: C) -> list[Any]:
        """Return the JSON forms of the elements, in the order in which they are stored."""
        raise NotImplementedError

    def from_json(self, value: Any) -> Any:
        return self.elements.from_json(value) if isinstance(value, list) else value

    def default_keys(self, value: C) -> Keys:
        return self.elements.words(value)  # type: ignore[arg-type]

    @property
    def index_kind(self) -> str:
        # A List and a Set of the same elements have the same index.
        keygen = self._element_keygen
        by = '' if keygen is None else f' by {getattr(keygen, "__name__", type(keygen).__name__)}'
        return f'Elements of {self.item.index_kind}{by}'

    def contains(self, element: Any) -> Expression:
        """Match collections that have an element; needs ``index=True``.

        Example::

            Article.query.where(Article.tags.contains('redis'))
        """
        return self._compare('contains', element)

    def overlaps(self, *elements: Any) -> Expression:
        """Match collections that have at least one of some elements; without any, none.

        Example::

            Article.query.where(Article.tags.overlaps('redis', 'valkey'))
        """
        return self._compare('overlaps', elements)

    def contains_all(self, *elements: Any) -> Expression:
        """Match collections that have each of some elements; without any, every entity.

        Example::

            Article.query.where(Article.tags.contains_all('redis', 'python'))
        """
        return self._compare('contains all', elements)

    def add(self, *elements: Any) -> ElementChange:
        """Return the addition of the elements that a row lacks, for `Query.update` and `upsert`.

        Example::

            Article.query.filter(author='Ann').update(tags=Article.tags.add('redis'))
        """
        return ElementChange(self).add(*elements)

    def remove(self, *elements: Any) -> ElementChange:
        """Return the removal of elements, wherever they are, for `Query.update` and `upsert`.

        Example::

            Article.query.update(tags=Article.tags.remove('draft'))
        """
        return ElementChange(self).remove(*elements)
