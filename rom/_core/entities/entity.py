"""An entity's life: what it knows, what was changed, and what columns and sessions need of it.

An entity has an encoded past and a Python present: `_stored` is what Redis is known to have,
`_values` what was read or set since, `_changed` the names that were set. What a save writes is
their difference.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from rom._core.columns import Column, ExpireAt
from rom._core.columns.relations import GivenId
from rom._core.entities.pickling import NoSession, restore, state_of
from rom._core.schema import Schema
from rom._core.session_context import home
from rom._core.writes.changes import Change
from rom.exceptions import InvalidColumnValue, InvalidOperation, ORMError

if TYPE_CHECKING:
    from typing import Self

    from rom._core.ops.commits.attempts import Attempt

# What most entities have: nothing of the kind. They share it, for Python's collector of garbage
# counts every dict and every set that is made, and walks over all there are when they are many.
_NONE: Mapping[str, Any] = {}
_UNCHANGED: frozenset[str] = frozenset()


class Entity:
    """All of a model but what programs call."""

    _schema: ClassVar[Schema]
    _columns: ClassVar[dict[str, Column[Any]]]
    _namespace: ClassVar[str]
    _pkey: ClassVar[str]
    _keep_index_data: ClassVar[bool] = False
    _is_checked: ClassVar[bool] = False

    _values: dict[str, Any]
    # These are replaced, and never changed: entities may share them.
    _stored: Mapping[str, bytes]
    _seen: Mapping[str, bytes]
    _related: Mapping[str, list[Any]]  # what a OneToMany listed
    _changed: frozenset[str]

    _batch: Sequence[weakref.ref[Any]] = ()  # those that were loaded with it
    _id: int | None
    _new: bool
    _deleted: bool
    _attempt: Attempt | None  # to write it, which has not been noted here yet
    _place: int  # of its change, among those of the attempt
    _seen_at: float | None  # when the row was read or written, by `rom._core.support.clock.elapsed`
    _session: Any = NoSession()  # the Session or AsyncSession that knows it
    _is_detached: bool = False  # it came from elsewhere, and no session was told of it
    _is_draft: bool = False  # new, and for the program to add to a session or to save
    _hosts: tuple[Any, ...] = ()  # other sessions that are to look at it, too
    _round: object = None  # in which it came to those whom the session at work looks at

    def _begin(
        self, id: int | None, stored: Mapping[str, bytes] = _NONE, seen_at: float | None = None
    ) -> None:
        self._values = {}
        self._stored = stored
        self._seen = self._related = _NONE
        self._changed = _UNCHANGED
        self._id = id
        self._new = id is None
        self._deleted = False
        self._attempt = None
        self._seen_at = seen_at

    @classmethod
    def _from_row(cls, id: int, stored: Mapping[str, bytes], seen_at: float | None = None) -> Self:
        """An entity that was loaded. Its values are decoded when they are first read."""
        entity = cls.__new__(cls)
        entity._begin(id, stored, seen_at)
        return entity

    def __getstate__(self) -> dict[str, Any]:
        return state_of(self)

    def __setstate__(self, state: dict[str, Any]) -> None:
        restore(self, state)

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
        session: Any = home()
        pending = session._identity.pending
        if self._round is not pending.round:
            self._come_to(session)
        self._values[name] = value
        if name not in self._changed:
            self._changed = _with(self._changed, name)
        if self._round is not pending.round:  # another thread commits; or a null session
            self._come_to(session)

    def _come_to(self, session: Any) -> None:
        """Have the session at work look at this at its next commit."""
        pending = session._identity.pending
        now = pending.round  # before the look: who leaves after it ends the round
        if id(self) not in pending:
            session._join(self)
        if id(self) in pending:
            self._round = now

    def _look_into(self) -> None:
        """A value is read that can change in place: the session at work is to compare it."""
        session: Any = home()
        if id(self) not in session._identity.pending:
            session._watch(self)

    @property
    def _session_here(self) -> Any:
        """The entity's session, for I/O: in threads, what stands for an AsyncSession."""
        session: Any = self._session
        here: Any = home()
        return here if here._identity is session._identity else session

    def _need_id(self) -> int | None:
        """The id; a new entity's is taken from the server now."""
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
        """Load what a column refers to, for all entities that were loaded with this one."""
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
        others = (ref() for ref in self._batch)
        together = [other for other in others if other is not None and other is not self]
        session._run(session._load_reference(self, together, name))

    @property
    def _unseen(self) -> list[str]:
        """The relations that were set to ids which the row does not have, and of whom is not known.

        The session looks them up before it writes, and refuses those of nobody.
        """
        values, stored = self._values, self._stored
        return [
            name
            for name in self._schema.relations
            if isinstance(value := values.get(name), GivenId)
            and stored.get(name) != b'%d' % value.id
        ]

    def _load_related(self, name: str) -> list[Any]:
        """The entities that refer to this one."""
        if self._id is None:
            return []
        self._no_hidden_io(name)
        session = self._session_here
        found: list[Any] = session._run(session._load_list(self, name))
        return found

    def _no_hidden_io(self, name: str) -> None:
        if self._session_here.is_async:
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
    def _seems_expired(self) -> bool:
        """Past its time by this program's clock, as far as is known: the server should be asked."""
        name = self._schema.expiry
        column = None if name is None else self._columns[name]
        return isinstance(column, ExpireAt) and column.is_past(self._stored.get(column.name))

    @property
    def _modified(self) -> bool:
        """Something was set, or changed in place, and is not saved."""
        return (
            bool(self._changed)
            or self._new
            or self._attempt is not None
            or (bool(self._schema.mutable) and bool(self._mutated()))
        )

    def _mutated(self) -> list[str]:
        """The columns whose value changed without being set."""
        values, found = self._values, []
        for name in self._schema.mutable:
            value = values.get(name)
            if value is None:
                continue
            try:
                is_same = self._columns[name].encode(value) == self._seen.get(name)
            except ORMError:  # it was made something that the column does not take: a save says so
                is_same = False
            if not is_same:
                found.append(name)
        return found

    def _change(self, full: bool, force: bool) -> Change | None:
        """What is to be written; None if nothing is."""
        schema, values = self._schema, self._values
        wanted: dict[str, bytes | None]
        if self._new:
            try:
                wanted = {
                    name: encode(value)
                    for name, encode in schema.encoders
                    if (value := values.get(name)) is not None
                }
            except InvalidColumnValue as error:
                self._refuse(error)
            return Change(schema, 'insert', self._id, _NONE, wanted, dict(values))
        if full or force:
            wanted = self._encoded(name for name in schema.stored if name != schema.primary)
        else:
            wanted = self._newly_encoded()
            if not wanted:
                return None
        known = {name: values[name] for name in wanted if name in values}
        return Change(
            schema, 'update', self._id, self._stored, wanted, known, full, force,
            seen_at=self._seen_at,
        )  # fmt: skip

    def _newly_encoded(self) -> dict[str, bytes | None]:
        """What is not as it was, encoded. What was set to what was there is no change."""
        columns, values, stored = self._columns, self._values, self._stored
        wanted: dict[str, bytes | None] = {}
        names: Iterable[str] = self._changed
        if self._schema.mutable:
            names = (*names, *self._mutated())
        for name in names:
            column, value = columns[name], values.get(name)
            if not column.is_stored:
                continue
            try:
                raw = None if value is None else column.encode(value)
            except InvalidColumnValue as error:
                self._refuse(error)
            if raw == stored.get(name):
                self._changed -= {name}
            else:
                wanted[name] = raw
        return wanted

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
            try:
                encoded[name] = None if value is None else column.encode(value)
            except InvalidColumnValue as error:
                self._refuse(error)
        return encoded

    def _refuse(self, error: InvalidColumnValue) -> NoReturn:
        """Raise the error for a value that was changed in place to what its column cannot hold."""
        raise InvalidColumnValue(
            f'{type(self).__name__} {self._key}: {error}. Nothing was written; set the column to '
            'another value, or refresh(force=True) gives changes up'
        ) from None

    def _saved(self, change: Change, id: int, stored: dict[str, bytes], at: float) -> None:
        """A change was carried out, and the row is known to be this now; the entity keeps it.

        An interrupt may come between any two steps: then all of this is done once more, as long as
        the entity has its attempt.
        """
        primary = self._schema.primary
        self._id, self._new, self._deleted, self._seen_at = id, False, False, at
        if self._is_draft:
            self._is_draft = False
        self._forget_saved(change, stored)
        if change.kind != 'insert' and not self._values.keys() <= change.wanted.keys():
            for name in self._values.keys() - change.wanted.keys():
                if name not in self._changed and stored.get(name) != self._stored.get(name):
                    del self._values[name]  # another writer's value is known now
        for name in self._schema.mutable:
            raw = change.wanted.get(name)
            if raw is not None:
                self._seen = {**self._seen, name: raw}
        if primary not in stored:
            stored[primary] = b'%d' % id
        self._stored = stored

    def _forget_saved(self, change: Change, stored: dict[str, bytes]) -> None:
        """What was written is no change any more; what was set while the server wrote is one."""
        values, written, mutable = self._values, change.values, self._schema.mutable
        left = []
        for name in self._changed:
            if name in written and values.get(name) is written[name] and name not in mutable:
                continue
            before = (stored if name in change.wanted else self._stored).get(name)
            if not self._is_encoded_as(name, before):
                left.append(name)
        self._changed = frozenset(left) if left else _UNCHANGED

    def _is_encoded_as(self, name: str, raw: bytes | None) -> bool:
        """A value is what a row has; one that cannot be encoded, or not yet, is not."""
        value = self._values.get(name)
        if isinstance(value, Entity) and value._id is None:
            return False
        try:
            return self._encoded((name,))[name] == raw
        except ORMError:
            return False


@lru_cache(maxsize=1024)
def _with(names: frozenset[str], name: str) -> frozenset[str]:
    """These names and one more. Of many entities the same columns are set: they share the set."""
    return names | {name}
