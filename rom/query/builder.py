"""Query: what is asked of a model, put together clause by clause.

A query never changes: each method returns another one, so that one can be kept and narrowed down in
several ways. What it holds is in :class:`Asked`, frozen; everything wrong is found when a clause
is added, so that a query that exists can be answered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from rom import current
from rom.columns.expressions import Expression
from rom.exceptions import QueryError
from rom.query.expressions import planned
from rom.query.filters import filtered
from rom.query.near import nearby
from rom.query.orders import ordered
from rom.query.plan import All, Node, Order
from rom.query.selection import Factory, Selection, as_dicts
from rom.query.strings import alike, ending, not_ending, not_starting, starting
from rom.schema import Schema

if TYPE_CHECKING:
    from typing import Self

R_co = TypeVar('R_co', covariant=True)
S = TypeVar('S')

EVERYTHING = All()


@dataclass(frozen=True, slots=True)
class Asked:
    """What a query asks for.

    Attributes:
        where: all of these hold.
        orders: what the results are sorted by, the first counts most.
        offset: so many results are left out.
        count: at most so many come; None: all.
        selection: plain data instead of entities.
        loads: the relations to load as well.
    """

    where: All = EVERYTHING
    orders: tuple[Order, ...] = ()
    offset: int = 0
    count: int | None = None
    selection: Selection | None = None
    loads: tuple[str, ...] = ()


class Query(Generic[R_co]):
    """A search for entities of one model.

    ``Model.query`` finds all of them, and each method narrows it down.

    Attributes:
        model: whose entities are searched.
        asked: what for.

    Example::

        adults = User.query.filter(age=(18, None))
        adults.order_by('-age').limit(0, 10).all()
        adults.filter(city='Oslo').count()
    """

    __slots__ = ('asked', 'model')

    def __init__(self, model: type[Any], asked: Asked = Asked()) -> None:
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
        return f'<Query {self.schema.name} {self.asked}>'

    def _with(self, **changes: Any) -> Self:
        return type(self)(self.model, replace(self.asked, **changes))

    def _where(self, means: Callable[[Schema, str, Any], Node], clauses: dict[str, Any]) -> Self:
        found = tuple(means(self.schema, name, value) for name, value in clauses.items())
        return self._with(where=All((*self.asked.where.nodes, *found)))

    def filter(self, **clauses: Any) -> Self:
        """Those whose columns have these values, all of them.

        A value is a word, a number or date, ``True`` or ``False``; ``(low, high)`` is a range that
        includes both ends, ``None`` being an open one; a list or set means any of its values. Of
        an index of the words of a text, all words asked must occur. ``**{'col:x': value}`` searches
        the numbers that a keygen calls ``x``, and ``filter(col='x')`` finds all that have one.

        Args:
            **clauses: values by column.

        Returns:
            Another query.

        Raises:
            QueryError: an unknown column, one without ``index=True``, or a value that makes no
                sense there.

        Example::

            User.query.filter(city=['Oslo', 'Bergen'], age=(18, None))
        """
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
        found = tuple(planned(self.schema, expression) for expression in expressions)
        return self._with(where=All((*self.asked.where.nodes, *found)))

    def startswith(self, **clauses: str | bytes) -> Self:
        """Those whose columns begin like this: a word of it, or the whole, as the keygen says.

        Args:
            **clauses: beginnings by column; an empty one finds all that have a value.

        Raises:
            QueryError: an unknown column, one without ``prefix=True``, or no string.

        Example::

            User.query.startswith(name='Jo')
        """
        return self._where(starting, clauses)

    def endswith(self, **clauses: str | bytes) -> Self:
        """Those whose columns end like this: a word of it, or the whole, as the keygen says.

        Args:
            **clauses: ends by column; an empty one finds all that have a value.

        Raises:
            QueryError: an unknown column, one without ``suffix=True``, or no string.

        Example::

            User.query.endswith(email='@example.org')
        """
        return self._where(ending, clauses)

    def does_not_startwith(self, **clauses: Any) -> Self:
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

    def does_not_endwith(self, **clauses: Any) -> Self:
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

    def like(self, **clauses: str | bytes) -> Self:
        """Those whose columns match a pattern, from the start; their ends may be left over.

        In a pattern ``?`` stands for no character or one, ``*`` for any number of them, ``+`` for
        one or more and ``!`` for exactly one. All else stands for itself.

        Args:
            **clauses: patterns by column.

        Raises:
            QueryError: an unknown column, one without ``prefix=True``, or no string.

        Example::

            User.query.like(name='J*n!son')
        """
        return self._where(alike, clauses)

    def near(
        self,
        name: str,
        lon: float,
        lat: float,
        radius: float,
        unit: str = 'm',
        count: int | None = None,
    ) -> Self:
        """Those within a distance of a point; the nearest come first, unless `order_by` is called.

        Args:
            name: of the model's :class:`rom.GeoIndex`.
            lon: the point's longitude, in degrees.
            lat: its latitude.
            radius: how far away they may be.
            unit: of the radius: ``'m'``, ``'km'``, ``'mi'`` or ``'ft'``.
            count: take only the nearest so many; other clauses then choose among those.

        Raises:
            ValueError: an unknown geo index or unit.
            QueryError: a value that makes no sense there.

        Example::

            Shop.query.near('at', 10.75, 59.91, 5, 'km').limit(0, 10).all()
        """
        node = nearby(self.schema, name, lon, lat, radius, unit, count)
        return self._with(where=All((*self.asked.where.nodes, node)))

    def order_by(self, column: str) -> Self:
        """Sort the results; the last call counts.

        Entities without a value come at the end, either way round. Equal values are in the order of
        ids.

        Args:
            column: its name, ``'-name'`` for the largest first; or ``'name:x'``, the number that a
                keygen calls ``x``.

        Raises:
            QueryError: an unknown column, or one without any index.

        Warns:
            UserWarning: a text column whose index does not sort: all results are read, and sorted
                by what is stored.

        Example::

            User.query.order_by('-age')
        """
        return self._with(orders=(ordered(self.schema, column),))

    def limit(self, offset: int, count: int) -> Self:
        """Leave out the first results, and stop after so many; the last call counts.

        Args:
            offset: how many to leave out; one below 0 is 0.
            count: how many at most; one below 1 means none.

        Raises:
            TypeError: no ints.

        Example::

            User.query.order_by('-age').limit(20, 10)
        """
        for value in (offset, count):
            if not isinstance(value, int):
                raise TypeError(f'limit(offset, count) takes ints, not {value!r}')
        return self._with(offset=max(offset, 0), count=max(count, 0))

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
            first = path.split('.')[0]
            if first not in (*self.schema.relations, *self.schema.lists):
                raise QueryError(
                    f'{self.schema.name}.query.load({path!r}): the model has no relation {first!r}'
                )
        return self._with(loads=(*self.asked.loads, *paths))

    def first_only(self) -> Self:
        """The same, with its first result only."""
        return self.at_most(1)

    def at_most(self, most: int) -> Self:
        """The same, with its first so many results only."""
        count = self.asked.count
        return self._with(count=most if count is None else min(count, most))

    def entities(self) -> Query[Any]:
        """The same, with entities as results, and without what they refer to."""
        return Query(self.model, replace(self.asked, selection=None, loads=()))

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
            *columns: their names. A column without a value gives None.
            include_pk: add the primary key, as the last one.
            decode: Python values; else the text that is stored.
            ff: ``ff(columns)`` returns the function that is called with each result's list of
                values; default: dicts. Others are in :mod:`rom.query.selection`.

        Raises:
            QueryError: no column, an unknown one, or one twice.

        Example::

            User.query.select('name', 'age').all()     # [{'name': 'Ann', 'age': 42}]
        """
        schema = self.schema
        where = f'{schema.name}.query.select({", ".join(map(repr, columns))})'
        if not columns:
            raise QueryError(f'{where}: name one column at least, of {", ".join(schema.columns)}')
        for name in columns:
            if name not in schema.columns:
                raise QueryError(
                    f'{where}: the model has no column {name!r}; it has {", ".join(schema.columns)}'
                )
        names = (*columns, schema.primary) if include_pk else columns
        if len(set(names)) < len(names):
            raise QueryError(f'{where}: names a column twice, in {", ".join(names)}')
        selection = Selection(tuple(names), decode, ff or as_dicts)
        return Query(self.model, replace(self.asked, selection=selection))

    # Short for what the current session does.

    def all(self) -> list[R_co]:
        """The results.

        Raises:
            ServerUnavailable: no answer.
            CorruptRowError: a row or an index holds what rom would not have written there; its
                ``entities`` are the others.

        Example::

            User.query.filter(age=42).all()
        """
        return current.session().all(self)

    def execute(self) -> list[R_co]:
        """The results: another name of :meth:`all`."""
        return self.all()

    def first(self) -> R_co | None:
        """The first result, or None.

        Example::

            User.query.order_by('-age').first()
        """
        return current.session().first(self)

    def count(self) -> int:
        """How many entities there are, whatever the limit.

        Example::

            User.query.filter(age=(18, None)).count()
        """
        return current.session().count(self)

    def exists(self) -> bool:
        """Whether there is any result.

        Example::

            User.query.filter(email='ann@example.org').exists()
        """
        return current.session().exists(self)

    def get(self) -> R_co:
        """The only result.

        Raises:
            QueryError: there is none, or there are several.

        Example::

            User.query.filter(name='Ann', city='Oslo').get()
        """
        return current.session().one(self)

    def ids(self) -> list[int]:
        """The ids of the results, in order. The session does not get to know the entities.

        Example::

            User.query.filter(city='Oslo').ids()     # [1, 5, 7]
        """
        return current.session().ids(self)

    def iter_result(self, timeout: int = 30, pagesize: int = 100) -> Iterator[R_co]:
        """The results one by one, read in pages.

        Args:
            timeout: for programs written for rom 1.x, where the results were kept on the server
                for so many seconds. Nothing is kept there now, and a page may take any time.
            pagesize: so many are read at once.

        Raises:
            QueryError: a page of less than one.

        Example::

            for user in User.query.endswith(email='@example.org').iter_result(pagesize=1000):
                print(user.name)
        """
        return current.session().stream(self, pagesize)

    def cached_result(self, timeout: int) -> str:
        """Keep the ids of the results on the server for a while, as a sorted set.

        Their scores are 0, 1, 2... in the order of the results. A limit is ignored, as in rom 1.x.
        Without any result there is no key. It is the one query that writes.

        Args:
            timeout: seconds until the key goes, 1 at least.

        Returns:
            The name of the key: a new one each time.

        Raises:
            QueryError: a shorter timeout, or a query without any filter and order.

        Example::

            key = User.query.order_by('-age').cached_result(30)
            User.get(User._connection.zrange(key, 0, 9))
        """
        return current.session().cached_result(self, timeout)

    def delete(self, blocksize: int = 100) -> int:
        """Delete the results, and do to what refers to them what its ``on_delete`` says.

        They are read and deleted in blocks, each all or nothing: an error leaves those before
        deleted.

        Args:
            blocksize: so many are deleted at once.

        Returns:
            How many were deleted, without those that others brought with them.

        Raises:
            RestrictError: something refers to one of a block, and forbids it.
            QueryError: a block of less than one.

        Example::

            User.query.filter(active=False).delete()
        """
        return current.session().delete_all(self, blocksize)

    def __iter__(self) -> Iterator[R_co]:
        """The results one by one, read in pages.

        Example::

            for user in User.query.order_by('name'):
                print(user.name)
        """
        return current.session().stream(self)
