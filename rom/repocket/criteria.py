"""Criteria: the conditions of a filter, one for each attribute. Needs no server.

An index, if there is one, finds candidates, and each criterion is then tested on the records
themselves. So a stale index entry, left by a program without indexes, cannot add a wrong record.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rom._core.encoding.text import show
from rom._core.query.filters import filtered
from rom._core.query.nodes import InRange, Node
from rom.exceptions import InvalidColumnValue, QueryError
from rom.repocket.record_schema import Layout

_SIGNS: dict[str, Callable[[Any, Any], bool]] = {
    '': operator.eq,
    'gt': operator.gt,
    'gte': operator.ge,
    'lt': operator.lt,
    'lte': operator.le,
}


@dataclass(frozen=True, slots=True)
class Criterion:
    """A condition on one attribute.

    Attributes:
        layout: the model's layout.
        name: the attribute.
        sign: '' for equal, 'gt', 'gte', 'lt', 'lte'.
        value: the value to compare with.
    """

    layout: Layout
    name: str
    sign: str
    value: Any

    def holds(self, found: Any) -> bool:
        """Return whether a value of the attribute meets the condition."""
        if found is None or self.value is None:
            return found is self.value and not self.sign
        comparable = self.layout.attributes[self.name].comparable
        return _SIGNS[self.sign](comparable(found), comparable(self.value))

    def node(self) -> Node | None:
        """Return the query node that finds candidates, or None if no index can."""
        attribute = self.layout.attributes[self.name]
        if self.name not in self.layout.schema.indexes or self.value in (None, '', b''):
            return None
        value = attribute.indexed(self.value)
        low, high = value, value
        if self.sign.startswith('g'):
            high = None
        elif self.sign.startswith('l'):
            low = None
        asked = (low, high) if attribute.is_ordered else value
        node = filtered(self.layout.schema, self.name, asked)
        # Scores are doubles, and large numbers may share one. The server's exact test cannot read
        # the JSON of records, so `holds` decides on the loaded record.
        return node._replace(exact=None) if isinstance(node, InRange) else node

    def identity(self) -> bytes | None:
        """Return the unique value to look up, or None if the condition is not on one."""
        attribute = self.layout.uniques.get(self.name)
        if attribute is None or self.sign or self.value is None:
            return None
        return attribute.identity(self.value) or None

    @property
    def may_be_missing(self) -> bool:
        """True if a missing field meets the condition; such a record claims no unique value."""
        attribute = self.layout.attributes[self.name]
        return not callable(attribute.default) and attribute.missing() == self.value


def criteria_of(layout: Layout, asked: Mapping[str, Any]) -> list[Criterion]:
    """Return the criteria of keyword arguments.

    Raises:
        RepocketUnknownField: the model has no such attribute.
        QueryError: the attribute does not accept the value, or cannot be compared so; or a key is
            not a name.
    """
    for name in asked:
        if not isinstance(name, str):
            raise QueryError(f'{layout.model}: expected names of attributes, got {show(name)}')
    return [_criterion(layout, name, value) for name, value in asked.items()]


def _criterion(layout: Layout, asked: str, value: Any) -> Criterion:
    name, separator, sign = asked.rpartition('__')
    if not separator or asked in layout.attributes:
        name, sign = asked, ''
    attribute = layout.attribute(name)
    where = f'{layout.model}: {asked}={show(value)}'
    if sign not in _SIGNS:
        raise QueryError(f'{where}: expected __gt, __gte, __lt or __lte after the attribute')
    try:
        cast = attribute.cast(value)
    except InvalidColumnValue as error:
        raise QueryError(f'{where}: {error}') from None
    if sign and (cast is None or not (attribute.is_ordered or isinstance(cast, (str, bytes)))):
        raise QueryError(
            f'{where}: a {type(attribute).__name__} has no order for this value; compare for '
            f'equality, with {name}=...'
        )
    return Criterion(layout, name, sign, cast)


def nodes_of(criteria: Sequence[Criterion]) -> tuple[Node, ...]:
    """Return the query nodes of the criteria that have an index."""
    found = (criterion.node() for criterion in criteria)
    return tuple(node for node in found if node is not None)
