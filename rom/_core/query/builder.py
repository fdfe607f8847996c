"""The builder half of Query: methods that return a copy with another clause, order or limit.

Each method checks its arguments, so that a query that exists can run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, overload

from rom._core.columns.expressions import Expression
from rom._core.encoding.integers import ENDLESS
from rom._core.encoding.text import shorten, show, show_name
from rom._core.query.compile_expressions import compile_expression
from rom._core.query.empty_filters import check_lookups, warn_of_expired
from rom._core.query.filters import filtered
from rom._core.query.nodes import Node
from rom._core.query.ordering import all_ordered
from rom._core.query.results import Scored, Selection, select_columns
from rom._core.query.sort_order import SortCursor
from rom._core.query.spec import EMPTY_SPEC, EVERYTHING, QuerySpec
from rom._core.query.string_filters import ending, like_node, not_ending, not_starting, starting
from rom._core.query.windows import within
from rom._core.schema import Schema
from rom.exceptions import ArgumentError, QueryError

if TYPE_CHECKING:
    from typing import Never, Self

    from rom._core.query.highlights import Highlighter
    from rom._core.query.words import Match
R_co = TypeVar('R_co', covariant=True)
# The default of `limit`'s second argument: its first one is the count then.
_ALONE: Final[Any] = object()
Q = TypeVar('Q', bound='QueryBuilder[Any]')


class QueryBuilder(Generic[R_co]):
    """The builder half of Query; every method returns a copy."""

    __slots__ = ('model', 'spec')

    def __init__(self, model: type[Any], spec: QuerySpec = EMPTY_SPEC) -> None:
        self.model = model
        self.spec = spec

    @property
    def schema(self) -> Schema:
        """The schema of the model."""
        schema: Schema = self.model._schema
        return schema

    @property
    def selection(self) -> Selection | None:
        """The columns that results have as plain data; None: results are entities."""
        return self.spec.selection

    def __repr__(self) -> str:
        from rom._core.query.query_repr import written

        return written(self.schema.name, self.spec)

    def _with(self, **changes: Any) -> Self:
        return type(self)(self.model, self.spec._replace(**changes))

    def _where(self, means: Callable[[Schema, str, Any], Node], clauses: dict[str, Any]) -> Self:
        schema = self.schema
        return self._also([means(schema, name, value) for name, value in clauses.items()])

    def _also(self, nodes: Sequence[Node]) -> Self:
        if not self.spec.with_expired:
            warn_of_expired(self.schema, nodes)
        if self.spec.with_deleted:
            check_lookups(self.schema, nodes)
        return type(self)(self.model, self.spec.also(nodes))

    def filter(self, /, *expressions: Never, **clauses: Any) -> Self:
        """Keep the entities whose columns have all of these values.

        A value is a word, a number or date, ``True`` or ``False``. ``(low, high)`` is a range that
        includes both ends, and ``None`` leaves an end open. A list or set matches any of its
        values. In an index of the words of a text, all given words must occur.
        ``**{'col:x': value}`` searches the numbers that a keygen names ``x``, and
        ``filter(col='x')`` finds all entities that have one.

        The primary key needs no index. Nor does a unique column, for a value or a list of values:
        they are looked up as in `get_by`. For both, a list has at most 20,000 values.

        Args:
            **clauses: values by column.

        Returns:
            Another query.

        Raises:
            QueryError: an unknown column, one without ``index=True``, or a value that is not
                valid for it.

        Example::

            User.query.filter(city=['Oslo', 'Bergen'], age=(18, None))
            User.query.filter(id=[1, 2, 3])
        """
        if expressions:
            shown = shorten(', '.join(map(show, expressions)), 200)
            raise QueryError(
                f'{self.schema.name}.query.filter({shown}): takes values by column, as in '
                'filter(age=(18, None)); compared columns are for where(...), as in '
                f'where({self.schema.name}.age >= 18)'
            )
        return self._where(filtered, clauses)

    def where(self, *expressions: Expression) -> Self:
        """Keep the entities for which all expressions hold: comparisons, joined by ``& | ~``.

        A column has ``== != < <= > >=``, ``between``, ``in_``, ``startswith``, ``endswith``,
        ``like`` and ``is_none``; they match as `filter` and the other methods do. ``~x`` matches
        all entities that ``x`` does not, including those without a value. ``!=`` is ``~`` of
        ``==``.

        Args:
            *expressions: comparisons.

        Returns:
            Another query.

        Raises:
            QueryError: no expression; a column of another model, or one without the index that
                the comparison needs; or a value that is not valid for it.

        Example::

            User.query.where((User.age >= 18) & ((User.city == 'Rome') | User.city.is_none()))
        """
        return self._also(
            [compile_expression(self.schema, expression) for expression in expressions]
        )

    def startswith(self, /, **clauses: str | bytes) -> Self:
        """Keep the entities whose columns start with these strings.

        The keygen decides whether that is the start of each word or of the whole value.

        Args:
            **clauses: prefixes by column; an empty one matches all entities with a value.

        Raises:
            QueryError: an unknown column, one without ``prefix=True``, or a value that is not a
                string.

        Example::

            User.query.startswith(name='Jo')
        """
        return self._where(starting, clauses)

    def endswith(self, /, **clauses: str | bytes) -> Self:
        """Keep the entities whose columns end with these strings.

        The keygen decides whether that is the end of each word or of the whole value.

        Args:
            **clauses: suffixes by column; an empty one matches all entities with a value.

        Raises:
            QueryError: an unknown column, one without ``suffix=True``, or a value that is not a
                string.

        Example::

            User.query.endswith(email='@example.org')
        """
        return self._where(ending, clauses)

    def does_not_startwith(self, /, **clauses: Any) -> Self:
        """Keep the entities with an indexed value that starts with none of these strings.

        An entity without a value does not match. One with several words, as with ``FULL_TEXT``,
        matches if any word starts otherwise.

        Args:
            **clauses: by column, one prefix, or a list of them; an empty list matches all entities
                with a value.

        Raises:
            QueryError: an unknown column, one without ``prefix=True``, or a value that is not a
                string.

        Example::

            User.query.does_not_startwith(phone=['+47', '+46'])
        """
        return self._where(not_starting, clauses)

    def does_not_endwith(self, /, **clauses: Any) -> Self:
        """Keep the entities with an indexed value that ends with none of these strings.

        An entity without a value does not match. One with several words, as with ``FULL_TEXT``,
        matches if any word ends otherwise.

        Args:
            **clauses: by column, one suffix, or a list of them; an empty list matches all entities
                with a value.

        Raises:
            QueryError: an unknown column, one without ``suffix=True``, or a value that is not a
                string.

        Example::

            User.query.does_not_endwith(email='@example.org')
        """
        return self._where(not_ending, clauses)

    def like(self, /, **clauses: str | bytes) -> Self:
        """Keep the entities whose columns start with a match of a pattern.

        In a pattern ``?`` matches no character or one, ``*`` any number of them, ``+`` one or more
        and ``!`` exactly one. All other characters match themselves. A pattern has at most 16
        groups of wildcards, and at most 1,000 characters from the first one on.

        Args:
            **clauses: patterns by column.

        Raises:
            QueryError: an unknown column, one without ``prefix=True``, a value that is not a
                string, or a pattern that is too long.

        Example::

            User.query.like(name='J*n!son')
        """
        return self._where(like_node, clauses)

    def near(
        self,
        name: str,
        lon: float,
        lat: float,
        distance: float | None = None,
        measure: str | None = None,
        count: int | None = None,
        *,
        radius: float | None = None,
        unit: str | None = None,
    ) -> Self:
        """Keep the entities within a distance of a point, the nearest first.

        `order_by` changes that order.

        Args:
            name: the name of the model's :class:`rom.GeoIndex`.
            lon: the point's longitude, in degrees.
            lat: its latitude, in degrees.
            distance: the largest distance from the point.
            measure: the unit of the distance: ``'m'``, which is the default, ``'km'``, ``'mi'`` or
                ``'ft'``.
            count: keep only so many, the nearest ones; other clauses filter those.
            radius: another name of `distance`.
            unit: another name of `measure`.

        Raises:
            ArgumentError: no distance; an argument given under both its names; an unknown geo
                index or unit. It is also a TypeError and a ValueError.
            QueryError: a value that is not valid there.

        Example::

            Shop.query.near('at', 10.75, 59.91, 5, 'km').limit(0, 10).all()
        """
        from rom._core.query.geo_filters import nearby, one_of

        radius = one_of('distance', distance, 'radius', radius)
        if radius is None:
            raise ArgumentError('near(name, lon, lat, distance, measure) needs a distance')
        unit = one_of('measure', measure, 'unit', unit)
        node = nearby(self.schema, name, lon, lat, radius, 'm' if unit is None else unit, count)
        return type(self)(self.model, self.spec.also((node,)))

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

    def order_by(self, *columns: str) -> Self:
        """Sort the results; the last call counts.

        Entities with equal values in the first column are sorted by the second, and so on; finally
        by id, in the direction of the last column. Entities without a value are last, in either
        direction.

        Args:
            *columns: their names, ``'-name'`` for the largest first; or ``'name:x'``, the number
                that a keygen names ``x``. The primary key needs no index.

        Raises:
            QueryError: no column, one twice, an unknown one, or one without any index.

        Warns:
            UserWarning: the index of a text column does not sort, so that rom reads all results
                and sorts them by the stored values.

        Example::

            User.query.order_by('city', '-age')
            User.query.order_by('-id').limit(0, 20)     # the newest
        """
        return self._with(orders=all_ordered(self.schema, columns))

    @overload
    def limit(self, count: int, /) -> Self: ...
    @overload
    def limit(self, offset: int, count: int) -> Self: ...
    def limit(self, offset: int, count: int = _ALONE) -> Self:
        """Skip the first results, and return at most so many; the last call counts.

        ``limit(count)`` keeps the number to skip, which `offset` sets. A slice sets both:
        ``query[20:30]`` is ``query.limit(20, 10)``.

        Args:
            offset: the number to skip; below 0 it is 0.
            count: the maximum number of results; below 1 it is 0.

        Raises:
            ArgumentError: an argument is not an int. It is also a TypeError.

        Example::

            User.query.order_by('-age').limit(20, 10)
        """
        method = 'limit(offset, count)'
        if count is _ALONE:
            return self._with(count=within(self.schema, method, offset))
        first = within(self.schema, method, offset)
        return self._with(offset=first, count=within(self.schema, method, count))

    def offset(self, offset: int) -> Self:
        """Skip the first results; the last call of this or of ``limit(offset, count)`` counts.

        Args:
            offset: the number to skip; below 0 it is 0.

        Raises:
            ArgumentError: the argument is not an int. It is also a TypeError.

        Example::

            User.query.order_by('-age').offset(20).limit(10)
        """
        return self._with(offset=within(self.schema, 'offset(offset)', offset))

    def replace(self, **parts: Any) -> Self:
        """Return the query with other parts, as in rom 1.x; None removes a part.

        Args:
            **parts: ``filters``, a query that has them; ``order_by``, a column's name or a list of
                names; ``limit``, an ``(offset, count)``; ``select``, a list of columns.

        Raises:
            ArgumentError: another name, or a value of another type. It is also a TypeError.
            QueryError: as for `order_by` and `select`; or ``filters`` is not a query of this
                model.

        Example::

            User.query.filter(age=42).replace(order_by='name', limit=(0, 10))
        """
        query = self
        for name, value in parts.items():
            if name not in _PARTS:
                raise ArgumentError(
                    f'replace() takes {", ".join(_PARTS)}, not {show_name(name)}: for another '
                    'model, begin with its query'
                )
            query = _PARTS[name](query, value)
        return query

    def load(self, *paths: str) -> Self:
        """Load relations with the results, in one more round trip for each step of a path.

        Args:
            *paths: names of relations, as ``'author'`` or ``'author.publisher'``.

        Raises:
            QueryError: no such relation.

        Example::

            Book.query.load('author.publisher')
        """
        for path in paths:
            first = path.split('.')[0] if isinstance(path, str) else path
            if first not in self.schema.loadable:
                raise QueryError(
                    f'{self.schema.name}.query.load({show(path)}): the model has no relation '
                    f'{show(first)}'
                )
        return self._with(loads=(*self.spec.loads, *paths))

    def with_expired(self) -> Self:
        """Include entities that have expired, until `util.expire` removes them.

        Call it before a filter by times in the past, which warns otherwise. It has no effect on a
        model without :class:`rom.ExpireAt`. Relations loaded with the results still leave out
        expired entities.

        Example::

            Login.query.with_expired().filter(user=ann).all()
        """
        return self._with(with_expired=True)

    def with_deleted(self) -> Self:
        """Include soft-deleted entities.

        It has no effect on a model without ``_soft_delete``. Relations loaded with the results
        still leave out soft-deleted entities.

        Raises:
            QueryError: a filter on a unique column without an index: deleted entities have no
                unique values.

        Example::

            User.query.with_deleted().filter(city='Oslo').all()
        """
        check_lookups(self.schema, self.spec.where.nodes)
        return self._with(with_deleted=True)

    def only_deleted(self) -> Self:
        """Keep only soft-deleted entities.

        Raises:
            QueryError: the model has no ``_soft_delete``.

        Example::

            User.query.only_deleted().order_by('-deleted_at')[:20].all()
        """
        name = self.schema.soft_delete
        if name is None:
            raise QueryError(
                f'{self.schema.name}.query.only_deleted(): the model has no _soft_delete, so that '
                'a delete leaves nothing behind'
            )
        return self.with_deleted().filter(**{name: (None, None)})

    def first_only(self) -> Self:
        """Return the query with only its first result."""
        return self.at_most(1)

    def at_most(self, most: int) -> Self:
        """Return the query with at most so many results."""
        count = self.spec.count
        return self._with(count=min(most, ENDLESS if count is None else count))

    def marked(self, mark: SortCursor | None) -> Self:
        """Return the query for the results after a sort position."""
        return self._with(mark=mark)

    def limitless(self) -> Self:
        """Return the query without its limit."""
        return self._with(offset=0, count=None)


def _text_of(entity: Any, column: str) -> Any:
    """Return the text to highlight: a string itself, or the value of an entity's column."""
    if isinstance(entity, Scored):
        entity = entity.result
    if entity is None or isinstance(entity, str):
        return entity
    return entity.get(column) if isinstance(entity, dict) else getattr(entity, column)


def _with_filters(query: Q, other: Any) -> Q:
    if not other:
        return query._with(where=EVERYTHING)
    if not isinstance(other, QueryBuilder) or other.model is not query.model:
        raise QueryError(
            f'{query.schema.name}.query.replace(filters={show(other)}): takes a query of the same '
            'model, which has them, or None'
        )
    return query._with(where=other.spec.where)


def _listed(query: QueryBuilder[Any], name: str, given: Any) -> tuple[Any, ...]:
    """Return the items of an argument of `replace` as a tuple; a string is one name."""
    if isinstance(given, str):
        return (given,)
    if isinstance(given, (list, tuple)):
        return tuple(given)
    raise ArgumentError(f'{query.schema.name}.query.replace({name}={show(given)}): takes a list')


def _with_order(query: Q, names: str | Sequence[str] | None) -> Q:
    if not names:
        return query._with(orders=())
    return query.order_by(*_listed(query, 'order_by', names))


def _with_limit(query: Q, limit: tuple[int, int] | None) -> Q:
    if limit is None:
        return query._with(offset=0, count=None)
    bounds = _listed(query, 'limit', limit)
    if len(bounds) not in (1, 2):
        raise ArgumentError(
            f'{query.schema.name}.query.replace(limit={show(limit)}): takes (offset, count)'
        )
    return query._with(offset=0).limit(*bounds)


def _with_selection(query: Q, names: Sequence[str] | None) -> Any:
    if not names:
        return query._with(selection=None)
    selection = select_columns(query.schema, _listed(query, 'select', names))
    return query._with(selection=selection)


_PARTS: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    'filters': _with_filters,
    'order_by': _with_order,
    'limit': _with_limit,
    'select': _with_selection,
}
