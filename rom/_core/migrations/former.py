"""Former columns: fields of rows that the model no longer declares, or declares with another type.

The engine compares and removes fields by the columns of a schema. So a migration works on a copy of
the model's schema, in which each undeclared field is a column of bytes without an index. Its former
index entries are removed as a whole, by the reindex that follows.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from rom._core.columns import Column
from rom._core.encoding.text import as_bytes, show
from rom._core.schema import INDEX_DATA, Schema
from rom.exceptions import ColumnError, ORMError


class Bytes(Column[bytes]):
    """A stored field as it is."""

    accepts = bytes
    kind = 'bytes'

    def encode(self, value: bytes) -> bytes:
        return value

    def decode(self, raw: bytes) -> bytes:
        return raw


def named(name: str, column: Column[Any]) -> Column[Any]:
    """Return a copy of a column with a name, as if a class body had declared it."""
    own = copy.copy(column)
    own.name = name
    return own


def former_columns(where: str, was: Mapping[str, Any]) -> dict[str, Column[Any]]:
    """Return the types of former columns by name, after a check of both.

    Raises:
        ORMError: a name is malformed, or a type is not a column.
    """
    if not isinstance(was, Mapping):
        raise ORMError(
            f'{where}: was: expected a dict of columns by name, such as '
            f"{{'colour': rom.Text()}}, got {show(was)}"
        )
    found = {}
    for name, column in was.items():
        check_field(where, name)
        if not isinstance(column, Column) or not column.is_stored:
            raise ORMError(
                f'{where}: was[{show(name)}]: expected a column with the former type, such as '
                f'rom.Text(), got {show(column)}'
            )
        found[name] = named(name, column)
    return found


def check_field(where: str, name: object) -> None:
    """Refuse the name of a column that no row can have.

    Raises:
        ORMError: it is not a str, is empty, or has a colon.
    """
    if not isinstance(name, str) or not name or ':' in name or name == INDEX_DATA:
        raise ORMError(f'{where}: expected the name of a column, got {show(name)}')
    as_bytes(name)


def extended(schema: Schema, names: Iterable[str]) -> Schema:
    """Return a copy of a schema that reads and writes further fields of rows.

    Args:
        schema: the schema of the model.
        names: the names of columns; those that the model does not declare are added.

    Raises:
        ColumnError: a name is that of an attribute without a stored value.
    """
    added = {}
    for name in names:
        declared = schema.columns.get(name)
        if declared is None:
            added[name] = named(name, Bytes())
        elif not declared.is_stored:
            raise ColumnError(
                f'{schema.name}.{name}: expected a column with a value in the row, got a '
                f'{type(declared).__name__}; name the column that it indexes'
            )
    if not added:
        return schema
    return dataclasses.replace(schema, columns={**schema.columns, **added})
