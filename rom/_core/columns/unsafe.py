"""UnsafeColumn: a separate key for each entity, on which a program calls any command."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, overload

from rom._core.columns.column_owner import Holder
from rom.exceptions import InvalidOperation

if TYPE_CHECKING:
    from typing import Self


class UnsafeColumn:
    """A list, set, counter or any other type of Redis that belongs to an entity.

    The commands run at once: they are not part of a commit, are not checked for races, and are not
    undone by a rollback. The commit that deletes the entity also deletes the key,
    ``namespace:id:column``. A command after that, from an object that a program read before, makes
    a leftover key, which :func:`rom.util.clean_unsafe_cols` removes.

    Raises:
        ValueError: the column is read after the entity was deleted.
        InvalidOperation: a value is assigned; the column has commands only.

    Example::

        class User(rom.Model):
            visits = rom.UnsafeColumn()

        user.visits.rpush('/home')
        user.visits.lrange(0, -1)
        await user.visits.llen()            # under an AsyncSession
        del user.visits
    """

    name = ''

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = self.name or name  # the metaclass refuses a second one

    @overload
    def __get__(self, entity: None, owner: type) -> Self: ...
    @overload
    def __get__(self, entity: Holder, owner: type | None = None) -> Commands: ...
    def __get__(self, entity: Holder | None, owner: type | None = None) -> Self | Commands:
        if entity is None:
            return self
        if entity._deleted:
            raise ValueError(
                f'{entity._key} was deleted, and the key of its column {self.name!r} with it; '
                'first save the entity with force=True'
            )
        return Commands(entity, self.name)

    def __set__(self, entity: Holder, value: Any) -> None:
        raise InvalidOperation(
            f'{type(entity).__name__}.{self.name} is an UnsafeColumn and cannot be assigned; '
            f'call a command, as in entity.{self.name}.set({value!r})'
        )

    def __delete__(self, entity: Holder) -> None:
        session = entity._session_here
        if session.is_async:
            raise InvalidOperation(
                f'del entity.{self.name} cannot await the server under an AsyncSession; '
                f'use await entity.{self.name}.delete()'
            )
        session._call(entity, self.name, 'delete', (), {})


class Commands:
    """The commands of the client, on the key of one entity.

    Each takes the arguments of the client's method without the key; ``skip_key=True`` leaves the
    key out of the call. Under an AsyncSession each call is awaited.
    """

    __slots__ = ('_entity', '_name')

    def __init__(self, entity: Holder, name: str) -> None:
        self._entity = entity
        self._name = name

    def __getattr__(self, command: str) -> Callable[..., Any]:
        if command.startswith('_'):
            raise AttributeError(f'Redis has no command {command!r}')
        entity, name = self._entity, self._name

        def call(*args: Any, skip_key: bool = False, **kwargs: Any) -> Any:
            key = None if skip_key else name
            return entity._session_here._call(entity, key, command, args, kwargs)

        return call

    def __repr__(self) -> str:
        return f'<commands on {self._entity._key}:{self._name}>'
