"""Schemas without a class, to test what is made of columns."""

from typing import Any

from rom._core.schema import Schema
from rom._core.schema_builder import build
from rom.columns import Column, PrimaryKey, Text


def schema(
    columns: dict[str, Column[Any]] | None = None,
    namespace: object = None,
    unique_together: object = None,
    keep_index_data: bool = False,
) -> Schema:
    """Return a schema of these columns and an id; without columns, of three texts."""
    columns = {'id': PrimaryKey()} | (columns or {'a': Text(), 'b': Text(), 'c': Text()})
    for name, column in columns.items():
        column.name = name
    return build('Thing', columns, namespace, unique_together, keep_index_data, {})
