"""Partition answers: a query is asked in several partitions, and each of them is read.

The first calls of all partitions go out in one round trip, most of them made of one. A partition
whose search needs more calls gets an operation, which continues from the reply.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from rom._core.ops.requests import Operation, Pipeline
from rom._core.ops.search.first_calls import Begin, FirstCall
from rom._core.ops.shards.lockstep import lockstep, resumed
from rom._core.ops.shards.stencils import alike, stencilled
from rom._core.query.query import Query

T = TypeVar('T')
#: The number of partitions from which on their first calls are made of one.
_MANY: Final = 3


def answered(
    query: Query[Any],
    numbers: Sequence[int],
    query_of: Callable[[int], Query[Any]],
    answer: Callable[[Query[Any]], Operation[T]],
    begin: Begin,
) -> Operation[list[T]]:
    """Return the answers of partitions; most of them by their first call alone.

    Args:
        query: a query over partitions.
        numbers: the partitions, in ascending order.
        query_of: returns the query of a partition.
        answer: answers the query of one partition.
        begin: returns the first call of `answer`.
    """
    calls = None
    if len(numbers) >= _MANY:
        calls = _first_calls(query, numbers, lambda number: begin(query_of(number)))
    if calls is None:
        return (yield from lockstep([answer(query_of(number)) for number in numbers]))
    scripts = [calls[number].script for number in numbers]
    replies = yield Pipeline(tuple(scripts), optional=len(scripts))
    found: list[Any] = []
    left: list[int] = []
    for at, (number, reply) in enumerate(zip(numbers, replies, strict=True)):
        is_error = isinstance(reply, Exception)
        found.append(None if is_error else calls[number].read(query.schema.at(number), reply))
        if found[-1] is None:
            left.append(at)
    rest = [resumed(answer(query_of(numbers[at])), scripts[at], replies[at]) for at in left]
    for at, one in zip(left, (yield from lockstep(rest)), strict=True):
        found[at] = one
    return found


def _first_calls(
    query: Query[Any], numbers: Sequence[int], begin: Callable[[int], FirstCall | None]
) -> dict[int, FirstCall] | None:
    """Return the first call of each partition; None: some begin with another request."""
    calls: dict[int, FirstCall] = {}
    for group in alike(query, numbers):
        first = begin(group[0])
        last = first if len(group) == 1 else begin(group[-1])
        if first is None or last is None:
            return None
        scripts = stencilled(query, group, first.script, last.script)
        if scripts is None:
            each = [begin(number) for number in group]
        else:
            each = [FirstCall(script, first.read) for script in scripts]
        for number, call in zip(group, each, strict=True):
            if call is None:
                return None
            calls[number] = call
    return calls
