"""Unique lookups: the constraint by which `get_or_create` and `upsert` find one entity. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rom._core.encoding.text import shorten, show, show_names
from rom._core.query.assignments import check_name, checked
from rom._core.schema import Schema, Unique
from rom.exceptions import QueryError


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
