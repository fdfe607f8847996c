"""Element changes: additions to a collection and removals from it, by an update. Pure.

`Query.update` and `Model.upsert` apply the change to the value of each row that they write, and
write only if the row has not changed meanwhile. So the changes of several programs all count.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from rom._core.encoding.text import show


class ElementStep(NamedTuple):
    """One step of a change.

    Attributes:
        verb: 'add', 'append' or 'remove'.
        elements: the elements that it adds or removes.
    """

    verb: str
    elements: tuple[Any, ...]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ElementChange:
    """A change of a collection, for `Query.update` and `Model.upsert`; steps can be chained.

    Attributes:
        column: the column whose value it begins with; a row without a value begins empty.
        steps: the steps, in order.

    Example::

        Article.query.update(tags=Article.tags.remove('draft').add('published'))
    """

    column: Any
    steps: tuple[ElementStep, ...] = ()

    def add(self, *elements: Any) -> 'ElementChange':
        """Add the elements that the collection lacks."""
        return self._then('add', elements)

    def append(self, *elements: Any) -> 'ElementChange':
        """Add elements at the end of a list, also those that it has."""
        return self._then('append', elements)

    def remove(self, *elements: Any) -> 'ElementChange':
        """Remove elements, wherever they are."""
        return self._then('remove', elements)

    def _then(self, verb: str, elements: tuple[Any, ...]) -> 'ElementChange':
        return replace(self, steps=(*self.steps, ElementStep(verb, elements)))

    def converted(self) -> 'ElementChange':
        """Return the change with elements as the column keeps them.

        Raises:
            InvalidColumnValue: the column does not accept one.
        """
        elements = self.column.elements
        converts = {'remove': elements.kept}  # a row may have elements that are no longer choices
        return replace(
            self,
            steps=tuple(
                ElementStep(verb, tuple(converts.get(verb, elements.taken)(values)))
                for verb, values in self.steps
            ),
        )

    def applied(self, value: Iterable[Any] | None) -> Any:
        """Return the changed collection; None where it has no value, and none is added."""
        if value is None and not any(verb in _ADDS and given for verb, given in self.steps):
            return None
        found = list(value or ())
        for verb, elements in self.steps:
            found = _STEPS[verb](found, elements)
        return self.column.collect(found)

    def __repr__(self) -> str:
        steps = (f'.{verb}({", ".join(map(show, values))})' for verb, values in self.steps)
        return f'{self.column.name}{"".join(steps)}'


def _added(found: list[Any], elements: tuple[Any, ...]) -> list[Any]:
    seen = set(found)
    return found + [one for one in dict.fromkeys(elements) if one not in seen]


def _appended(found: list[Any], elements: tuple[Any, ...]) -> list[Any]:
    return [*found, *elements]


def _removed(found: list[Any], elements: tuple[Any, ...]) -> list[Any]:
    gone = set(elements)
    return [one for one in found if one not in gone]


_STEPS: Final[dict[str, Callable[[list[Any], tuple[Any, ...]], list[Any]]]] = {
    'add': _added,
    'append': _appended,
    'remove': _removed,
}
_ADDS: Final = ('add', 'append')
