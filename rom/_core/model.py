"""Model: what programs subclass and call. Most of it is short for what the current session does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from typing import TYPE_CHECKING, Any, TypeVar, overload

from rom._core import session_context
from rom._core.columns import Column, PrimaryKey
from rom._core.columns.relations import GivenId
from rom._core.columns.scalars import OWN_ID
from rom._core.encoding.text import show, show_names
from rom._core.entities.entity import Entity
from rom._core.entities.entity_repr import shown
from rom._core.entities.metaclass import ModelMeta
from rom._core.query import Query
from rom._core.support.classproperty import ClassProperty
from rom.exceptions import InvalidColumnValue, InvalidOperation, QueryError

if TYPE_CHECKING:
    from typing import Self

    import redis
    from pydantic import BaseModel, GetCoreSchemaHandler
    from pydantic_core import CoreSchema


M = TypeVar('M', bound='Model')


class QueryProperty:
    """A query for all entities of the model, to be narrowed down.

    Example::

        User.query.filter(age=(18, None)).order_by('-age').limit(0, 10).all()
    """

    def __get__(self, instance: object, owner: type[M]) -> Query[M]:
        return Query(owner)


class Model(Entity, metaclass=ModelMeta):
    """The base of a program's models.

    A model is a class with columns. Each of its entities is a row in Redis, with entries in the
    indexes that the columns ask for. A new entity is written when it, or its session, is saved.

    Args:
        _extra_ok: take names that are no columns, and ignore them.
        **columns: values by column; of a relation the entity, or its id, which is looked up when
            it is read, or saved.

    Raises:
        InvalidColumnValue: an unknown name, the primary key, or a value of the wrong type.
        MissingColumn: a required column without a value.

    Example::

        class User(rom.Model):
            name = rom.Text(required=True, unique=True)
            age = rom.Integer(index=True)

        User(name='Ann', age=42).save()
        User.get_by(name='Ann').age
    """

    if TYPE_CHECKING:
        id = PrimaryKey()

    def __init__(self, /, *, _extra_ok: bool = False, **columns: Any) -> None:
        if type(self) is Model:
            raise InvalidOperation('Model has no columns: make a subclass that declares some')
        if not self._is_checked:
            self._check_relations()
        schema = self._schema
        if not (_extra_ok or columns.keys() <= schema.columns.keys()):
            unknown = columns.keys() - schema.columns
            raise InvalidColumnValue(
                f'{schema.name} has no column {_listed(unknown)}; it has '
                f'{show_names(schema.columns)}. _extra_ok=True ignores what is unknown'
            )
        self._begin(None)
        values, absent = self._values, []
        for name, column in schema.settable:
            given = columns.get(name)
            if given is not None:
                values[name] = column.accept(self, given)
                continue
            value = values[name] = column.initial(self, columns)
            if value is None:
                absent.append(name)
        given_names = schema.settable_names  # entities that have them all share this set
        self._changed = given_names.difference(absent) if absent else given_names
        primary = schema.primary
        if primary in columns:
            schema.columns[primary].initial(self, columns)
        self._session = session_context.home()
        self._session.add(self)
        if primary == OWN_ID and not self._session.is_async:
            self._need_id()

    @classmethod
    def _check_relations(cls) -> None:
        """Raise ORMError unless every model is there that this one names."""
        for name in cls._schema.relations:
            column: Any = cls._columns[name]
            column.get_related_model()
        for one in cls._schema.lists.values():
            one.get_related_model()
        cls._is_checked = True

    query = QueryProperty()

    @ClassProperty
    def _connection(cls) -> redis.Redis:
        """The client for the model's data."""
        return session_context.connection_of(cls)

    @overload
    @classmethod
    def get(cls, ids: int | str) -> Self | None: ...  # type: ignore[overload-overlap]
    @overload
    @classmethod
    def get(cls, ids: Iterable[int | str]) -> list[Self]: ...
    @classmethod
    def get(cls, ids: Any) -> Any:
        """The entity with this id, or None; for several ids, the list of those that exist.

        Entities that the session knows are not read again.

        Raises:
            CorruptRowError: a key holds something other than a row.

        Example::

            User.get(1)
            User.get([1, 2, 3])
        """
        return session_context.session().get(cls, ids)

    @classmethod
    def get_by(cls, /, **value: Any) -> Any:
        """Entities by the value of one indexed column.

        A unique column gives the entity or None, and a list for a list of values. Any other gives a
        list: of those with the word or number, or within ``(low, high)``, None being an open end.

        Args:
            _limit: ``(offset, count)``.
            _numeric: use the numeric index of a column that is unique as well.

        Raises:
            QueryError: not one column; it has no such index.

        Example::

            User.get_by(email='ann@example.org')
            User.get_by(age=(18, None), _limit=(0, 10))
        """
        return session_context.session().get_by(cls, **value)

    @classmethod
    def get_or_create(
        cls, defaults: Mapping[str, Any] | None = None, /, **unique: Any
    ) -> tuple[Self, bool]:
        """The entity with a unique value; it is made and saved where there is none.

        Of several writers that do so at once, one makes it and the others get the same. Nothing
        else of the session is saved.

        Args:
            defaults: the other columns of a new entity. It may be passed by name, too, unless a
                unique column is called so.
            **unique: one unique column and its value, or all columns of one group of
                ``unique_together``.

        Returns:
            The entity, and whether it was made.

        Raises:
            QueryError: no constraint has these columns; a name in defaults that cannot be set.
            InvalidColumnValue, MissingColumn: a new entity cannot be like that.
            UniqueKeyViolation: a new entity breaks another constraint. The session forgets it.

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
        """Give the entity with a unique value new ones; it is made and saved where there is none.

        An existing one is changed as :meth:`rom.Query.update` does it: values may be calculated,
        no hook is called, and each of several writers at once counts. In a new one a calculation
        begins with the column's default; or `create` says what the column is.

        Args:
            values: new values by column. It and `create` may be passed by name, too, unless a
                unique column is called so.
            create: the columns of a new entity that are to be other than `values` says, or that an
                existing one keeps as they are.
            **unique: one unique column and its value, or all columns of one group of
                ``unique_together``.

        Returns:
            The entity, and whether it was made.

        Raises:
            QueryError: no values; no constraint has these columns; a name that cannot be set.
            InvalidColumnValue, MissingColumn: an entity cannot be like that; or a calculation has
                nothing to begin with in a new one.
            UniqueKeyViolation: another constraint is broken. Nothing was written.
            CorruptRowError: the row, or a value to calculate with, is none of rom's.

        Example::

            page, created = Page.upsert({'hits': Page.hits + 1}, create={'hits': 1}, slug='home')
        """
        return session_context.session().upsert(cls, values, create, **unique)

    @classmethod
    def does_not_startwith(cls, attr: str, values: Any, blocksize: int = 100) -> Iterator[Self]:
        """The entities with an indexed value that begins with none of these, read in pages.

        Short for a query, which an AsyncSession takes too, and which takes other clauses as well:
        see :meth:`rom.Query.does_not_startwith`.

        Args:
            attr: the column's name.
            values: a beginning, or a list of them.
            blocksize: so many are read at once.

        Raises:
            QueryError: an unknown column, one without ``prefix=True``, or no string.

        Example::

            for user in User.does_not_startwith('phone', ['+47', '+46']):
                print(user.phone)
        """
        query = cls.query.does_not_startwith(**{_name(cls, attr): values})
        return query.iter_result(pagesize=blocksize)

    @classmethod
    def does_not_endwith(cls, attr: str, values: Any, blocksize: int = 100) -> Iterator[Self]:
        """The entities with an indexed value that ends with none of these, read in pages.

        Short for a query, which an AsyncSession takes too, and which takes other clauses as well:
        see :meth:`rom.Query.does_not_endwith`.

        Args:
            attr: the column's name.
            values: an end, or a list of them.
            blocksize: so many are read at once.

        Raises:
            QueryError: an unknown column, one without ``suffix=True``, or no string.

        Example::

            for user in User.does_not_endwith('email', ['@example.org']):
                print(user.email)
        """
        query = cls.query.does_not_endwith(**{_name(cls, attr): values})
        return query.iter_result(pagesize=blocksize)

    @classmethod
    def pydantic(
        cls,
        *,
        include: str | Iterable[str] | None = None,
        exclude: str | Iterable[str] = (),
        partial: bool = False,
        name: str | None = None,
    ) -> type[BaseModel]:
        """A pydantic class with this model's columns as its fields: types, defaults, formats.

        It is made once, and then the same for the same fields. It may be subclassed, is filled from
        an entity by ``model_validate(user)``, and is a type for FastAPI, as the model itself is.
        Relations are the ids. Needs ``rom-redis[pydantic]``.

        Args:
            include: the names of the fields; without it, all columns that hold a value. Those of a
                OneToMany must be named: they are lists of ids.
            exclude: columns to leave out, such as the primary key of what is to be made.
            partial: for changes. Nothing is required or has a default, and the primary key is left
                out unless it is included. ``body.model_dump(exclude_unset=True)`` is what was sent.
            name: the class's; without it, one is made of the model's and the fields'.

        Raises:
            ColumnError: a name that is no column, or holds no value; none is left.
            InvalidOperation: `Model` itself, which has no columns.
            ModuleNotFoundError: pydantic is not installed.

        Example::

            NewUser = User.pydantic(exclude='id')
            user = User(**NewUser(name='Ann').model_dump(exclude_unset=True))
            user.update(User.pydantic(partial=True)(age=43).model_dump(exclude_unset=True))
            User.pydantic().model_validate(user).model_dump_json()
        """
        from rom._core.pydantic_types.classes import class_of

        return class_of(cls, include, exclude, partial, name)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from rom._core.pydantic_types.entities import core_schema_of

        return core_schema_of(cls, handler)

    def save(self, full: bool = False, force: bool = False) -> int:
        """Write what changed.

        Args:
            full: write every column and index entry.
            force: overwrite what another writer did; write again what was deleted.

        Returns:
            How many columns were written; of a new entity, all count.

        Raises:
            UniqueKeyViolation, DataRaceError, EntityDeletedError: nothing was written.

        Example::

            user.age += 1
            user.save()
        """
        return session_context.session().save(self, full=full, force=force)

    def delete(self) -> None:
        """Delete the row and its index entries.

        Raises:
            InvalidOperation: the entity was never saved.

        Example::

            user.delete()
        """
        session_context.session().delete(self)

    def refresh(self, force: bool = False) -> None:
        """Read the row again.

        Args:
            force: give up changes that are not saved.

        Raises:
            InvalidOperation: there are such changes, or the entity is new.
            EntityDeletedError: the row is gone.

        Example::

            user.refresh()
        """
        session_context.session().refresh(self, force=force)

    def transfer(
        self,
        other: Model,
        attr: str,
        value: Any,
        txn_model: Model,
        txn_attr: str,
        decimal_places: int = 0,
        refresh_entities: bool = True,
        refresh_index: bool = True,
    ) -> None:
        """Move a number to another entity, and mark a third as done: in one atomic step, once.

        What counts is what the rows hold, not what was loaded. Indexes are right afterwards.

        Args:
            other: who gets it.
            attr: the column of both that holds the number: an Integer, Float or Decimal.
            value: how much; rounded to `decimal_places`.
            txn_model: the entity that stands for this very transfer.
            txn_attr: its column that says that it was done: True in a Boolean, 1 in any other.
            decimal_places: how many places behind the point count.
            refresh_entities: let the three entities have what the rows hold then.
            refresh_index: the same, as in 1.x, where it also brought the indexes up to date.

        Raises:
            TransferError: different connections; changes that are not saved; a value or places that
                make no sense; not enough there; done already. Nothing was written.
            EntityDeletedError: one of the three is gone. Nothing was written.

        Example::

            trade = Trade()
            trade.save()
            ann.transfer(bob, 'gold', 5, trade, 'done')
        """
        session_context.session().transfer(
            self, other, attr, value, txn_model, txn_attr, decimal_places, refresh_entities,
            refresh_index,
        )  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """The values of all columns. A dict or list is a copy: to change it changes no entity.

        Example::

            user.to_dict()     # {'name': 'Ann', 'age': 42, 'id': 1}
        """
        return {name: self._value_of_its_own(name) for name in self._columns}

    def _value_of_its_own(self, name: str) -> Any:
        column = self._columns[name]
        if column.is_mutable:
            return deepcopy(Column.__get__(column, self))  # nothing that the program could change
        return getattr(self, name)

    def copy(self) -> Self:
        """A new, unsaved entity with the same values. What was removed is not there either.

        Columns with auto_now or auto_now_add are left out: the save gives them the current time.

        Example::

            twin = user.copy()
        """
        known = self._values
        values = {
            n: known[n] if isinstance(known.get(n), GivenId) else self._value_of_its_own(n)
            for n in self._columns
            if n != self._pkey and n not in self._schema.insert_stamps
        }
        twin = type(self)(**values)
        removed = {n for n, value in values.items() if value is None}
        removed &= {n for n, value in twin._values.items() if value is not None}  # by default
        twin._values.update(dict.fromkeys(removed))
        twin._changed -= removed
        return twin

    def update(self, /, *args: Mapping[str, Any], **kwargs: Any) -> Self:
        """Set several columns; returns the entity.

        Raises:
            InvalidColumnValue: an unknown name, or a value of the wrong type. Nothing was set.

        Example::

            user.update(name='Ann', age=43).save()
        """
        try:
            values = dict(*args, **kwargs)
            unknown = values.keys() - self._columns.keys()
        except (TypeError, ValueError):
            raise InvalidColumnValue(
                f'{type(self).__name__}.update takes values by column, not {show(args[0])}'
            ) from None
        if unknown:
            raise InvalidColumnValue(
                f'{type(self).__name__} has no column {_listed(unknown)}; '
                f'it has {show_names(self._columns)}'
            )
        prepared = {name: self._columns[name].prepare(self, v) for name, v in values.items()}
        for name, value in prepared.items():
            self._set(name, value)
        return self

    def __repr__(self) -> str:
        return shown(self)


def _name(model: type[Model], attr: object) -> str:
    if not isinstance(attr, str):
        raise QueryError(f'{model.__name__}: takes the name of a column, not {show(attr)}')
    return attr


def _listed(names: Iterable[Any]) -> str:
    return show_names(sorted(map(show, names)))
