"""List and Set: columns of several values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, Unpack, overload

from rom._core.columns.collection import CollectionColumn
from rom._core.columns.element_changes import ElementChange
from rom._core.columns.elements import place_of_form
from rom._core.support.public_names import publish

E = TypeVar('E')
N = TypeVar('N')
if TYPE_CHECKING:
    from typing_extensions import TypeVar as DefaultedTypeVar

    from rom._core.columns.base import Column
    from rom._core.columns.signatures import CollectionOptions, Default, Yes

    ListRead = DefaultedTypeVar('ListRead', default='list[E] | None', covariant=True)
    SetRead = DefaultedTypeVar('SetRead', default='set[E] | None', covariant=True)
else:
    ListRead = SetRead = E


class List(CollectionColumn[list[E], E, ListRead]):
    """A list of values of one other column, in their order, with repeats.

    Saving the entity finds changes in place. Elements that were added in place are converted and
    checked then.

    Args:
        item: the column of the elements, such as ``rom.Text()``, with options of its own:
            ``max_length``, ``choices``, ``validators``.
        required: an entity must have a value, which may be empty.
        default: the value of a new entity that is given none, or a function without arguments that
            returns it, such as ``list``.
        index: enables filters by element. It needs no keygen: an element is found as a whole.
        keygen: ``keygen(element)`` returns the words to index of one element; for strings.
        prefix: enables ``startswith`` and ``like`` on elements that are strings.
        suffix: enables ``endswith`` on elements that are strings.
        max_length: the most elements; None: no maximum, and 10,000 with an index.
        validators: functions that are called with the whole list.
        stored_as: as for :class:`Column`.

    Raises:
        ColumnError: the options contradict each other, or `item` cannot be an element: a relation,
            a `Json`, another list, a primary key.
        InvalidColumnValue: an element is not valid, and the error names its position; or there are
            too many elements.

    Example::

        class Article(rom.Model):
            tags = rom.List(rom.Text(max_length=40), index=True, prefix=True, default=list)

        Article.query.filter(tags='redis')                      # with the tag
        Article.query.filter(tags=['redis', 'valkey'])          # with one of them
        Article.query.where(Article.tags.contains_all('redis', 'python'))
        article.tags.append('fast')                             # found by the next commit
    """

    accepts = (list, tuple)
    holds = list

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: List[N, list[N]],
            item: Column[N, Any],
            required: Yes,
            default: Default[list[N]] | None = None,
            **options: Unpack[CollectionOptions],
        ) -> None: ...
        @overload
        def __init__(
            self: List[N, list[N]],
            item: Column[N, Any],
            required: bool = False,
            *,
            default: Default[list[N]],
            **options: Unpack[CollectionOptions],
        ) -> None: ...
        @overload
        def __init__(
            self: List[N, list[N] | None],
            item: Column[N, Any],
            required: bool = False,
            default: None = None,
            **options: Unpack[CollectionOptions],
        ) -> None: ...
        def __init__(self, *args: Any, **options: Any) -> None: ...

    def settle(self, value: list[E]) -> None:
        for place, kept in enumerate(self.elements.kept(value)):
            if value[place] is not kept:
                value[place] = kept

    def to_json(self, value: list[E]) -> list[Any]:
        return self.elements.to_json(value)

    def append(self, *elements: Any) -> ElementChange:
        """Return the addition of elements at the end, for `Query.update` and `upsert`.

        Example::

            Article.query.filter(id=5).update(log=Article.log.append('seen'))
        """
        return ElementChange(self).append(*elements)


class Set(CollectionColumn[set[E], E, SetRead]):
    """A set of values of one other column, with the arguments of :class:`List`.

    A list is accepted, too. The row holds the elements sorted, so that equal sets have equal bytes.

    Example::

        class Article(rom.Model):
            readers = rom.Set(rom.Integer(), index=True, default=set)

        article.readers |= {5, 7}
        Article.query.where(Article.readers.overlaps(5, 7))
    """

    accepts = (set, frozenset, list, tuple)
    holds = set

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: Set[N, set[N]],
            item: Column[N, Any],
            required: Yes,
            default: Default[set[N]] | None = None,
            **options: Unpack[CollectionOptions],
        ) -> None: ...
        @overload
        def __init__(
            self: Set[N, set[N]],
            item: Column[N, Any],
            required: bool = False,
            *,
            default: Default[set[N]],
            **options: Unpack[CollectionOptions],
        ) -> None: ...
        @overload
        def __init__(
            self: Set[N, set[N] | None],
            item: Column[N, Any],
            required: bool = False,
            default: None = None,
            **options: Unpack[CollectionOptions],
        ) -> None: ...
        def __init__(self, *args: Any, **options: Any) -> None: ...

    def settle(self, value: set[E]) -> None:
        kept = list(self.elements.kept(value))
        # Equal elements may differ in their type, so the ones that are kept replace all.
        if any(one is not other for one, other in zip(value, kept, strict=True)):
            value.clear()
            value.update(kept)

    def to_json(self, value: set[E]) -> list[Any]:
        return sorted(self.elements.to_json(value), key=place_of_form)


publish('rom', List, Set)
