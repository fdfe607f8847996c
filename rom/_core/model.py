"""Model, the class that programs subclass. Most methods call the current session."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import TYPE_CHECKING, Any, ClassVar

from rom._core import session_context
from rom._core.columns import Column, PrimaryKey
from rom._core.columns.primary_key import OWN_ID
from rom._core.columns.relations import GivenId
from rom._core.encoding.text import show, show_names
from rom._core.entities.entity_repr import shown
from rom._core.entities.metaclass import ModelMeta
from rom._core.model_queries import ModelQueries
from rom.exceptions import InvalidColumnValue, InvalidOperation

if TYPE_CHECKING:
    from typing import Self

    import redis
    from pydantic import BaseModel, GetCoreSchemaHandler
    from pydantic_core import CoreSchema


class Model(ModelQueries, metaclass=ModelMeta):
    """The base class of models.

    A model is a class with columns. Each entity is a row in Redis, with entries in the indexes of
    its columns. A new entity is written by its `save()`, or by a commit of its session.

    Args:
        _extra_ok: ignore names that are not columns.
        **columns: values by column. The value of a relation is an entity, or its id, which is
            looked up when the relation is read, or at the save.

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

    # The client of the model, under either name. Every call asks for both, and a name that a class
    # lacks takes a microsecond to look up.
    _conn: ClassVar[redis.Redis | None] = None
    CONN: ClassVar[redis.Redis | None] = None

    def __init__(self, /, *, _extra_ok: bool = False, **columns: Any) -> None:
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
        given_names = schema.settable_names  # shared by all entities that have every value
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
        """Raise ORMError unless every model that the relations name exists."""
        if not hasattr(cls, '_schema'):
            raise InvalidOperation(
                f'{cls.__name__} has no columns: make a subclass that declares some'
            )
        for name in (*cls._schema.relations, *cls._schema.links):
            column: Any = cls._columns[name]
            column.get_related_model()
        for one in cls._schema.lists.values():
            one.get_related_model()
        cls._is_checked = True

    @classmethod
    def pydantic(
        cls,
        *,
        include: str | Iterable[str] | None = None,
        exclude: str | Iterable[str] = (),
        partial: bool = False,
        name: str | None = None,
    ) -> type[BaseModel]:
        """Return a pydantic class with this model's columns as fields: types, defaults, formats.

        The same fields always give the same class. It may be subclassed, can be filled from an
        entity by ``model_validate(user)``, and is a type for FastAPI, as the model itself is. The
        fields of relations are ids. Needs ``rom-redis[pydantic]``.

        Args:
            include: the names of the fields; default: all columns that store a value. A OneToMany
                must be included by name; its field is a list of ids.
            exclude: columns to leave out, such as the primary key of a new entity.
            partial: True: a class for changes. No field is required or has a default, and the
                primary key is left out unless it is included.
                ``body.model_dump(exclude_unset=True)`` returns the fields that a client sent.
            name: the name of the class; default: from the names of the model and the fields.

        Raises:
            ColumnError: a name is not a column, or its column stores no value; or no field is left.
            InvalidOperation: called on `Model` itself, which has no columns.
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
        """Write the changes of the entity.

        Args:
            full: True: write every column and index entry.
            force: True: overwrite changes of other writers, and restore a deleted row.

        Returns:
            The number of columns written; for a new entity, of all that have a value.

        Raises:
            UniqueKeyViolation: a unique value belongs to another entity.
            DataRaceError: another writer changed the row since it was read.
            EntityDeletedError: the row was deleted. As with the others, nothing was written.

        Example::

            user.age += 1
            user.save()
        """
        return session_context.session().save(self, full=full, force=force)

    def delete(self, hard: bool = False) -> None:
        """Delete the row and its index entries.

        If the model has ``_soft_delete``, the row stays. The delete sets the current time in that
        column, and frees the unique values.

        Args:
            hard: remove the row in that case, too.

        Raises:
            InvalidOperation: the entity was never saved.
            RestrictError: a relation to the entity forbids the delete.

        Example::

            user.delete()
        """
        session_context.session().delete(self, hard=hard)

    def restore(self) -> None:
        """Undo a soft delete. Entities that a cascade deleted with this one stay deleted.

        Raises:
            InvalidOperation: the entity was not soft-deleted.
            UniqueKeyViolation: another entity has one of its unique values now. Nothing was
                written.

        Example::

            user = User.query.only_deleted().filter(name='Ann').first()
            user.restore()
        """
        session_context.session().restore(self)

    def refresh(self, force: bool = False) -> None:
        """Read the row again.

        Args:
            force: True: discard unsaved changes.

        Raises:
            InvalidOperation: there are unsaved changes, or the entity is new.
            EntityDeletedError: the row does not exist any more.

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
        """Move an amount to another entity, and mark a third one as done; atomic, and only once.

        The stored values count, not the loaded ones. The indexes are updated.

        Args:
            other: the entity that receives the amount.
            attr: the column of both entities with the number: an Integer, Float or Decimal.
            value: the amount, rounded to *decimal_places*.
            txn_model: the entity that represents this transfer.
            txn_attr: its column that marks the transfer as done: True in a Boolean, else 1.
            decimal_places: the number of decimal places.
            refresh_entities: True: the three entities take the new values of their rows.
            refresh_index: the same; in rom 1.x it also updated the indexes.

        Raises:
            TransferError: different connections, unsaved changes, an invalid amount or number of
                places, too small a balance, or a transfer that was already done. Nothing was
                written.
            EntityDeletedError: one of the three rows does not exist. Nothing was written.

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
        """Return the values of all columns by name. Dicts and lists are copies.

        Example::

            user.to_dict()     # {'name': 'Ann', 'age': 42, 'id': 1}
        """
        return {name: self._value_of_its_own(name) for name in self._columns}

    def _value_of_its_own(self, name: str) -> Any:
        column = self._columns[name]
        if column.is_mutable:
            return deepcopy(Column.__get__(column, self))
        if column.is_links:
            return list(column.links_of(self))  # type: ignore[attr-defined]
        return getattr(self, name)

    def copy(self) -> Self:
        """Return a new, unsaved entity with the same values.

        Columns with auto_now or auto_now_add get the current time at the save. A column without a
        value gets none in the copy, even if it has a default.

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
        # These have got a default.
        removed &= {n for n, value in twin._values.items() if value is not None}
        twin._values.update(dict.fromkeys(removed))
        twin._changed -= removed
        return twin

    def update(self, /, *args: Mapping[str, Any], **kwargs: Any) -> Self:
        """Set several columns, and return the entity.

        Args:
            *args: a mapping of values by column.
            **kwargs: values by column.

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


def _listed(names: Iterable[Any]) -> str:
    return show_names(sorted(map(show, names)))
