"""Narrowing: the methods of a query that make another one of it.

Everything wrong is found here, when a clause is added, so that a query that exists can be answered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, cast, overload

from rom._core.columns.expressions import Expression
from rom._core.encoding.integers import ENDLESS
from rom._core.encoding.text import shorten, show, show_name, show_names
from rom._core.query.compile_expressions import planned
from rom._core.query.expiry_filter import warn_of_expired
from rom._core.query.filters import filtered
from rom._core.query.nodes import Mark, Node
from rom._core.query.ordering import all_ordered
from rom._core.query.selection import Factory, Selection, as_dicts
from rom._core.query.spec import EVERYTHING, NOTHING_SAID, Asked
from rom._core.query.string_filters import alike, ending, not_ending, not_starting, starting
from rom._core.schema import Schema
from rom.exceptions import ArgumentError, QueryError

if TYPE_CHECKING:
    from typing import Never, Self

    from rom._core.query.query import Query

R_co = TypeVar('R_co', covariant=True)
S = TypeVar('S')
# The count of a limit that has none.
_ALONE: Final[Any] = object()
Q = TypeVar('Q', bound='Narrowing[Any]')


class Narrowing(Generic[R_co]):
    """All of a query but its answers."""

    __slots__ = ('asked', 'model')

    def __init__(self, model: type[Any], asked: Asked = NOTHING_SAID) -> None:
        self.model = model
        self.asked = asked

    @property
    def schema(self) -> Schema:
        """The schema of the model."""
        schema: Schema = self.model._schema
        return schema

    @property
    def selection(self) -> Selection | None:
        """Which plain data come instead of entities, if any."""
        return self.asked.selection

    def __repr__(self) -> str:
        from rom._core.query.query_repr import written

        return written(self)

    def _with(self, **changes: Any) -> Self:
        return type(self)(self.model, self.asked._replace(**changes))

    def _where(self, means: Callable[[Schema, str, Any], Node], clauses: dict[str, Any]) -> Self:
        schema = self.schema
        return self._also([means(schema, name, value) for name, value in clauses.items()])

    def _also(self, nodes: Sequence[Node]) -> Self:
        if not self.asked.with_expired:
            warn_of_expired(self.schema, nodes)
        return type(self)(self.model, self.asked.also(nodes))

    def filter(self, /, *expressions: Never, **clauses: Any) -> Self:
        """Those whose columns have these values, all of them.

        A value is a word, a number or date, ``True`` or ``False``; ``(low, high)`` is a range that
        includes both ends, ``None`` being an open one; a list or set means any of its values. Of
        an index of the words of a text, all words asked must occur. ``**{'col:x': value}`` searches
        the numbers that a keygen calls ``x``, and ``filter(col='x')`` finds all that have one.

        The primary key needs no index. Neither does a unique column for a value or a list of them,
        which are looked up as `get_by` does it. Of either, a list has 20,000 at most.

        Args:
            **clauses: values by column.

        Returns:
            Another query.

        Raises:
            QueryError: an unknown column, one without ``index=True``, or a value that makes no
                sense there.

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
        """Those for which expressions hold, all of them: columns compared, and ``& | ~`` of that.

        A column has ``== != < <= > >=``, ``between``, ``in_``, ``startswith``, ``endswith``,
        ``like`` and ``is_none``; they find what `filter` and the others find. ``~x`` is all that
        ``x`` does not find, entities without a value included, and ``!=`` is ``~`` of ``==``.

        Args:
            *expressions: comparisons.

        Returns:
            Another query.

        Raises:
            QueryError: no expression, another model's column, one without the index that it takes,
                or a value that makes no sense there.

        Example::

            User.query.where((User.age >= 18) & ((User.city == 'Rome') | User.city.is_none()))
        """
        return self._also([planned(self.schema, expression) for expression in expressions])

    def startswith(self, /, **clauses: str | bytes) -> Self:
        """Those whose columns begin like this: a word of it, or the whole, as the keygen says.

        Args:
            **clauses: beginnings by column; an empty one finds all that have a value.

        Raises:
            QueryError: an unknown column, one without ``prefix=True``, or no string.

        Example::

            User.query.startswith(name='Jo')
        """
        return self._where(starting, clauses)

    def endswith(self, /, **clauses: str | bytes) -> Self:
        """Those whose columns end like this: a word of it, or the whole, as the keygen says.

        Args:
            **clauses: ends by column; an empty one finds all that have a value.

        Raises:
            QueryError: an unknown column, one without ``suffix=True``, or no string.

        Example::

            User.query.endswith(email='@example.org')
        """
        return self._where(ending, clauses)

    def does_not_startwith(self, /, **clauses: Any) -> Self:
        """Those that have a value in the index which begins with none of these.

        An entity without a value is none of them. Of several words, as those of ``FULL_TEXT``, one
        that begins otherwise is enough.

        Args:
            **clauses: by column, one beginning, or a list of them; an empty list finds all that
                have a value.

        Raises:
            QueryError: an unknown column, one without ``prefix=True``, or no string.

        Example::

            User.query.does_not_startwith(phone=['+47', '+46'])
        """
        return self._where(not_starting, clauses)

    def does_not_endwith(self, /, **clauses: Any) -> Self:
        """Those that have a value in the index which ends with none of these.

        An entity without a value is none of them. Of several words, as those of ``FULL_TEXT``, one
        that ends otherwise is enough.

        Args:
            **clauses: by column, one end, or a list of them; an empty list finds all that have a
                value.

        Raises:
            QueryError: an unknown column, one without ``suffix=True``, or no string.

        Example::

            User.query.does_not_endwith(email='@example.org')
        """
        return self._where(not_ending, clauses)

    def like(self, /, **clauses: str | bytes) -> Self:
        """Those whose columns match a pattern, from the start; their ends may be left over.

        In a pattern ``?`` stands for no character or one, ``*`` for any number of them, ``+`` for
        one or more and ``!`` for exactly one. All else stands for itself. A pattern has 16 groups
        of wildcards at most, and 1,000 characters from the first one on.

        Args:
            **clauses: patterns by column.

        Raises:
            QueryError: an unknown column, one without ``prefix=True``, no string, or too long a
                pattern.

        Example::

            User.query.like(name='J*n!son')
        """
        return self._where(alike, clauses)

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
        """Those within a distance of a point; the nearest come first, unless `order_by` is called.

        Args:
            name: of the model's :class:`rom.GeoIndex`.
            lon: the point's longitude, in degrees.
            lat: its latitude.
            distance: how far away they may be.
            measure: of the distance: ``'m'``, which is the default, ``'km'``, ``'mi'`` or ``'ft'``.
            count: take only the nearest so many; other clauses then choose among those.
            radius: another name of `distance`.
            unit: another name of `measure`.

        Raises:
            ArgumentError: no distance; one of them under both its names; an unknown geo index or
                measure. It is a TypeError and a ValueError, too.
            QueryError: a value that makes no sense there.

        Example::

            Shop.query.near('at', 10.75, 59.91, 5, 'km').limit(0, 10).all()
        """
        from rom._core.query.geo_filters import nearby, one_of

        radius = one_of('distance', distance, 'radius', radius)
        if radius is None:
            raise ArgumentError('near(name, lon, lat, distance, measure) needs a distance')
        unit = one_of('measure', measure, 'unit', unit)
        node = nearby(self.schema, name, lon, lat, radius, 'm' if unit is None else unit, count)
        return type(self)(self.model, self.asked.also((node,)))

    def order_by(self, *columns: str) -> Self:
        """Sort the results; the last call counts.

        What the first column leaves equal is sorted by the second, and so on; in the end by id, in
        the direction of the last column. Entities without a value come at the end, either way
        round.

        Args:
            *columns: their names, ``'-name'`` for the largest first; or ``'name:x'``, the number
                that a keygen calls ``x``. The primary key needs no index.

        Raises:
            QueryError: no column, one twice, an unknown one, or one without any index.

        Warns:
            UserWarning: a text column whose index does not sort: all results are read, and sorted
                by what is stored.

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
        """Leave out the first results, and stop after so many; the last call counts.

        Args:
            offset: how many to leave out; one below 0 is 0. ``limit(10)`` is ``limit(0, 10)``.
            count: how many at most; one below 1 means none.

        Raises:
            ArgumentError: no ints. It is a TypeError, too.

        Example::

            User.query.order_by('-age').limit(20, 10)
        """
        if count is _ALONE:
            offset, count = 0, offset
        for value in (offset, count):
            if not isinstance(value, int):
                raise ArgumentError(
                    f'{self.schema.name}.query.limit(offset, count) takes ints, not {show(value)}'
                )
        return self._with(offset=_within(offset), count=_within(count))

    def replace(self, **parts: Any) -> Self:
        """The same with other parts, as in rom 1.x; None takes a part away.

        Args:
            **parts: ``filters``, as another query has them; ``order_by``, a column's name or a
                list of them; ``limit``, an ``(offset, count)``; ``select``, a list of columns.

        Raises:
            ArgumentError: another name, or a value that is none. It is a TypeError, too.
            QueryError: what `order_by` or `select` refuses; filters that are none of a query of
                this model.

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
        """Load relations with the results: one more trip for each step.

        Args:
            *paths: their names, as ``'author'``, or ``'author.publisher'``.

        Raises:
            QueryError: no such relation.

        Example::

            Book.query.load('author.publisher')
        """
        for path in paths:
            first = path.split('.')[0] if isinstance(path, str) else path
            if first not in (*self.schema.relations, *self.schema.lists):
                raise QueryError(
                    f'{self.schema.name}.query.load({show(path)}): the model has no relation '
                    f'{show(first)}'
                )
        return self._with(loads=(*self.asked.loads, *paths))

    def with_expired(self) -> Self:
        """Find entities that have expired as well, as long as `util.expire` has not removed them.

        It is called before a filter by times that are past, which else warns. Of a model without
        :class:`rom.ExpireAt`, it makes no difference. What is loaded with the results has not
        expired.

        Example::

            Login.query.with_expired().filter(user=ann).all()
        """
        return self._with(with_expired=True)

    def first_only(self) -> Self:
        """The same, with its first result only."""
        return self.at_most(1)

    def at_most(self, most: int) -> Self:
        """The same, with its first so many results only."""
        count = self.asked.count
        return self._with(count=min(most, ENDLESS if count is None else count))

    def marked(self, mark: Mark | None) -> Self:
        """The same, with what comes after a mark."""
        return self._with(mark=mark)

    def entities(self) -> Query[Any]:
        """The same, with entities as results, and without what they refer to."""
        return cast('Query[Any]', self._with(selection=None, loads=()))

    def limitless(self) -> Self:
        """The same, with all its results."""
        return self._with(offset=0, count=None)

    @overload
    def select(
        self, *columns: str, include_pk: bool = False, decode: bool = True, ff: None = None
    ) -> Query[dict[str, Any]]: ...
    @overload
    def select(
        self,
        *columns: str,
        include_pk: bool = False,
        decode: bool = True,
        ff: Callable[[tuple[str, ...]], Callable[[list[Any]], S]],
    ) -> Query[S]: ...
    def select(
        self,
        *columns: str,
        include_pk: bool = False,
        decode: bool = True,
        ff: Factory | None = None,
    ) -> Query[Any]:
        """Plain data of some columns instead of entities. The session does not get to know them.

        Args:
            *columns: their names. A column without a value gives None. A relation gives the
                entity, and a OneToMany the list of them, loaded for all results in one more trip;
                the session gets to know those.
            include_pk: add the primary key, as the last one, unless it is among the columns.
            decode: Python values; else the text that is stored, of a relation the id.
            ff: ``ff(columns)`` returns the function that is called with each result's list of
                values; default: dicts. Others are in :mod:`rom._core.query.selection`.

        Raises:
            QueryError: no column, an unknown one, or one twice.

        Example::

            User.query.select('name', 'age').all()     # [{'name': 'Ann', 'age': 42}]
        """
        schema = self.schema
        shown = shorten(', '.join(map(show, columns)), 200)
        where = f'{schema.name}.query.select({shown})'
        selectable = {*schema.columns, *schema.lists, *schema.unsafe}
        if not columns:
            raise QueryError(f'{where}: name one column at least, of {show_names(schema.columns)}')
        for name in columns:
            if not isinstance(name, str) or name not in selectable:
                raise QueryError(
                    f'{where}: the model has no column {show(name)}; it has '
                    f'{show_names(schema.columns)}'
                )
        is_pk_added = include_pk and schema.primary not in columns
        names = (*columns, schema.primary) if is_pk_added else columns
        if len(set(names)) < len(names):
            raise QueryError(f'{where}: names a column twice')
        selection = Selection(tuple(names), decode, ff or as_dicts)
        return cast('Query[Any]', self._with(selection=selection))


def _with_filters(query: Q, other: Any) -> Q:
    if not other:
        return query._with(where=EVERYTHING)
    if not isinstance(other, Narrowing) or other.model is not query.model:
        raise QueryError(
            f'{query.schema.name}.query.replace(filters={show(other)}): takes a query of the same '
            'model, which has them, or None'
        )
    return query._with(where=other.asked.where)


def _listed(query: Narrowing[Any], name: str, given: Any) -> tuple[Any, ...]:
    """Return what an argument of `replace` lists; a string is one name."""
    if isinstance(given, str):
        return (given,)
    if isinstance(given, (list, tuple)):
        return tuple(given)
    raise ArgumentError(f'{query.schema.name}.query.replace({name}={show(given)}): takes a list')


def _within(number: int) -> int:
    """Return a number of results that the server can count to."""
    return min(max(number, 0), ENDLESS)


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
    return query.limit(*bounds)


def _with_selection(query: Q, names: Sequence[str] | None) -> Any:
    if not names:
        return query._with(selection=None)
    return query.select(*_listed(query, 'select', names))


_PARTS: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    'filters': _with_filters,
    'order_by': _with_order,
    'limit': _with_limit,
    'select': _with_selection,
}
