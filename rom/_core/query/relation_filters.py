"""Compilation of filters over relations, such as `User.query.filter(team__name='x')`.

The name of a relation, two underscores and the name of a column of the other model make a path; it
may have several relations. The clauses of one call that begin with the same relation are about one
entity of the other model. They make one node, with the filters of that model in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from rom._core.encoding.text import show
from rom._core.query.nodes import All, AnyOf, Ids, Node, Not
from rom._core.query.relation_nodes import Related
from rom._core.schema import Schema
from rom.exceptions import QueryError

#: Between the name of a relation and that of a column of the other model.
STEP: Final = '__'

Compile = Callable[[Schema, str, Any], Node]


def relation_named(schema: Schema, name: str) -> Any:
    """Return the column or list that declares a relation; None for any other name."""
    column: Any = schema.columns.get(name)
    if column is None:
        return schema.lists.get(name)
    return column if column.is_relation or column.is_links else None


def path_in(schema: Schema, name: str) -> tuple[str, str] | None:
    """Return the relation that a name begins with, and the rest; None for a name without one."""
    if name in schema.columns or name in schema.lists:
        return None
    end = name.find(STEP, 1)
    while end > 0:
        if relation_named(schema, name[:end]) is not None:
            return name[:end], name[end + len(STEP) :]
        end = name.find(STEP, end + 1)
    return None


def compile_clauses(schema: Schema, means: Compile, clauses: Mapping[str, Any]) -> list[Node]:
    """Return the nodes of the clauses of one call.

    Args:
        schema: the schema of the model.
        means: returns the node of a clause on a column of a model.
        clauses: values by column, or by path.

    Raises:
        QueryError: a clause is wrong, as for `means`.
    """
    found: list[Node] = []
    places: dict[str, int] = {}
    inner: dict[str, dict[str, Any]] = {}
    for name, value in clauses.items():
        path = path_in(schema, name) if STEP in name else None
        if path is None:
            found.append(means(schema, name, value))
            continue
        relation, rest = path
        if relation not in inner:
            inner[relation], places[relation] = {}, len(found)
            found.append(All())
        inner[relation][rest] = value
    for relation, rest_of in inner.items():
        found[places[relation]] = _over(schema, relation, means, rest_of)
    return found


def _over(schema: Schema, name: str, means: Compile, clauses: Mapping[str, Any]) -> Node:
    other = relation_named(schema, name).get_related_model()
    try:
        nodes = compile_clauses(other._schema, means, clauses)
    except QueryError as error:
        raise QueryError(f'{schema.name}.{name}: {error}') from None
    return Related(name, other, All(tuple(nodes)))


def related(schema: Schema, method: str, relation: Any, other: Any, where: Node) -> Node:
    """Return the node for the rows that a relation leads from to rows that match.

    Raises:
        QueryError: the relation is one of another model.
    """
    if relation_named(schema, relation.name) is not relation:
        raise QueryError(
            f'{schema.name}.query.{method}({relation.name}): this relation is not that of '
            f'{schema.name}, but one of another model'
        )
    return Related(relation.name, other, where if isinstance(where, All) else All((where,)))


def related_to(schema: Schema, method: str, name: str, value: Any) -> Node:
    """Return the node for `filter(books=book)`: the entities in whose list another one is.

    Args:
        schema: the schema of the model.
        method: the name of the query's method.
        name: the name of the list.
        value: an entity of the other model or its id, or a list of them.

    Raises:
        QueryError: a value is neither.
    """
    other = schema.lists[name].get_related_model()
    ids: set[int] = set()
    for one in value if isinstance(value, (list, set, frozenset)) else [value]:
        id = one._need_id() if isinstance(one, other) else one
        if type(id) is not int:
            raise QueryError(
                f'{schema.name}.query.{method}({name}={show(one)}): expected an entity of '
                f'{other.__name__} or its id, or a list of them'
            )
        ids.add(id)
    return Related(name, other, All((Ids(tuple(sorted(id for id in ids if id > 0))),)))


def has_related(node: Node) -> bool:
    """Return whether a tree has a filter over a relation."""
    if isinstance(node, (All, AnyOf)):
        return any(map(has_related, node.nodes))
    return isinstance(node, Related) or (isinstance(node, Not) and has_related(node.node))
