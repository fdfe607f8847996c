"""Criteria: what a filter asks of one attribute; pure.

A criterion is answered here, of what a record says, and also by an index where there is one: the
index finds candidates, and the records decide. So an index entry that is left over, from a program
that knew nothing of indexes, does no harm.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rom.encoding.text import show
from rom.exceptions import InvalidColumnValue, QueryError
from rom.query.filters import filtered
from rom.query.plan import InRange, Node
from rom.repocket.layout import Layout

_SIGNS: dict[str, Callable[[Any, Any], bool]] = {
    '': operator.eq,
    'gt': operator.gt,
    'gte': operator.ge,
    'lt': operator.lt,
    'lte': operator.le,
}


@dataclass(frozen=True, slots=True)
class Criterion:
    """What one attribute must be like.

    Attributes:
        name: the attribute.
        sign: '' for equal, 'gt', 'gte', 'lt', 'lte'.
        value: to compare with.
    """

    layout: Layout
    name: str
    sign: str
    value: Any

    def holds(self, found: Any) -> bool:
        """Whether a value of the attribute meets it."""
        if found is None or self.value is None:
            return found is self.value and not self.sign
        comparable = self.layout.attributes[self.name].comparable
        return _SIGNS[self.sign](comparable(found), comparable(self.value))

    def node(self) -> Node | None:
        """What finds the candidates in an index; None where none can."""
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
        # Where doubles do not tell numbers apart, the record does, once it is here.
        return node._replace(exact=None) if isinstance(node, InRange) else node

    def identity(self) -> bytes | None:
        """The unique value that is asked for; None where it takes none."""
        attribute = self.layout.uniques.get(self.name)
        if attribute is None or self.sign or self.value is None:
            return None
        return attribute.identity(self.value) or None

    @property
    def may_be_missing(self) -> bool:
        """A field that is not there meets it, too; such records take no unique value."""
        attribute = self.layout.attributes[self.name]
        return not callable(attribute.default) and attribute.missing() == self.value


def criteria_of(layout: Layout, asked: Mapping[str, Any]) -> list[Criterion]:
    """What keyword arguments ask.

    Raises:
        RepocketUnknownField: no such attribute.
        QueryError: a value that is none of its attribute, or a comparison that makes no sense.
    """
    return [_criterion(layout, name, value) for name, value in asked.items()]


def _criterion(layout: Layout, asked: str, value: Any) -> Criterion:
    name, separator, sign = asked.rpartition('__')
    if not separator or asked in layout.attributes:
        name, sign = asked, ''
    attribute = layout.attribute(name)
    where = f'{layout.model}: {asked}={show(value)}'
    if sign not in _SIGNS:
        raise QueryError(f'{where}: after the two underscores comes gt, gte, lt or lte')
    try:
        cast = attribute.cast(value)
    except InvalidColumnValue as error:
        raise QueryError(f'{where}: {error}') from None
    if sign and (cast is None or not (attribute.is_ordered or isinstance(cast, (str, bytes)))):
        raise QueryError(f'{where}: no value of a {type(attribute).__name__} is larger than that')
    return Criterion(layout, name, sign, cast)


def nodes_of(criteria: Sequence[Criterion]) -> tuple[Node, ...]:
    """What indexes can tell of these criteria."""
    found = (criterion.node() for criterion in criteria)
    return tuple(node for node in found if node is not None)
