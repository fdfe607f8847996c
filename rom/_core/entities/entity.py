"""Entity: the base class of models, by which columns and sessions reach one another.

A column that is read or set calls its entity. The entity makes itself pending in the current
session, or has that session load what the column refers to.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from rom._core.columns import ExpireAt
from rom._core.columns.links import ids_in
from rom._core.columns.relations import GivenId
from rom._core.encoding.text import as_text
from rom._core.entities.entity_state import EntityState
from rom._core.entities.pickling import restore, state_of
from rom._core.session_context import home
from rom.exceptions import InvalidOperation

if TYPE_CHECKING:
    from typing import Self


class Entity(EntityState):
    """The base class of models: all but the methods that programs call."""

    # Declared here as well, because pyright takes the type of the assignment below otherwise.
    _related: Mapping[str, Any]

    @classmethod
    def _from_row(cls, id: int, stored: Mapping[str, bytes], seen_at: float | None = None) -> Self:
        """Return the entity of a loaded row. Its values are decoded when they are first read."""
        entity = cls.__new__(cls)
        entity._values = {}
        entity._stored = stored
        entity._id = id
        entity._seen_at = seen_at
        return entity

    def __getstate__(self) -> dict[str, Any]:
        return state_of(self)

    def __setstate__(self, state: dict[str, Any]) -> None:
        restore(self, state)

    # Hooks, for programs to override. Those before a write may raise to stop it, or change the
    # entity; changes by those after it are not saved yet.

    def _before_insert(self) -> None: ...
    def _after_insert(self) -> None: ...
    def _before_update(self) -> None: ...
    def _after_update(self) -> None: ...
    def _before_delete(self) -> None: ...
    def _after_delete(self) -> None: ...

    # Methods for columns and sessions.

    def _set(self, name: str, value: Any) -> None:
        session: Any = home()
        pending = session._identity.pending
        if self._round is not pending.round:
            self._come_to(session)
        self._values[name] = value
        if name not in self._changed:
            self._changed = _with(self._changed, name)
        if self._round is not pending.round:  # another thread has committed; or a null session
            self._come_to(session)

    def _come_to(self, session: Any) -> None:
        """Make the entity pending in the current session."""
        pending = session._identity.pending
        now = pending.round  # read before the test: if the entity leaves after it, the round ends
        if id(self) not in pending:
            session._join(self)
        if id(self) in pending:
            self._round = now

    def _look_into(self) -> None:
        """Make the entity pending before a value that can change in place is read."""
        session: Any = home()
        if id(self) not in session._identity.pending:
            session._watch(self)

    @property
    def _session_here(self) -> Any:
        """The session for I/O: in threads, the partner of an AsyncSession."""
        session: Any = self._session
        here: Any = home()
        return here if here._identity is session._identity else session

    def _need_id(self) -> int | None:
        """Return the id; take one from the server for a new entity."""
        if self._id is None:
            session = self._session_here
            if session.is_async:
                raise InvalidOperation(
                    f'a new {type(self).__name__} has no id before it is saved: '
                    'await s.flush() or s.save(entity) first'
                )
            session.take_ids(self)
        return self._id

    def _load_relation(self, name: str) -> None:
        """Load the entity that a column refers to, for all entities loaded with this one."""
        column: Any = self._columns[name]
        session = self._session_here
        if session.is_async:
            given = self._values.get(name)
            id = (given or column.decode(self._stored[name])).id
            known = session._identity
            target = known.find(f'{column.get_related_model()._namespace}:{id}')
            if target is None or target._seems_expired:
                self._no_hidden_io(name)
            self._values[name] = target
            return
        session._run(session._relations.load_reference(self, self._together, name))

    def _load_links(self, name: str) -> None:
        """Load the entities that a column of links names, for all entities of this one's batch."""
        session = self._session_here
        if session.is_async:
            column: Any = self._columns[name]
            head = column.get_related_model()._namespace
            known = {**self._related.get(name, {})}
            for id in ids_in(column.links_of(self)):
                target = known.get(id) or session._identity.find(f'{head}:{id}')
                if id not in known and (target is None or target._seems_expired):
                    self._no_hidden_io(name)
                known[id] = target
            self._related = {**self._related, name: known}
            return
        session._run(session._relations.load_links_of(self, self._together, name))

    @property
    def _together(self) -> list[Any]:
        """The other entities that were loaded together with it, and still exist."""
        others = (ref() for ref in self._batch)
        return [other for other in others if other is not None and other is not self]

    @property
    def _unseen(self) -> list[str]:
        """The relations that were set to an id whose entity is not known to exist.

        The session looks those ids up before it writes, and raises for unknown ones.
        """
        values, stored = self._values, self._stored
        return [
            name
            for name in self._schema.relations
            if isinstance(value := values.get(name), GivenId)
            and stored.get(name) != b'%d' % value.id
        ]

    def _load_related(self, name: str) -> list[Any]:
        """Return the entities that refer to this one."""
        if self._id is None:
            return []
        self._no_hidden_io(name)
        session = self._session_here
        found: list[Any] = session._run(session._relations.load_list(self, name))
        return found

    def _no_hidden_io(self, name: str) -> None:
        if self._session_here.is_async:
            raise InvalidOperation(
                f'{self._key}.{name} is not loaded, and an attribute cannot wait for it: '
                f'await s.load(entities, {name!r}) first, or query with .load({name!r})'
            )

    @property
    def _pk(self) -> str:
        """The key of the entity's row."""
        return f'{self._namespace}:{self._need_id()}'

    def _unsafe_key(self, name: str) -> str:
        """Return the key of an UnsafeColumn; over partitions, that of the entity's partition."""
        if self._schema.placement is None:
            return f'{self._pk}:{name}'
        id = self._need_id()
        assert id is not None
        return f'{as_text(self._schema.row_key(id))}:{name}'

    @property
    def _seems_expired(self) -> bool:
        """True if it has expired by this program's clock, so that the server must decide."""
        name = self._schema.expiry
        column = None if name is None else self._columns[name]
        return isinstance(column, ExpireAt) and column.is_past(self._stored.get(column.name))

    @property
    def _is_soft_deleted(self) -> bool:
        """True if its row, as last read, has the time of a soft delete."""
        name = self._schema.soft_delete
        return name is not None and name in self._stored

    @property
    def _way_back(self) -> str:
        """The way to have a deleted entity again, for errors.

        A forced save of a soft-deleted one writes its row, which stays deleted.
        """
        if self._is_soft_deleted:
            return 'restore() brings it back'
        return 'save(force=True) writes it again'


@lru_cache(maxsize=1024)
def _with(names: frozenset[str], name: str) -> frozenset[str]:
    """Return the names with one more; cached, so that entities share equal sets."""
    return names | {name}
