"""Results: how a query hands out its rows: as plain data, and in pages.

A factory is called once with the names of the columns. It returns a function that is called with
the list of values of each row. The names that begin with an underscore are those of rom 1.x.
"""

from collections import namedtuple
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar, overload

from rom._core.encoding.text import shorten, show, show_names
from rom._core.schema import Schema
from rom._core.support.public_names import publish
from rom.exceptions import QueryError

Factory: TypeAlias = Callable[[tuple[str, ...]], Callable[[list[Any]], Any]]


class Selection(NamedTuple):
    """The columns of each result, and the factory that makes it.

    Attributes:
        columns: their names, in order; an added primary key is the last.
        decode: return Python values; otherwise the stored text.
        factory: makes the function that turns a list of values into a result.
    """

    columns: tuple[str, ...]
    decode: bool
    factory: Factory


def select_columns(
    schema: Schema,
    columns: tuple[Any, ...],
    include_pk: bool = False,
    decode: bool = True,
    factory: Factory | None = None,
) -> Selection:
    """Return the selection of columns by `Query.select`, after a check of their names.

    Raises:
        QueryError: no column, an unknown one, or one twice.
    """
    shown = shorten(', '.join(map(show, columns)), 120)
    where = f'{schema.name}.query.select({shown})'
    selectable = {*schema.columns, *schema.lists, *schema.unsafe}
    if not columns:
        raise QueryError(f'{where}: name one column at least, of {show_names(schema.columns)}')
    for name in columns:
        if not isinstance(name, str) or name not in selectable:
            raise QueryError(
                f'{where}: the model has no column {show(name)}; it has '
                f'{show_names(schema.columns)}'
            )
    is_pk_added = include_pk and schema.primary not in columns
    names = (*columns, schema.primary) if is_pk_added else columns
    if len(set(names)) < len(names):
        raise QueryError(f'{where}: names a column twice')
    return Selection(tuple(names), decode, factory or as_dicts)


def as_dicts(columns: tuple[str, ...]) -> Callable[[list[Any]], dict[str, Any]]:
    """Return a function that makes a dict of a list of values.

    >>> as_dicts(('a', 'b'))([1, 2])
    {'a': 1, 'b': 2}
    """
    return lambda values: dict(zip(columns, values, strict=True))


def as_lists(columns: tuple[str, ...]) -> Callable[[list[Any]], list[Any]]:
    """Return a function that makes a list of a list of values.

    >>> as_lists(('a', 'b'))([1, 2])
    [1, 2]
    """
    return list


def as_tuples(columns: tuple[str, ...]) -> Callable[[list[Any]], tuple[Any, ...]]:
    """Return a function that makes a tuple of a list of values.

    >>> as_tuples(('a', 'b'))([1, 2])
    (1, 2)
    """
    return tuple


def as_namedtuples(columns: tuple[str, ...]) -> Callable[[list[Any]], Any]:
    """Return a function that makes a named tuple of a list of values.

    As in rom 1.x, leading underscores of names are removed. A column whose name is not valid for a
    field gets ``_0``, ``_1``...

    Raises:
        ValueError: two columns differ only in leading underscores.

    >>> as_namedtuples(('a', 'b'))([1, 2])
    Result(a=1, b=2)
    """
    names = [column.lstrip('_') for column in columns]
    if len(set(names)) < len(names):
        raise ValueError(
            f'named tuples have no underscores in front, and then {", ".join(columns)} are not '
            'all different: select them as dicts, or with a factory of your own'
        )
    result: Any = namedtuple('Result', names, rename=True)  # type: ignore[misc]
    make: Callable[[list[Any]], Any] = result._make
    return make


_dict_data_factory = as_dicts
_list_data_factory = as_lists
_tuple_data_factory = as_tuples
_namedtuple_data_factory = as_namedtuples


R = TypeVar('R')
R_co = TypeVar('R_co', covariant=True)


class Scored(NamedTuple, Generic[R]):
    """A result of a search with its score.

    Attributes:
        result: the entity, or its selected values.
        score: its score by BM25, above 0; None for a query that `order_by` sorts.

    Example::

        best = Article.query.search('red shoe').with_scores().first()
        best.result.title, best.score
    """

    result: R
    score: float | None


@dataclass(frozen=True, slots=True)
class Page(Sequence[R_co]):
    """A sequence of results, with the cursors of the next page and of the one before.

    Attributes:
        items: the results.
        next: the `after` argument of `Query.page` for the next page; None: this is the last one.
        previous: the `before` argument of `Query.page` for the page before; None: this is the
            first one.

    Example::

        page = User.query.order_by('name').page(20)
        while page.next is not None:
            page = User.query.order_by('name').page(20, after=page.next)
    """

    items: tuple[R_co, ...]
    next: str | None
    previous: str | None = None

    @overload
    def __getitem__(self, index: int) -> R_co: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[R_co]: ...
    def __getitem__(self, index: int | slice) -> R_co | Sequence[R_co]:
        return self.items[index]

    def __len__(self) -> int:
        return len(self.items)


publish('rom.query', Page, Scored)
