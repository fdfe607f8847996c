"""Result of a search for records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from rom._core.encoding.text import show
from rom.exceptions import QueryError

if TYPE_CHECKING:
    from rom.repocket.record import ActiveRecord

R = TypeVar('R', bound='ActiveRecord')


class ResultSet(list[R]):
    """List of records that can be sorted by their attributes."""

    def order_by(self, *names: str) -> ResultSet[R]:
        """Return the same records in another order.

        Args:
            *names: the attributes to sort by, the first one first. A leading ``-`` means
                descending. None comes last, either way.

        Returns:
            A new ResultSet.

        Raises:
            RepocketUnknownField: the model has no such attribute.
            QueryError: no name is given, or the values cannot be compared.

        Example::

            User.objects.all().order_by('name', '-age')
        """
        if not names:
            raise QueryError('order_by: expected the name of an attribute, got none')
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
            raise QueryError(f'order_by({show(name)}): the values have no order: {error}') from None
        without = [record for value, record in standing if value is None]
        self[:] = [record for _, record in with_value] + without

    def __repr__(self) -> str:
        return f'ResultSet({super().__repr__()})'


def _first(pair: tuple[Any, Any]) -> Any:
    return pair[0]
