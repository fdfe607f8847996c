"""The state of an entity: its stored values, its changes, and the change to write.

`_stored` holds the values as Redis is known to have them, encoded. `_values` holds the Python
values that were read or set since, and `_changed` the names of those that were set. A save writes
the difference.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Mapping, Sequence
from operator import is_
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from rom._core.columns import Column
from rom._core.columns.links import read_ids, rebased
from rom._core.entities.pickling import NoSession
from rom._core.schema import Schema
from rom._core.writes.changes import Change, Instant
from rom.exceptions import InvalidColumnValue, ORMError

if TYPE_CHECKING:
    from rom._core.ops.commits.attempts import Attempt
    from rom._core.sharding.shards import Shards

# Empty defaults that most entities share. Python's garbage collector counts every dict and set that
# is made, and walks over all of them when there are many.
_NONE: Mapping[str, Any] = {}
_UNCHANGED: frozenset[str] = frozenset()


class EntityState:
    """The part of an entity that knows its values, and no session."""

    _schema: ClassVar[Schema]
    _columns: ClassVar[dict[str, Column[Any]]]
    _namespace: ClassVar[str]
    _pkey: ClassVar[str]
    # Options of a class body have no values here, because these would hide those of a base that
    # comes after `rom.Model`. Not `| None`: mypy wants a Mixin to have exactly these types.
    _keep_index_data: ClassVar[bool]
    _soft_delete: ClassVar[str | None]
    _shards: ClassVar[Shards]
    _shard_by: ClassVar[str]
    _shard_with: ClassVar[str]
    _is_checked: ClassVar[bool] = False

    # Defaults on the class are those of a loaded entity, so that making one sets little.

    _values: dict[str, Any]
    # Entities may share these: replace them, never change them in place.
    _stored: Mapping[str, bytes]
    _seen: Mapping[str, bytes] = _NONE
    # The loaded lists of OneToMany columns, and entities of links.
    _related: Mapping[str, Any] = _NONE
    _changed: frozenset[str] = _UNCHANGED

    _batch: Sequence[weakref.ref[Any]] = ()  # the entities that were loaded together with it
    _id: int | None
    _new: bool = False
    _deleted: bool = False
    _attempt: Attempt | None = None  # the write whose outcome is not noted here yet
    _place: int  # the index of its change in the attempt
    _seen_at: float | None  # when the row was read or written, by `rom._core.support.clock.elapsed`
    _session: Any = NoSession()  # the Session or AsyncSession that tracks it
    _is_detached: bool = False  # unpickled or copied, and not added to a session yet
    _is_draft: bool = False  # new, and not tracked until the program adds or saves it
    _hosts: tuple[Any, ...] = ()  # other sessions in which it is pending
    _round: object = None  # the round of `Pending` in which it was added

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

    @property
    def _key(self) -> str:
        """The key of the row for messages, also of an entity without an id."""
        return f'{self._namespace}:{"(new)" if self._id is None else self._id}'

    @property
    def _modified(self) -> bool:
        """True if there are unsaved changes, set or made in place."""
        return (
            bool(self._changed)
            or self._new
            or self._attempt is not None
            or (bool(self._schema.mutable) and bool(self._mutated()))
        )

    def _mutated(self) -> list[str]:
        """Return the columns whose value changed in place."""
        values, found = self._values, []
        for name in self._schema.mutable:
            value = values.get(name)
            if value is None:
                continue
            try:
                is_same = self._columns[name].encode(value) == self._seen.get(name)
            except ORMError:  # no longer a valid value: the save raises
                is_same = False
            if not is_same:
                found.append(name)
        return found

    def _change(self, full: bool, force: bool, now: Instant | None = None) -> Change | None:
        """Return the change to write, or None without changes.

        Args:
            full, force: as for `save`.
            now: the time of the commit, for columns with auto_now or auto_now_add; None: now.
        """
        schema, values = self._schema, self._values
        wanted: dict[str, bytes | None]
        if self._new:
            try:
                wanted = {
                    name: encode(value)
                    for name, encode in schema.encoders
                    if (value := values.get(name)) is not None
                }
                if schema.mutable:
                    self._recheck(schema.mutable)
            except InvalidColumnValue as error:
                self._refuse(error)
            known = dict(values)
            if schema.insert_stamps:
                without = [name for name in schema.insert_stamps if values.get(name) is None]
                self._stamp(without, now, wanted, known)
            return Change(schema, 'insert', self._id, _NONE, wanted, known, checks_links=True)
        stamps = schema.update_stamps
        is_whole = full or force
        wanted = self._newly_encoded() if stamps or not is_whole else {}
        if stamps:
            stamps = tuple(name for name in stamps if name not in wanted) if wanted else ()
        if is_whole:
            self._recheck_mutated()
            wanted = self._encoded(name for name in schema.stored if name != schema.primary)
        elif not wanted:
            return None
        known = {name: values[name] for name in wanted if name in values}
        if stamps:
            self._stamp(stamps, now, wanted, known)
        return Change(
            schema, 'update', self._id, self._stored, wanted, known, full, force,
            seen_at=self._seen_at, stamps=stamps, checks_links=True,
        )  # fmt: skip

    def _stamp(
        self,
        names: Iterable[str],
        now: Instant | None,
        wanted: dict[str, bytes | None],
        known: dict[str, Any],
    ) -> None:
        """Add the time of the commit to the columns to write, and to their Python values."""
        now = now or Instant()
        for name in names:
            column = self._columns[name]
            known[name] = value = column.at(now.utc)
            wanted[name] = column.encode(value)

    def _newly_encoded(self) -> dict[str, bytes | None]:
        """Return the changed columns, encoded, without those set to the value they had."""
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
                if column.is_mutable and value is not None:
                    column.recheck(value)
            except InvalidColumnValue as error:
                self._refuse(error)
            if raw == stored.get(name):
                self._changed -= {name}
                if column.is_mutable and raw is not None:
                    self._seen = {**self._seen, name: raw}
            else:
                wanted[name] = raw
        return wanted

    def _recheck(self, names: Iterable[str]) -> None:
        """Check values that may have changed in place since they were set."""
        for name in names:
            value = self._values.get(name)
            if value is not None:
                self._columns[name].recheck(value)

    def _recheck_mutated(self) -> None:
        try:
            self._recheck(self._mutated() if self._schema.mutable else ())
        except InvalidColumnValue as error:
            self._refuse(error)

    def _encoded(self, names: Iterable[str]) -> dict[str, bytes | None]:
        """Return columns encoded as in a row; unread ones keep their stored value."""
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
        """Raise the error for a value that was changed in place to an invalid one."""
        raise InvalidColumnValue(
            f'{type(self).__name__} {self._key}: {error}. Nothing was written; set the column to '
            'another value, or refresh(force=True) gives changes up'
        ) from None

    def _saved(self, change: Change, id: int, stored: dict[str, bytes], at: float) -> None:
        """Take over the result of a change that was carried out: the row as it is now.

        An interrupt may come between any two steps. Then all of them are repeated, because the
        entity keeps its attempt until the end.
        """
        schema = self._schema
        primary = schema.primary
        self._id, self._new, self._deleted, self._seen_at = id, False, False, at
        if self._is_draft:
            self._is_draft = False
        self._forget_saved(change, stored)
        for name in schema.insert_stamps:  # these include the columns with auto_now
            if name in change.values and name not in self._changed:
                self._values[name] = change.values[name]
        if change.kind != 'insert' and not self._values.keys() <= change.wanted.keys():
            for name in self._values.keys() - change.wanted.keys():
                if name not in self._changed and stored.get(name) != self._stored.get(name):
                    del self._values[name]  # another writer's value, to be decoded again
        for name in schema.mutable:
            raw = change.wanted.get(name)
            if raw is not None:
                self._seen = {**self._seen, name: raw}
        for name in schema.links:
            before = change.wanted.get(name, self._stored.get(name))
            self._rebase_links(name, before, stored.get(name))
        if primary not in stored:
            stored[primary] = b'%d' % id
        self._stored = stored

    def _rebase_links(self, name: str, before: bytes | None, after: bytes | None) -> None:
        """Base the links on the row as it is now, which may have those of other writers, too.

        Args:
            name: the column.
            before: the stored value on which the links are based.
            after: the stored value as it is now.
        """
        links = self._values.pop(name, None) or ()
        met = {one._id: one for one in links if isinstance(one, EntityState)}
        self._related = {**self._related, name: {**self._related.get(name, {}), **met}}
        if name in self._changed:  # set during the write
            self._values[name] = rebased(read_ids(before), links, read_ids(after)) or None

    def _forget_saved(self, change: Change, stored: dict[str, bytes]) -> None:
        """Drop the written columns from the changed ones, except those set during the write."""
        values, written, mutable = self._values, change.values, self._schema.mutable
        # The values of a new row are still the same objects, unless the program set one meanwhile.
        is_plain = change.kind == 'insert' and not mutable
        if is_plain and self._changed <= written.keys() and _are_same(values, written):
            self._changed = _UNCHANGED
            return
        left = []
        for name in self._changed:
            if name in written and values.get(name) is written[name] and name not in mutable:
                continue
            before = (stored if name in change.wanted else self._stored).get(name)
            if not self._is_encoded_as(name, before):
                left.append(name)
        self._changed = frozenset(left) if left else _UNCHANGED

    def _is_encoded_as(self, name: str, raw: bytes | None) -> bool:
        """Return whether a value equals the stored one; False if it cannot be encoded (yet)."""
        value = self._values.get(name)
        if isinstance(value, EntityState) and value._id is None:
            return False
        try:
            return self._encoded((name,))[name] == raw
        except ORMError:
            return False


def _are_same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether two dicts have the same objects under the same names, in the same order."""
    is_as_long = len(one) == len(other) and list(one) == list(other)
    return is_as_long and all(map(is_, one.values(), other.values()))
