"""The methods of queries that search ranked texts, and mark the words that were found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from rom._core.encoding.text import show
from rom._core.query.base import QueryBase, R_co
from rom._core.query.ordering import all_ordered
from rom._core.query.results import Scored
from rom.exceptions import QueryError

if TYPE_CHECKING:
    from typing import Self

    from rom._core.query.highlights import Highlighter
    from rom._core.query.words import Match


class SearchMethods(QueryBase[R_co]):
    """The search of a query, and its relevance."""

    __slots__ = ()

    def search(
        self,
        text: str,
        columns: str | Iterable[str] | Mapping[str, float] | None = None,
        match: Match = 'all',
        *,
        prefix_last: bool = False,
        fuzzy: bool | int = False,
        stem: str | None = None,
    ) -> Self:
        """Keep the entities whose ranked columns have the words of a text, the best match first.

        The results are in the order of BM25 (k1 = 1.2, b = 0.75), and with equal scores in that of
        their ids. `order_by` changes that order. Case and accents do not count. A text without
        letters and digits matches nothing.

        Args:
            text: the words, at most 64 different ones and 10,000 characters.
            columns: a column with ``rank=True``, several of them, or a dict of their weights;
                None: all of them. A word may be in any of these columns.
            match: ``'all'``: the entities that have each word; ``'any'``: at least one.
            prefix_last: the last word may be the start of a longer one, for a search while a user
                types.
            fuzzy: also find words that differ by an edit, a character more, less or another: one
                edit in words of three characters, two in words of eight. A number is a lower
                maximum.
            stem: the language that the stems of the columns must have. They are an option of the
                column, so None will do.

        Returns:
            Another query.

        Raises:
            QueryError: an unknown column, or one without ``rank=True``; a text that is too long;
                a second search in one query; or a value that is not valid for its argument.

        Example::

            Article.query.search('red shoe', {'title': 3, 'body': 1}).limit(20).all()
            Article.query.search('runing sho', fuzzy=True, prefix_last=True).filter(year=2026)
        """
        if self.spec.search is not None:
            raise QueryError(
                f'{self.schema.name}.query.search({show(text)}): the query has a search already; '
                'put all words into one'
            )
        from rom._core.query.words import searching

        return self._also([searching(self.schema, text, columns, match, prefix_last, fuzzy, stem)])

    def highlight(
        self,
        entity: Any,
        column: str,
        *,
        before: str = '<mark>',
        after: str = '</mark>',
        escape: Callable[[str], str] | None = None,
    ) -> str:
        """Return a column's text with the words of the query's `search` marked, for HTML.

        Args:
            entity: a result, or the text itself.
            column: one of the columns that are searched.
            before: the text before each marked word.
            after: the text behind it.
            escape: the function that escapes the text around `before` and `after`; None: that of
                HTML. For plain text, pass ``str``.

        Returns:
            The text; empty for an entity without a value.

        Raises:
            QueryError: the query has no search, or it does not search the column.

        Example::

            query = Article.query.search('red shoe')
            for article in query.limit(20):
                print(query.highlight(article, 'title'))     # A <mark>red</mark> hat
        """
        from rom._core.query.highlights import highlighted

        highlighter = self._highlighter(column, before, after, escape)
        return highlighted(_text_of(entity, column), highlighter)

    def snippets(
        self,
        entity: Any,
        column: str,
        size: int = 150,
        most: int = 3,
        *,
        before: str = '<mark>',
        after: str = '</mark>',
        escape: Callable[[str], str] | None = None,
    ) -> list[str]:
        """Return the parts of a column's text with most words of the query's `search`, marked.

        Args:
            entity: a result, or the text itself.
            column: one of the columns that are searched.
            size: the maximum number of characters of a part, without the markers.
            most: the maximum number of parts.
            before: the text before each marked word.
            after: the text behind it.
            escape: as for `highlight`.

        Returns:
            The parts, in the order of the text, with an ellipsis where text is left out; empty for
            a text without any of the words.

        Raises:
            QueryError: the query has no search, or it does not search the column; a size or a
                number below 1.

        Example::

            ' '.join(query.snippets(article, 'body', size=100, most=2))
        """
        from rom._core.query import highlights

        highlighter = self._highlighter(column, before, after, escape)
        where = f'{self.schema.name}.query.snippets()'
        return highlights.snippets(_text_of(entity, column), highlighter, where, size, most)

    def _highlighter(
        self, column: str, before: str, after: str, escape: Callable[[str], str] | None
    ) -> Highlighter:
        from rom._core.query.highlights import Highlighter, Markers

        markers = Markers(before, after) if escape is None else Markers(before, after, escape)
        return Highlighter(self.schema, self.spec.search, column, markers)

    def for_writes(self) -> Self:
        """Return the query for a write of its results, which may change their relevance.

        So relevance is no order of a write, unless a limit needs it.
        """
        spec = self.spec
        if spec.ranking is None or spec.count is not None or spec.offset:
            return self
        return self._with(orders=all_ordered(self.schema, (self.schema.primary,)))


def _text_of(entity: Any, column: str) -> Any:
    """Return the text to highlight: a string itself, or the value of an entity's column."""
    if isinstance(entity, Scored):
        entity = entity.result
    if entity is None or isinstance(entity, str):
        return entity
    return entity.get(column) if isinstance(entity, dict) else getattr(entity, column)
