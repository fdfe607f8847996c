"""The base of queries: the model, the frozen data, and how a method makes the next query."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from rom._core.query.empty_filters import check_lookups, warn_of_expired
from rom._core.query.nodes import Node
from rom._core.query.relation_filters import compile_clauses, has_related
from rom._core.query.results import Selection
from rom._core.query.spec import EMPTY_SPEC, QuerySpec
from rom._core.schema import Schema

if TYPE_CHECKING:
    from typing import Self

R_co = TypeVar('R_co', covariant=True)


class QueryBase(Generic[R_co]):
    """The data of a query, which is immutable; every method of the other classes returns a copy."""

    __slots__ = ('model', 'spec')

    def __init__(self, model: type[Any], spec: QuerySpec = EMPTY_SPEC) -> None:
        self.model = model
        self.spec = spec

    @property
    def schema(self) -> Schema:
        """The schema of the model."""
        schema: Schema = self.model._schema
        return schema

    @property
    def selection(self) -> Selection | None:
        """The columns that results have as plain data; None: results are entities."""
        return self.spec.selection

    def __repr__(self) -> str:
        from rom._core.query.query_repr import written

        return written(self.schema.name, self.spec)

    def _with(self, **changes: Any) -> Self:
        return type(self)(self.model, self.spec._replace(**changes))

    def _where(self, means: Callable[[Schema, str, Any], Node], clauses: dict[str, Any]) -> Self:
        return self._also(compile_clauses(self.schema, means, clauses))

    def _also(self, nodes: Sequence[Node]) -> Self:
        if not self.spec.with_expired:
            warn_of_expired(self.schema, nodes)
        if self.spec.with_deleted:
            check_lookups(self.schema, nodes)
        spec = self.spec.also(nodes)
        if not spec.over_relations and any(map(has_related, nodes)):
            spec = spec._replace(over_relations=True)
        return type(self)(self.model, spec)
