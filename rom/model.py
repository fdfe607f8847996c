"""Model: the metaclass, which turns a class body into a schema, and an entity's life.

An entity has an encoded past and a Python present: `_stored` is what Redis is known to have,
`_values` what was read or set since, `_changed` the names that were set. What a save writes is
their difference.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast, overload

from rom import current
from rom.changes import Change
from rom.classproperty import ClassProperty
from rom.columns import Column, OneToMany, PrimaryKey, UnsafeColumn
from rom.encoding.text import show
from rom.exceptions import ColumnError, InvalidColumnValue, InvalidOperation
from rom.query import Query
from rom.registry import MODELS, register
from rom.schema import Schema, build

if TYPE_CHECKING:
    from typing import Self

    import redis

    from rom.sessions import AsyncSession, Session


M = TypeVar('M', bound='Model')


class ModelMeta(type):
    """Builds and registers the schema of each model."""

    def __new__(
        meta, name: str, bases: tuple[type, ...], body: dict[str, Any], **options: Any
    ) -> ModelMeta:
        if not any(isinstance(base, ModelMeta) for base in bases):
            model = super().__new__(meta, name, bases, body, **options)
            MODELS[name] = model
            return model
        model = super().__new__(meta, name, bases, body, **options)
        columns = _columns(model)
        schema = build(
            name,
            columns,
            body.get('_namespace'),
            getattr(model, 'unique_together', None),
            bool(getattr(model, '_keep_index_data', False)),
            _lists(model),
            _unsafe(model),
            getattr(model, 'geo_index', None),
        )
        model._schema = schema  # type: ignore[attr-defined]
        model._columns = dict(schema.columns)  # type: ignore[attr-defined]
        model._namespace = schema.keys.namespace  # type: ignore[attr-defined]
        model._pkey = schema.primary  # type: ignore[attr-defined]
        model._is_checked = False  # type: ignore[attr-defined]
        _check_lists(model)
        register(name, schema.keys.namespace, model)
        return model


def _columns(model: type) -> dict[str, Column[Any]]:
    """The columns of a new model: those of its bases, its own, and the id if it lacks one.

    They are gathered in the order in which Python looks attributes up. Something else of a column's
    name, such as None, takes the column away.
    """
    columns: dict[str, Column[Any]] = {}
    for base in reversed(model.__mro__):
        for attribute, value in vars(base).items():
            if isinstance(value, Column):
                columns[attribute] = value
            else:
                columns.pop(attribute, None)
    _check_free(model, columns)
    return _with_primary(model, columns)


def _check_free(model: type, columns: Iterable[str]) -> None:
    for attribute in columns:
        if attribute != 'id' and hasattr(Model, attribute):
            raise ColumnError(
                f'{model.__name__}.{attribute}: every model has something of that name; '
                'call the column something else'
            )


def _with_primary(model: type, columns: dict[str, Column[Any]]) -> dict[str, Column[Any]]:
    """The columns with a primary key: a declared one takes the place of one that was made."""
    primaries = {name: key for name, key in columns.items() if isinstance(key, PrimaryKey)}
    if any(not key.is_automatic for key in primaries.values()):
        made = {name for name, key in primaries.items() if key.is_automatic}
        return {name: column for name, column in columns.items() if name not in made}
    if not primaries:
        if 'id' in columns:
            raise ColumnError(
                f'{model.__name__}.id is no primary key, yet would stand in the place of one: '
                'declare it as a PrimaryKey, or declare a PrimaryKey of another name beside it'
            )
        primary = PrimaryKey()
        primary.name, primary.is_automatic = 'id', True
        model.id = primary  # type: ignore[attr-defined]
        columns['id'] = primary
    return columns


def _unsafe(model: type) -> dict[str, UnsafeColumn]:
    """The UnsafeColumns of a new model, as `_columns` gathers the others."""
    found: dict[str, UnsafeColumn] = {}
    for base in reversed(model.__mro__):
        for attribute, value in vars(base).items():
            if isinstance(value, UnsafeColumn):
                found[attribute] = value
            else:
                found.pop(attribute, None)
    _check_free(model, found)
    return found


def _lists(model: type) -> dict[str, OneToMany]:
    return {
        attribute: value
        for base in reversed(model.__mro__)
        for attribute, value in vars(base).items()
        if isinstance(value, OneToMany)
    }


def _check_lists(model: Any) -> None:
    """No OneToMany between this model and those there are may have several columns to choose from.

    One that has none is for its reader to find out: a base model may declare it for its children.
    """
    names = (model.__name__, model._namespace)
    known = {**MODELS, model.__name__: model}
    for other in {*known.values()} - {Model}:
        for one in other._schema.lists.values():
            target = model if one.ftable in names else known.get(one.ftable)
            if target is None or model not in (other, target):
                continue
            if len(one.candidates(other, target)) > 1:
                one.referring_column(other, target)


class QueryProperty:
    """A query for all entities of the model, to be narrowed down.

    Example::

        User.query.filter(age=(18, None)).order_by('-age').limit(0, 10).all()
    """

    def __get__(self, instance: object, owner: type[M]) -> Query[M]:
        return Query(owner)


class Model(metaclass=ModelMeta):
    """The base of a program's models.

    A model is a class with columns. Each of its entities is a row in Redis, with entries in the
    indexes that the columns ask for. A new entity is written when it, or its session, is saved.

    Args:
        _extra_ok: take names that are no columns, and ignore them.
        **columns: values by column.

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

    _schema: ClassVar[Schema]
    _columns: ClassVar[dict[str, Column[Any]]]
    _namespace: ClassVar[str]
    _pkey: ClassVar[str]
    _keep_index_data: ClassVar[bool] = False
    _is_checked: ClassVar[bool] = False

    _values: dict[str, Any]
    _stored: dict[str, bytes]
    _seen: dict[str, bytes]
    _related: dict[str, list[Any]]  # what a OneToMany listed
    _batch: Sequence[weakref.ref[Model]] = ()  # those that were loaded with it
    _changed: set[str]
    _id: int | None
    _new: bool
    _deleted: bool
    _attempt: tuple[Change, bytes] | None  # whose answer was lost; and the key of its note
    _session: Session | AsyncSession

    def __init__(self, *, _extra_ok: bool = False, **columns: Any) -> None:
        if type(self) is Model:
            raise InvalidOperation('Model has no columns: make a subclass that declares some')
        if not self._is_checked:
            self._check_relations()
        schema = self._schema
        unknown = columns.keys() - schema.columns
        if unknown and not _extra_ok:
            raise InvalidColumnValue(
                f'{schema.name} has no column {", ".join(sorted(map(repr, unknown)))}; it has '
                f'{", ".join(schema.columns)}. _extra_ok=True ignores what is unknown'
            )
        self._begin(None, {})
        values = self._values
        for name, column in schema.columns.items():
            if name != schema.primary:
                value = values[name] = column.initial(self, columns)
                if value is not None:
                    self._changed.add(name)
            else:
                column.initial(self, columns)
        self._session = current.home()
        self._session.add(self)

    @classmethod
    def _check_relations(cls) -> None:
        """Raise ORMError unless every model is there that this one names."""
        for name in cls._schema.relations:
            column: Any = cls._columns[name]
            column.get_related_model()
        for one in cls._schema.lists.values():
            one.get_related_model()
        cls._is_checked = True

    def _begin(self, id: int | None, stored: dict[str, bytes]) -> None:
        self._values = {}
        self._stored = stored
        self._seen = {}
        self._related = {}
        self._changed = set()
        self._id = id
        self._new = id is None
        self._deleted = False
        self._attempt = None

    @classmethod
    def _from_row(cls, id: int, stored: dict[str, bytes]) -> Self:
        """An entity that was loaded. Its values are decoded when they are first read."""
        entity = cls.__new__(cls)
        entity._begin(id, stored)
        return entity

    # Hooks, for programs to define. What happens in those before a write may stop it, or change the
    # entity; what those after it change is not saved yet.

    def _before_insert(self) -> None: ...
    def _after_insert(self) -> None: ...
    def _before_update(self) -> None: ...
    def _after_update(self) -> None: ...
    def _before_delete(self) -> None: ...
    def _after_delete(self) -> None: ...

    # What columns and sessions need of an entity.

    def _set(self, name: str, value: Any) -> None:
        self._values[name] = value
        if not self._changed:
            # It is known strongly from now on: a change must not be lost with the last reference.
            self._session.add(self)
        self._changed.add(name)

    def _need_id(self) -> int | None:
        """The id; a new entity's is taken from the server now."""
        if self._id is None:
            if self._session.is_async:
                raise InvalidOperation(
                    f'a new {type(self).__name__} has no id before it is saved: '
                    'await s.flush() or s.save(entity) first'
                )
            self._session.take_ids(self)
        return self._id

    def _load_relation(self, name: str) -> None:
        """Load what a column refers to, for all entities that were loaded with this one."""
        column: Any = self._columns[name]
        if self._session.is_async:
            id = column.decode(self._stored[name])._id
            target = self._session.wknown.get(f'{column.get_related_model()._namespace}:{id}')
            if target is None:
                self._no_hidden_io(name)
            self._values[name] = target
            return
        others = (ref() for ref in self._batch)
        together = [other for other in others if other is not None and other is not self]
        session = cast('Session', self._session)
        session._run(session._load_reference(self, together, name))

    def _load_related(self, name: str) -> list[Any]:
        """The entities that refer to this one."""
        if self._id is None:
            return []
        self._no_hidden_io(name)
        session = cast('Session', self._session)
        return session._run(session._load_list(self, name))

    def _no_hidden_io(self, name: str) -> None:
        if self._session.is_async:
            raise InvalidOperation(
                f'{self._key}.{name} is not loaded, and an attribute cannot wait for it: '
                f'await s.load(entities, {name!r}) first, or query with .load({name!r})'
            )

    @property
    def _key(self) -> str:
        """For messages: the row's key, whether or not there is an id yet."""
        return f'{self._namespace}:{"(new)" if self._id is None else self._id}'

    @property
    def _pk(self) -> str:
        """The key of the entity's row."""
        return f'{self._namespace}:{self._need_id()}'

    @property
    def _modified(self) -> bool:
        """Something was set, or changed in place, and is not saved."""
        return (
            bool(self._changed) or self._new or self._attempt is not None or bool(self._mutated())
        )

    def _mutated(self) -> list[str]:
        """The columns whose value changed without being set."""
        values, found = self._values, []
        for name in self._schema.mutable:
            value = values.get(name)
            if value is not None and self._columns[name].encode(value) != self._seen.get(name):
                found.append(name)
        return found

    def _change(self, full: bool, force: bool) -> Change | None:
        """What is to be written; None if nothing is."""
        schema = self._schema
        if self._new:
            wanted = self._encoded(name for name in schema.stored if name != schema.primary)
            return Change(schema, 'insert', self._id, {}, wanted, dict(self._values))
        if full or force:
            wanted = self._encoded(name for name in schema.stored if name != schema.primary)
        else:
            changed = {name for name in self._changed if self._columns[name].is_stored}
            wanted = self._encoded({*changed, *self._mutated()})
            stored = self._stored
            same = [name for name, raw in wanted.items() if raw == stored.get(name)]
            self._changed.difference_update(same)  # what was set is what was there
            wanted = {name: raw for name, raw in wanted.items() if name not in same}
            if not wanted:
                return None
        known = {name: self._values[name] for name in wanted if name in self._values}
        return Change(schema, 'update', self._id, self._stored, wanted, known, full, force)

    def _encoded(self, names: Iterable[str]) -> dict[str, bytes | None]:
        """Columns as a row stores them. Those that were not read are as they were."""
        columns, values = self._columns, self._values
        encoded: dict[str, bytes | None] = {}
        for name in names:
            column, raw = columns[name], self._stored.get(name)
            if raw is not None and name not in self._changed and not column.is_mutable:
                encoded[name] = raw
                continue
            if name not in values:
                getattr(self, name)  # a column that the row lacks may have a default
            value = values.get(name)
            encoded[name] = None if value is None else column.encode(value)
        return encoded

    def _saved(self, change: Change, id: int, stored: dict[str, bytes]) -> None:
        """A change was carried out, and the row is known to be this now."""
        primary = self._schema.primary
        self._id, self._new, self._deleted, self._attempt = id, False, False, None
        # What was set to what was there is no change; what was set while the server wrote is one.
        shown = self._encoded(self._changed)
        for name in list(self._changed):
            seen = stored if name in change.wanted else self._stored
            if shown[name] == seen.get(name):
                self._changed.discard(name)
        for name in self._values.keys() - change.wanted.keys() - self._changed:
            if stored.get(name) != self._stored.get(name):
                del self._values[name]  # another writer's value is known now
        for name in self._schema.mutable:
            raw = change.wanted.get(name)
            if raw is not None:
                self._seen[name] = raw
        self._stored = {**stored, primary: b'%d' % id}

    # What programs use.

    query = QueryProperty()

    @ClassProperty
    def _connection(cls) -> redis.Redis:
        """The client for the model's data."""
        return current.connection_of(cls)

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
        return current.session().get(cls, ids)

    @classmethod
    def get_by(cls, **value: Any) -> Any:
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
        return current.session().get_by(cls, **value)

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
        return cls.query.does_not_startwith(**{attr: values}).iter_result(pagesize=blocksize)

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
        return cls.query.does_not_endwith(**{attr: values}).iter_result(pagesize=blocksize)

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
        return current.session().save(self, full=full, force=force)

    def delete(self) -> None:
        """Delete the row and its index entries.

        Raises:
            InvalidOperation: the entity was never saved.

        Example::

            user.delete()
        """
        current.session().delete(self)

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
        current.session().refresh(self, force=force)

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
            ValueError: different connections; changes that are not saved; a value or places that
                make no sense; not enough there; done already. Nothing was written.
            EntityDeletedError: one of the three is gone. Nothing was written.

        Example::

            trade = Trade()
            trade.save()
            ann.transfer(bob, 'gold', 5, trade, 'done')
        """
        current.session().transfer(
            self, other, attr, value, txn_model, txn_attr, decimal_places, refresh_entities,
            refresh_index,
        )  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """The values of all columns.

        Example::

            user.to_dict()     # {'name': 'Ann', 'age': 42, 'id': 1}
        """
        return {name: getattr(self, name) for name in self._columns}

    def copy(self) -> Self:
        """A new, unsaved entity with the same values.

        Example::

            twin = user.copy()
        """
        values = {
            name: deepcopy(getattr(self, name)) if column.is_mutable else getattr(self, name)
            for name, column in self._columns.items()
            if name != self._pkey
        }
        return type(self)(**values)

    def update(self, *args: Mapping[str, Any], **kwargs: Any) -> Self:
        """Set several columns; returns the entity.

        Raises:
            InvalidColumnValue: an unknown name, or a value of the wrong type. Nothing was set.

        Example::

            user.update(name='Ann', age=43).save()
        """
        values = dict(*args, **kwargs)
        unknown = values.keys() - self._columns.keys()
        if unknown:
            raise InvalidColumnValue(
                f'{type(self).__name__} has no column {", ".join(sorted(map(repr, unknown)))}; '
                f'it has {", ".join(self._columns)}'
            )
        prepared = {name: self._columns[name].prepare(self, v) for name, v in values.items()}
        for name, value in prepared.items():
            self._set(name, value)
        return self

    def __repr__(self) -> str:
        shown = ', '.join(
            f'{name}={f"<{value._key}>" if isinstance(value, Model) else show(value)}'
            for name, value in self._values.items()
            if value is not None
        )
        return f'<{self._key} {shown}>' if shown else f'<{self._key}>'
