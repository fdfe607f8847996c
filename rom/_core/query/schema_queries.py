"""Queries with another schema than that of the model, such as that of a partition."""

from __future__ import annotations

from typing import Any

from rom._core.query.query import Query
from rom._core.query.spec import EMPTY_SPEC, QuerySpec
from rom._core.schema import Schema


class SchemaModel:
    """Stands for the model of a query.

    Args:
        schema: the schema that the query reads.
    """

    __slots__ = ('__name__', '_schema')

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self.__name__ = schema.name


def query_of(schema: Schema, spec: QuerySpec = EMPTY_SPEC) -> Query[Any]:
    """Return a query of the rows that a schema describes."""
    return Query(SchemaModel(schema), spec)  # type: ignore[arg-type]
