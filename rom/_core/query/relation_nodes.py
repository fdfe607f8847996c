"""Nodes of plans for relations: the one that a query has, and those that a search has in its place.

A filter such as ``team__name='x'`` is about rows of another model, which may be on another server.
So a session first finds the ids of those rows, and then puts a node with the ids in its place: see
`rom._core.sessions.related_filters`.
"""

from typing import Any, Final, NamedTuple

from rom._core.query.filter_labels import FilterLabel, labelled

RELATIONS: Final = frozenset(('relations',))


@labelled
class Related(NamedTuple):
    """The ids of the rows that are related to a row of another model that matches.

    No script knows this node: a search gets another in its place.

    Attributes:
        relation: the name of the relation.
        model: the other model.
        where: the filters on the rows of that model, an `All`.
    """

    relation: str
    model: Any
    where: Any
    label: FilterLabel | None = None

    def as_map(self) -> dict[str, Any]:
        raise AssertionError(f'{self!r}: a session replaces this node before it searches')

    @property
    def needs(self) -> frozenset[str]:
        """The names of the parts of the script that the node needs."""
        return RELATIONS


@labelled
class Referring(NamedTuple):
    """The ids of the rows that refer to one of some ids.

    Attributes:
        key: the key of the index of the references.
        ids: in ascending order, without repeats; doubles hold them exactly.
    """

    key: bytes
    ids: tuple[int, ...]
    label: FilterLabel | None = None

    def as_map(self) -> dict[str, Any]:
        return {'kind': 'refer', 'key': self.key, 'ids': [b'%d' % id for id in self.ids]}

    @property
    def needs(self) -> frozenset[str]:
        return RELATIONS


@labelled
class Linked(NamedTuple):
    """The ids of the rows with a link to one of some ids.

    Attributes:
        head, tail: the parts of the key of the set of rows with a link to an id, around the id.
        field: the column in the row.
        ids: in ascending order, without repeats.
    """

    head: bytes
    tail: bytes
    field: bytes
    ids: tuple[int, ...]
    label: FilterLabel | None = None

    def as_map(self) -> dict[str, Any]:
        ids = [b'%d' % id for id in self.ids]
        return {
            'kind': 'link', 'head': self.head, 'tail': self.tail, 'field': self.field, 'ids': ids,
        }  # fmt: skip

    @property
    def needs(self) -> frozenset[str]:
        return RELATIONS
