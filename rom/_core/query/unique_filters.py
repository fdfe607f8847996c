"""Uniques: what a look-up by unique values asks of their hash.

A query of a unique column that has no index to filter by is answered by that hash, which tells who
has a value, and nothing of ranges or beginnings.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from rom._core.columns import Column
from rom._core.query.clause import Clause
from rom._core.query.filter_labels import Said
from rom._core.query.nodes import AnyOf, InUnique, Node
from rom._core.schema import Schema

_SEVERAL: Final = (list, set, frozenset)


def is_by_unique(clause: Clause) -> bool:
    """Whether the hash of unique values answers a clause: nothing else does, for single values."""
    column = clause.column
    return column.unique and not column.index and not clause.part


def with_unique(clause: Clause, value: Any) -> Node:
    """Return the node for `filter(email=value)`: those with a unique value, or with any of several.

    Raises:
        QueryError: None, a range, or more than 20,000 values.
        InvalidColumnValue: a value that the column does not take.
    """
    asked: Sequence[Any] = list(value) if isinstance(value, _SEVERAL) else [value]
    for one in asked:
        if one is None:
            clause.wrong('None is no value, and several entities may have none', None)
        if isinstance(one, tuple):
            clause.wrong(
                'the column is unique and has no index, so that a value is looked up, or a list of '
                f'values; for a range {clause.how_to_declare()}',
                value,
            )
    found = tuple(dict.fromkeys(unique_values(clause.column, asked)))
    clause.check_listed(len(found))
    said = Said(clause.name, '=', list(asked) if isinstance(value, _SEVERAL) else value)
    return InUnique(unique_key(clause.schema, clause.name), found, said) if found else AnyOf()


def unique_key(schema: Schema, name: str) -> bytes:
    """Return the key of the hash of a column's unique values."""
    return next(unique.key for unique in schema.uniques if unique.columns == (name,))


def unique_values(column: Column[Any], values: Iterable[Any]) -> list[bytes]:
    """Return values as that hash has them.

    Raises:
        InvalidColumnValue: one that the column does not take.
    """
    if column.is_relation:
        return [b'%d' % column.id_of(value) for value in values]  # type: ignore[attr-defined]
    return [column.encode(column.check(value)) for value in values]
