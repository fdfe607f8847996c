"""The class methods of a model by which programs find entities, or create what they do not find."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, overload

from rom._core import session_context
from rom._core.encoding.text import show
from rom._core.entities.entity import Entity
from rom._core.query import Query
from rom._core.support.descriptors import ClassProperty
from rom.exceptions import QueryError

if TYPE_CHECKING:
    from typing import Self

    import redis

M = TypeVar('M', bound=Entity)


class QueryProperty:
    """A query for all entities of the model.

    Example::

        User.query.filter(age=(18, None)).order_by('-age').limit(0, 10).all()
    """

    def __get__(self, instance: object, owner: type[M]) -> Query[M]:
        return Query(owner)


class ModelQueries(Entity):
    """The querying half of `Model`; each method calls the current session."""

    query = QueryProperty()

    @ClassProperty
    def _connection(cls) -> redis.Redis:
        """The client of the server with the model's data."""
        return session_context.connection_of(cls)

    @overload
    @classmethod
    def get(cls, ids: int | str) -> Self | None: ...  # type: ignore[overload-overlap]
    @overload
    @classmethod
    def get(cls, ids: Iterable[int | str]) -> list[Self]: ...
    @classmethod
    def get(cls, ids: Any) -> Any:
        """Return the entity with this id, or None; for several ids, a list of those that exist.

        Entities that the session tracks are not read again.

        Args:
            ids: an id, as an int or a string of digits, or an iterable of them.

        Raises:
            CorruptRowError: a key does not hold a row.

        Example::

            User.get(1)
            User.get([1, 2, 3])
        """
        return session_context.session().get(cls, ids)

    @classmethod
    def get_by(cls, /, **value: Any) -> Any:
        """Return entities by the value of one indexed column.

        For a unique column, return the entity or None; for a list of values, a list. For any other
        column, return the list of entities with the word or number, or with a number in the range
        ``(low, high)``. None is an open end of a range.

        Args:
            **value: the column and its value.
            _limit: ``(offset, count)``.
            _numeric: True: use the numeric index of a column that is unique as well.

        Raises:
            QueryError: not exactly one column, or a column without such an index.

        Example::

            User.get_by(email='ann@example.org')
            User.get_by(age=(18, None), _limit=(0, 10))
        """
        return session_context.session().get_by(cls, **value)

    @classmethod
    def get_or_create(
        cls, defaults: Mapping[str, Any] | None = None, /, **unique: Any
    ) -> tuple[Self, bool]:
        """Return the entity with a unique value; create and save it if it does not exist.

        If several writers do so at once, one creates the entity and the others get the same one.
        Nothing else of the session is saved.

        Args:
            defaults: the other columns of a new entity. It may be passed by name, too, unless a
                unique column has this name.
            **unique: one unique column and its value, or all columns of one group of
                ``unique_together``.

        Returns:
            The entity, and True if it was created.

        Raises:
            QueryError: no constraint has these columns, or a name in *defaults* cannot be set.
            InvalidColumnValue, MissingColumn: the values of a new entity are invalid.
            UniqueKeyViolation: a new entity violates another constraint. The session forgets it.

        Example::

            user, created = User.get_or_create({'name': 'Ann'}, email='ann@example.org')
        """
        return session_context.session().get_or_create(cls, defaults, **unique)

    @classmethod
    def upsert(
        cls,
        values: Mapping[str, Any] | None = None,
        create: Mapping[str, Any] | None = None,
        /,
        **unique: Any,
    ) -> tuple[Self, bool]:
        """Update the entity with a unique value; create and save it if it does not exist.

        An existing entity is changed as by :meth:`rom.Query.update`: values may be calculated, no
        hook is called, and the changes of all writers count. For a new entity, a calculation
        starts with the default of the column, unless *create* has the column.

        Args:
            values: new values by column. *values* and *create* may be passed by name, too, unless
                a unique column has this name.
            create: columns of a new entity only. They replace those of *values*; an existing
                entity does not get them.
            **unique: one unique column and its value, or all columns of one group of
                ``unique_together``.

        Returns:
            The entity, and True if it was created.

        Raises:
            QueryError: no values, no constraint with these columns, or a name that cannot be set.
            InvalidColumnValue, MissingColumn: the values are invalid, or a calculation for a new
                entity has no value to start with.
            UniqueKeyViolation: another constraint is violated. Nothing was written.
            CorruptRowError: the row, or a value to calculate with, was not written by rom.

        Example::

            page, created = Page.upsert({'hits': Page.hits + 1}, create={'hits': 1}, slug='home')
        """
        return session_context.session().upsert(cls, values, create, **unique)

    @classmethod
    def does_not_startwith(cls, attr: str, values: Any, blocksize: int = 100) -> Iterator[Self]:
        """Return entities whose value starts with none of the prefixes, read in pages.

        A query does the same with further filters, and for an AsyncSession: see
        :meth:`rom.Query.does_not_startwith`.

        Args:
            attr: the name of the column.
            values: a prefix, or a list of them.
            blocksize: the number of entities in a page.

        Raises:
            QueryError: an unknown column, one without ``prefix=True``, or a prefix that is not a
                string.

        Example::

            for user in User.does_not_startwith('phone', ['+47', '+46']):
                print(user.phone)
        """
        query = cls.query.does_not_startwith(**{_name(cls, attr): values})
        return query.iter_result(pagesize=blocksize)

    @classmethod
    def does_not_endwith(cls, attr: str, values: Any, blocksize: int = 100) -> Iterator[Self]:
        """Return entities whose value ends with none of the suffixes, read in pages.

        A query does the same with further filters, and for an AsyncSession: see
        :meth:`rom.Query.does_not_endwith`.

        Args:
            attr: the name of the column.
            values: a suffix, or a list of them.
            blocksize: the number of entities in a page.

        Raises:
            QueryError: an unknown column, one without ``suffix=True``, or a suffix that is not a
                string.

        Example::

            for user in User.does_not_endwith('email', ['@example.org']):
                print(user.email)
        """
        query = cls.query.does_not_endwith(**{_name(cls, attr): values})
        return query.iter_result(pagesize=blocksize)


def _name(model: type[Entity], attr: object) -> str:
    if not isinstance(attr, str):
        raise QueryError(f'{model.__name__}: takes the name of a column, not {show(attr)}')
    return attr
