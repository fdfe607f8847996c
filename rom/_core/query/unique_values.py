"""Filters of unique columns: the hash of unique values answers them. Pure.

It finds whole values only, not ranges or prefixes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from rom._core.columns import Column
from rom._core.query.clause import Clause
from rom._core.query.filter_labels import FilterLabel
from rom._core.query.nodes import AnyOf, InUnique, Node
from rom._core.schema import Schema

_SEVERAL: Final = (list, set, frozenset)


def is_by_unique(clause: Clause) -> bool:
    """Return whether a clause uses the hash of unique values, because no index has the values."""
    column = clause.column
    return column.unique and not column.index and not clause.part


def with_unique(clause: Clause, value: Any) -> Node:
    """Return the node for `filter(email=value)`: one unique value, or a list of them.

    Raises:
        QueryError: None, a range, or more than 20,000 values.
        InvalidColumnValue: a value that is not valid for the column.
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
    label = FilterLabel(clause.name, '=', list(asked) if isinstance(value, _SEVERAL) else value)
    return InUnique(unique_key(clause.schema, clause.name), found, label) if found else AnyOf()


def unique_key(schema: Schema, name: str) -> bytes:
    """Return the key of the hash of a column's unique values."""
    key: bytes | None = schema.memo.get((unique_key, name))
    if key is None:
        key = next(unique.key for unique in schema.uniques if unique.columns == (name,))
        schema.memo[unique_key, name] = key
    return key


def unique_values(column: Column[Any], values: Iterable[Any]) -> list[bytes]:
    """Return values encoded as in that hash.

    Raises:
        InvalidColumnValue: a value that is not valid for the column.
    """
    if column.is_relation:
        return [b'%d' % column.id_of(value) for value in values]  # type: ignore[attr-defined]
    return [column.encode(column.check(value)) for value in values]
