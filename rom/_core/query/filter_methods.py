"""The methods of queries that keep the entities with certain values: `filter`, `where` and others.

Each method checks its arguments, so that a query that exists can run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rom._core.columns.expressions import Expression
from rom._core.encoding.text import shorten, show
from rom._core.query.base import QueryBase, R_co
from rom._core.query.compile_expressions import compile_all
from rom._core.query.filters import filtered
from rom._core.query.string_filters import ending, like_node, not_ending, not_starting, starting
from rom.exceptions import ArgumentError, QueryError

if TYPE_CHECKING:
    from typing import Never, Self


class FilterMethods(QueryBase[R_co]):
    """The filters of a query."""

    __slots__ = ()

    def filter(self, /, *expressions: Never, **clauses: Any) -> Self:
        """Keep the entities whose columns have all of these values.

        A value is a word, a number or date, ``True`` or ``False``. ``(low, high)`` is a range that
        includes both ends, and ``None`` leaves an end open. A list or set matches any of its
        values. In an index of the words of a text, all given words must occur.
        ``**{'col:x': value}`` searches the numbers that a keygen names ``x``, and
        ``filter(col='x')`` finds all entities that have one.

        The primary key needs no index. Nor does a unique column, for a value or a list of values:
        they are looked up as in `get_by`. For both, a list has at most 20,000 values.

        A relation leads on to the columns of its model: ``team__name='x'``, in one more round trip
        for each relation. Over a list, as ``books__title``, one of the entities in it must match.

        Args:
            **clauses: values by column, or by path.

        Returns:
            Another query.

        Raises:
            QueryError: an unknown column, one without ``index=True``, or a value that is not
                valid for it.

        Example::

            User.query.filter(city=['Oslo', 'Bergen'], age=(18, None))
            User.query.filter(id=[1, 2, 3])
            User.query.filter(team__company__city='Oslo')
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
        ``==``. A relation leads on to the columns of its model: ``User.team.name == 'x'``.

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
        return self._also(compile_all(self.schema, expressions))

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
