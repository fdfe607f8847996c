"""Selection: plain data instead of entities.

A factory gets the names of the columns, once, and returns a function that gets one list of values
for each row. The names that begin with an underscore are those of rom 1.x.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

Factory: TypeAlias = Callable[[tuple[str, ...]], Callable[[list[Any]], Any]]


class Selection(NamedTuple):
    """Which columns of each result, and what is made of them.

    Attributes:
        columns: their names, in order; the primary key's is the last, when it is asked for.
        decode: Python values; else the text that is stored.
        factory: makes a result of a list of values.
    """

    columns: tuple[str, ...]
    decode: bool
    factory: Factory


def as_dicts(columns: tuple[str, ...]) -> Callable[[list[Any]], dict[str, Any]]:
    """Results are dicts.

    >>> as_dicts(('a', 'b'))([1, 2])
    {'a': 1, 'b': 2}
    """
    return lambda values: dict(zip(columns, values, strict=True))


def as_lists(columns: tuple[str, ...]) -> Callable[[list[Any]], list[Any]]:
    """Results are lists.

    >>> as_lists(('a', 'b'))([1, 2])
    [1, 2]
    """
    return list


def as_tuples(columns: tuple[str, ...]) -> Callable[[list[Any]], tuple[Any, ...]]:
    """Results are tuples.

    >>> as_tuples(('a', 'b'))([1, 2])
    (1, 2)
    """
    return tuple


def as_namedtuples(columns: tuple[str, ...]) -> Callable[[list[Any]], Any]:
    """Results are named tuples. As in rom 1.x, underscores that a name begins with are left out.

    A column with a name that no field can have gets ``_0``, ``_1``...

    Raises:
        ValueError: two columns differ in such underscores only.

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
