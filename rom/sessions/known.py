"""What both sessions know, and how a program tells them to know more or less."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from rom.encoding.text import show
from rom.exceptions import ORMError
from rom.model import Model
from rom.sessions.identity import IdentityMap


class Known:
    """A session's identity map, as programs see it. Nothing here needs a server."""

    is_async = False

    def __init__(self) -> None:
        self._identity = IdentityMap()

    @property
    def known(self) -> dict[str, Model]:
        """The entities held until the next commit, by the key of their row."""
        return self._identity.known

    @property
    def wknown(self) -> Any:
        """All entities known, held weakly, by the key of their row."""
        return self._identity.wknown

    @property
    def null_session(self) -> bool:
        """No further entities become known; each read makes new objects, `commit` finds nothing.

        Setting it is for this session alone; deleting it goes back to the default, which
        `rom.util.use_null_session` and `use_rom_session` set.

        Example::

            rom.session.null_session = True
        """
        return self._identity.is_null

    @null_session.setter
    def null_session(self, is_null: bool) -> None:
        self._identity.null = bool(is_null)

    @null_session.deleter
    def null_session(self) -> None:
        self._identity.null = None

    def add(self, entity: Model) -> None:
        """Have the session know an entity, and no other session.

        Example::

            session.add(user)
        """
        check_entity(entity)
        previous = entity._session
        if previous is not None and previous is not self:
            previous.forget(entity)
        entity._session = self
        self._identity.add(entity)

    def add_all(self, entities: Iterable[Any]) -> None:
        """Have the session know several entities: a list of them, or anything else to iterate over.

        Raises:
            ORMError: one of them is no entity, or this is nothing to iterate over. None is added.

        Example::

            session.add_all([ann, bob])
        """
        if not isinstance(entities, Iterable):
            raise ORMError(f'add_all takes a list of entities, not {show(entities)}; see add')
        for entity in list(flat(entities)):
            self.add(entity)

    def forget(self, entity: Model) -> None:
        """Know an entity no longer: the next commit leaves it out.

        Example::

            session.forget(user)
        """
        check_entity(entity)
        self._identity.forget(entity)

    def rollback(self) -> None:
        """Forget all entities, and with them what was not saved.

        Example::

            session.rollback()
        """
        self._identity.forget_all()


def check_entity(entity: object) -> None:
    """Raise ORMError for what is no entity."""
    if not isinstance(entity, Model):
        raise ORMError(f'a session takes entities of models, not {show(entity)}')


def flat(objects: Iterable[Any]) -> Iterator[Any]:
    """Entities, and lists of them, as one row of entities."""
    try:
        yield from _flat(objects)
    except RecursionError:
        raise ORMError('lists of entities lie too deep in one another') from None


def _flat(objects: Iterable[Any]) -> Iterator[Any]:
    for item in objects:
        if isinstance(item, (list, tuple, set, frozenset)):
            yield from _flat(item)
        else:
            check_entity(item)
            yield item
