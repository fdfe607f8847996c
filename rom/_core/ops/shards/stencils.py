"""Stencils: the request of one partition, from which those of the others are made.

All keys of a partition have its tag, and all tags of a group have one width. So the packed
requests of two partitions differ in the bytes of the tag alone, unless ids are part of them: an id
is another one in each partition. To replace bytes takes a tenth of planning and packing a request.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any

from rom._core.ops.compound_state import may_use_compounds
from rom._core.ops.requests import Script
from rom._core.ops.shards.asking import moved_node
from rom._core.ops.shards.partitions import partitions_of
from rom._core.query.nodes import All, AnyOf, Ids, IdsBetween, Node, Not
from rom._core.query.query import Query


def alike(query: Query[Any], numbers: Sequence[int]) -> list[list[int]]:
    """Return the numbers of partitions in groups, in which the requests differ in the tag alone.

    Args:
        query: a query over partitions.
        numbers: the partitions, in ascending order.
    """
    apart = _what_differs(query)
    if apart is None:
        return [list(numbers)]
    groups: dict[Hashable, list[int]] = {}
    for number in numbers:
        groups.setdefault(apart(number), []).append(number)
    return list(groups.values())


def _what_differs(query: Query[Any]) -> Callable[[int], Hashable] | None:
    """Return the function that gives what else than the tag a partition's request depends on.

    None: nothing else.
    """
    schema, mark = query.schema, query.spec.mark
    with_ids = tuple(_with_ids(query.spec.where))
    has_mark = mark is not None and mark.id
    if not (with_ids or has_mark or schema.compounds):
        return None

    def differing(number: int) -> Hashable:
        own = schema.at(number)
        assert own.part is not None
        marks = (own.part.first_at(mark.id), own.part.last_at(mark.id)) if mark and mark.id else ()
        moved = tuple(moved_node(query, own, node) for node in with_ids)
        return bool(schema.compounds) and may_use_compounds(own), marks, moved

    return differing


def _with_ids(node: Node) -> Iterator[Node]:
    """Yield the nodes of a tree whose ids are others in each partition."""
    if isinstance(node, (All, AnyOf)):
        for inner in node.nodes:
            yield from _with_ids(inner)
    elif isinstance(node, Not):
        yield from _with_ids(node.node)
    elif isinstance(node, (Ids, IdsBetween)):
        yield node


def stencilled(
    query: Query[Any], numbers: Sequence[int], first: Script, last: Script
) -> list[Script] | None:
    """Return the scripts of all partitions of a group; None: they cannot be made of one.

    The last one is planned as well, and compared with the one that is made. They differ if a value
    of the program contains the tag, because that is replaced too.

    Args:
        query: a query over partitions.
        numbers: the numbers of `alike` partitions.
        first: the script of the first one.
        last: the script of the last one.
    """
    assert query.schema.placement is not None
    tag = partitions_of(query.schema.placement.group).tag
    name, key, request, parts = first
    stem = tag(numbers[0])
    made = []
    for number in numbers:
        own = tag(number)
        made.append(Script(name, key.replace(stem, own), request.replace(stem, own), parts))
    return made if made[-1] == last else None
