"""What a search of records gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from rom.encoding.text import show
from rom.exceptions import QueryError

if TYPE_CHECKING:
    from rom.repocket.record import ActiveRecord

R = TypeVar('R', bound='ActiveRecord')


class ResultSet(list[R]):
    """A list of records that can be sorted by their attributes."""

    def order_by(self, *names: str) -> ResultSet[R]:
        """The same records in another order.

        Args:
            *names: attributes; one that begins with ``-`` sorts the other way round. What the
                first leaves equal is sorted by the second, and so on. None comes last, either way.

        Returns:
            A new ResultSet.

        Raises:
            RepocketUnknownField: no such attribute.
            QueryError: no name, or values that do not compare.

        Example::

            User.objects.all().order_by('name', '-age')
        """
        if not names:
            raise QueryError('order_by takes the name of an attribute')
        found = ResultSet(self)
        for name in reversed(names):
            found._sort_by(name.removeprefix('-'), name.startswith('-'))
        return found

    def _sort_by(self, name: str, is_reversed: bool) -> None:
        standing = [(record._comparable(name), record) for record in self]
        with_value = [pair for pair in standing if pair[0] is not None]
        try:
            with_value.sort(key=_first, reverse=is_reversed)
        except TypeError as error:
            raise QueryError(f'order_by({show(name)}): its values have no order: {error}') from None
        without = [record for value, record in standing if value is None]
        self[:] = [record for _, record in with_value] + without

    def __repr__(self) -> str:
        return f'ResultSet({super().__repr__()})'


def _first(pair: tuple[Any, Any]) -> Any:
    return pair[0]
