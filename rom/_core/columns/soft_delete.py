"""Soft delete: the column that marks a row as deleted. Pure.

A model names it in ``_soft_delete``. A row with a value in it stays, with its index entries. It
claims no unique values, and reads leave it out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rom._core.columns.base import Column
from rom._core.columns.expire_at import ExpireAt
from rom._core.columns.temporal import DateTime
from rom._core.encoding.text import show, show_names
from rom.exceptions import ColumnError


def check_soft_delete(
    name: str, columns: Mapping[str, Column[Any]], declared: object
) -> str | None:
    """Return the name of the column that marks the deleted rows of a model, or None.

    Args:
        name: the class's name.
        columns: the columns.
        declared: the value of `_soft_delete`, or None.

    Raises:
        ColumnError: it is not the name of a DateTime with an index and without a value of its own.
    """
    if declared is None:
        return None
    where = f'{name}._soft_delete = {show(declared)}'
    remedy = "declare it as deleted_at = DateTime(index=True), and _soft_delete = 'deleted_at'"
    if not isinstance(declared, str) or declared not in columns:
        raise ColumnError(f'{where}: the model has {show_names(columns)}; {remedy}')
    column = columns[declared]
    if not isinstance(column, DateTime) or isinstance(column, ExpireAt):
        raise ColumnError(f'{where}: this is a {type(column).__name__}; {remedy}')
    if not column.index or column.keygen or column.keygen2:
        raise ColumnError(f'{where}: needs an index of times; {remedy}')
    if column.required or column.default is not None or column.stamps_insert:
        raise ColumnError(f'{where}: a new entity must have no value in it; {remedy}')
    return declared
