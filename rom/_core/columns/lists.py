"""List and Set: columns of several values."""

from __future__ import annotations

from typing import Any, TypeVar

from rom._core.columns.collection import CollectionColumn
from rom._core.columns.element_changes import ElementChange
from rom._core.support.public_names import publish

E = TypeVar('E')


class List(CollectionColumn[list[E], E]):
    """A list of values of one other column, in their order, with repeats.

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


class Set(CollectionColumn[set[E], E]):
    """A set of values of one other column.

    The row holds the elements in their order, so that equal sets have equal bytes.

    Example::

        class Article(rom.Model):
            readers = rom.Set(rom.Integer(), index=True, default=set)

        article.readers |= {5, 7}
        Article.query.where(Article.readers.overlaps(5, 7))
    """

    accepts = (set, frozenset, list, tuple)
    holds = set

    def settle(self, value: set[E]) -> None:
        kept = list(self.elements.kept(value))
        # Equal elements may differ in their type, so the ones that are kept replace all.
        if any(one is not other for one, other in zip(value, kept, strict=True)):
            value.clear()
            value.update(kept)

    def to_json(self, value: set[E]) -> list[Any]:
        return sorted(self.elements.to_json(value), key=_place)


def _place(form: Any) -> tuple[bool, Any]:
    """Return the sort key of a JSON form: numbers before text, such as "NaN"."""
    return isinstance(form, str), form


publish('rom', List, Set)
