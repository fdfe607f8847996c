"""Sort orders as pure data, and the position of a result in them, at which a page begins."""

from typing import Any, Literal, NamedTuple, TypeAlias

Tie: TypeAlias = Literal['id', 'integer', 'text', 'text_ci']
Direction: TypeAlias = Literal['up', 'down']


class Order(NamedTuple):
    """A sort order of the results.

    Attributes:
        column: the column's name, or that of a sub-index, as in 'col:x'.
        reverse: the largest first.
        kind: 'score' by a numeric index, 'text' by an index of whole strings, 'stored' by the
            stored values, 'id' by the ids. No order follows 'id', because no two are equal.
        key: the key of that index; empty for 'stored' and 'id'.
        tie: how entities with equal scores are sorted.
        field: the column in the row that `tie` compares.
        or_stored: if the key does not exist, sort by the stored values.
        absent_first: entities without a value come first, and not last: in a reversed order.
    """

    column: str
    reverse: bool
    kind: Literal['score', 'text', 'stored', 'id']
    key: bytes = b''
    tie: Tie = 'id'
    field: bytes = b''
    or_stored: bool = False
    absent_first: bool = False

    @property
    def may_need_rows(self) -> bool:
        """True if the results may have to be sorted by the values in their rows."""
        return self.kind != 'score' or self.or_stored

    def reversed(self) -> 'Order':
        """Return the order that sorts the same entities the other way round."""
        return self._replace(reverse=not self.reverse, absent_first=not self.absent_first)

    def as_map(self) -> dict[str, Any]:
        found = {
            'kind': self.kind,
            'key': self.key,
            'reverse': self.reverse,
            'tie': self.tie,
            'field': self.field,
            'or_stored': self.or_stored,
        }
        return {**found, 'absent_first': True} if self.absent_first else found


class SortKey(NamedTuple):
    """The position of a row in an order.

    Attributes:
        score: its number in the order's index; None without an entry.
        raw: its stored value of the column; None without a value, or if the order has no column.
    """

    score: bytes | None
    raw: bytes | None


class SortCursor(NamedTuple):
    """The position of a result, after which the next page begins.

    Attributes:
        id: the id of the result.
        places: its position in each order. Empty although there are orders: the page is the first
            one, and the reply must include the positions of its rows.
    """

    id: int
    places: tuple[SortKey, ...] = ()
