"""Unique values: filters of unique columns, and the constraint by which one entity is found. Pure.

The hash of unique values answers such a filter. It finds whole values only, not ranges or prefixes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from rom._core.columns import Column
from rom._core.encoding.text import shorten, show, show_names
from rom._core.query.assignments import check_name, checked
from rom._core.query.clause import Clause
from rom._core.query.filter_labels import FilterLabel
from rom._core.query.nodes import AnyOf, InUnique, Node
from rom._core.schema import Schema, Unique
from rom.exceptions import QueryError

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


def sought(
    schema: Schema, where: str, values: Mapping[str, Any]
) -> tuple[Unique, tuple[bytes, ...]]:
    """Return the constraint on these columns, and their value in its hash, in all its forms.

    Args:
        schema: the schema of the model.
        where: the start of error messages, such as ``User.upsert()``.
        values: by column: exactly one unique column, or exactly one group of `unique_together`.

    Raises:
        QueryError: no constraint has these columns; or one of them has no value, so that the
            constraint does not apply.
        InvalidColumnValue: a value that is not valid for its column.
    """
    constraints = [unique for unique in schema.uniques if unique.made_by is None]
    found = next((unique for unique in constraints if {*unique.columns} == {*values}), None)
    if found is None:
        names = shorten('; '.join(', '.join(unique.columns) for unique in constraints), 200)
        raise QueryError(
            f'{where}: {show_names(values) or "nothing"} is not what makes a {schema.name} unique; '
            + (
                f'name all columns of one of: {shorten(names, 200)}'
                if names
                else 'the model has no constraint'
            )
        )
    encoded = {}
    for name in found.columns:
        value, column = values[name], schema.columns[name]
        if value is not None:
            encoded[name] = column.encode(checked(schema, name, value))
    sought = found.claims(encoded)
    if not sought:
        shown = ', '.join(f'{name}={show(values[name])}' for name in found.columns)
        raise QueryError(
            f'{where}: {shown} can belong to several entities: where there is no value, nothing '
            'is unique; give each of these columns one'
        )
    return found, sought


def argument(
    schema: Schema, name: str, given: Mapping[str, Any] | None, unique: dict[str, Any]
) -> Mapping[str, Any] | None:
    """Return an argument that may be passed by name, unless a unique column has that name.

    Args:
        schema: the schema of the model.
        name: the name of the argument; a unique column of that name takes precedence.
        given: the argument passed by position, or None.
        unique: the arguments passed by name; the argument is removed from it.
    """
    if given is not None or any(name in constraint.columns for constraint in schema.uniques):
        return given
    found: Mapping[str, Any] | None = unique.pop(name, None)
    return found


def check_others(
    schema: Schema, where: str, kind: str, values: Mapping[str, Any], unique: Unique
) -> None:
    """Raise QueryError for values that cannot be set together with the columns looked up."""
    if not isinstance(values, Mapping):
        raise QueryError(f'{where}: {kind} takes a dict by column, not {show(values)}')
    for name in values:
        check_name(schema, where, name)
        if name in unique.columns:
            raise QueryError(f'{where}: {name} is what is looked up; leave it out of {kind}')
