"""Columns: the rom schema behind a model of the indexed layer.

Each field becomes a column that holds the field's primitive. The type of the primitive and the
options in `metadata` decide on the column's class. The rows have the form of rom's own, so that
its commit script writes them with their index entries, and its query engine searches them.
"""

from __future__ import annotations

import datetime
import decimal
import json
from dataclasses import replace
from typing import Any

from schematics import types

from rom._core.columns import Boolean, Column, ExpireAt, Float, Integer, PrimaryKey, Text
from rom._core.encoding.keygens import IDENTITY
from rom._core.encoding.text import as_bytes
from rom._core.schema import Schema
from rom._core.schema_builder import build
from rom.exceptions import ColumnError
from rom.schematics.fields import Field, ModelFields

#: The columns for the id of the row and for its time of expiry. No field may have these names.
ROW_ID, EXPIRES = 'rom_id', 'rom_expires'
#: The options of `metadata`.
OPTIONS = ('index', 'unique', 'prefix', 'suffix')

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


class Plain(Column[Any]):
    """Column of a primitive stored as JSON, without an index."""

    def encode(self, value: Any) -> bytes:
        return as_bytes(json.dumps(value))

    def decode(self, raw: bytes) -> Any:
        return json.loads(raw)


class Numbered(Plain):
    """Column of a primitive that stands for a number: a date, a decimal, a timedelta.

    The index holds the nearest double, which several values may share. So each object that the
    index finds is compared again.
    """

    is_numeric = True
    kind_of_field: Any

    def number(self, value: Any) -> float:
        return self.score(self.kind_of_field.to_native(value))

    def score(self, value: Any) -> float:
        return self.sortable(_number(value), value)


def _number(value: Any) -> float:
    if isinstance(value, datetime.datetime):
        zoned = value.replace(tzinfo=datetime.UTC) if value.tzinfo is None else value
        return (zoned - _EPOCH).total_seconds()
    if isinstance(value, datetime.date):
        return float(value.toordinal())
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    return float(value)


_NUMBERED = (datetime.datetime, datetime.date, datetime.timedelta, decimal.Decimal)
_SIMPLE: dict[Any, type[Column[Any]]] = {int: Integer, float: Float, bool: Boolean}


def columns_of(fields: ModelFields) -> dict[str, Column[Any]]:
    """Return the columns of a model; made once.

    Raises:
        ColumnError: a field does not support the options in its metadata, or its name is reserved.
    """
    found: dict[str, Column[Any]] | None = fields.__dict__.get('columns')
    if found is None:
        found = fields.__dict__['columns'] = _columns(fields)
    return found


def _columns(fields: ModelFields) -> dict[str, Column[Any]]:
    columns: dict[str, Column[Any]] = {ROW_ID: PrimaryKey(), EXPIRES: ExpireAt()}
    # The primary key comes first. If two writers create one object, several unique values may be
    # taken, and the error must be about the primary key: only then is the write tried again.
    for field in sorted(fields.by_name.values(), key=lambda field: field.name != 'pk'):
        if field.name in columns:
            raise ColumnError(
                f'{fields.model.__name__}.{field.name}: the name is reserved for a column of the '
                'row; rename the field'
            )
        columns[field.name] = _column(fields, field)
    for name, column in columns.items():
        column.__set_name__(fields.model, name)
    return columns


def schema_of(fields: ModelFields, prefix: str) -> Schema:
    """Return the rom schema of a model whose keys have this prefix; made once.

    Raises:
        ColumnError: as for `columns_of`.
    """
    known: dict[str, Schema] = fields.__dict__.setdefault('schemas', {})
    found = known.get(prefix)
    if found is None:
        built = build(fields.model.__name__, columns_of(fields), prefix, None, False)
        # A reindex reads the fingerprints of `rom.Model` classes only, so these models keep none.
        found = replace(built, is_stamped=False)
        known[prefix] = found
    return found


def _column(fields: ModelFields, field: Field) -> Column[Any]:
    if field.name == 'pk':
        return Text(unique=True)
    options = {name for name in OPTIONS if field.type.metadata.get(name)}
    try:
        return _of_kind(field, options)
    except ColumnError as error:
        raise ColumnError(
            f'{fields.model.__name__}.{field.name}: a {type(field.type).__name__} does not support '
            f'{", ".join(sorted(options))} in its metadata: {error}'
        ) from None


def _of_kind(field: Field, options: set[str]) -> Column[Any]:
    kind = field.type
    keywords = dict.fromkeys(options, True)
    if isinstance(kind, types.DateTimeType) or _native(kind) in _NUMBERED:
        if options - {'index'}:
            raise ColumnError('expected index alone, because the index holds numbers')
        numbered = Numbered(index='index' in options)
        numbered.kind_of_field = kind
        return numbered
    if field.is_text:
        searched = options - {'unique'}
        text: type[Column[Any]] = Text
        return text(**keywords, keygen=IDENTITY if searched else None)  # type: ignore[arg-type]
    simple = _SIMPLE.get(kind.primitive_type)
    if simple is not None:
        return simple(**keywords)  # type: ignore[arg-type]
    if options:
        raise ColumnError('expected a type of text, numbers, booleans or times')
    return Plain()


def _native(kind: Any) -> Any:
    try:
        return kind.native_type
    except AttributeError:
        return None


def sorts(column: Column[Any]) -> bool:
    """Return whether the server can sort by this column."""
    return (column.index and column.is_numeric) or (column.is_string and column.prefix)
