"""ActiveRecord: a record's life.

What a save writes is whatever would be stored differently, so that a change inside a JSON value is
one as well.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from rom.encoding.text import as_bytes, as_text, show
from rom.exceptions import InvalidColumnValue, InvalidOperation
from rom.repocket import saving
from rom.repocket.attributes import DateTime
from rom.repocket.criteria import criteria_of
from rom.repocket.declaring import ModelType
from rom.repocket.errors import RepocketReferenceError, RepocketUnknownField
from rom.repocket.mates import Mates
from rom.repocket.state import State

if TYPE_CHECKING:
    from typing import Self

    from rom.repocket.objects import Objects


class ActiveRecord(State, metaclass=ModelType):
    """The base of all models: a class with attributes, whose records save themselves.

    Args:
        **values: by attribute.

    Raises:
        RepocketUnknownField: no such attribute.
        InvalidColumnValue: a value that is none of its attribute.

    Example::

        class Project(ActiveRecord):
            name = attributes.Unicode()

        project = Project.create(name='rom')
    """

    if TYPE_CHECKING:
        objects: ClassVar[Objects[Self]]

    def __init__(self, /, **values: Any) -> None:
        if type(self) is ActiveRecord:
            raise InvalidOperation('ActiveRecord is what models are made of: make a subclass')
        self._begin({}, is_saved=False)
        layout = self._layout
        for name, value in values.items():
            layout.attribute(name)
            self._set(name, value)
        for name, attribute in layout.attributes.items():
            if name not in values and (attribute.default is not None or name == layout.primary):
                self._set(name, layout.missing(name))
        self._mates = Mates([self])

    @classmethod
    def _loaded(cls, rows: Iterable[tuple[bytes, dict[str, bytes]]]) -> list[Self]:
        """Records of what was read, which are each other's mates."""
        records = []
        for id, stored in rows:
            record = cls.__new__(cls)
            record._begin(stored, is_saved=True)
            # The key says what the id is, whatever the hash has.
            record._values[cls._layout.primary] = uuid.UUID(as_text(id))
            records.append(record)
        mates = Mates(records)
        for record in records:
            record._mates = mates
        return records

    @classmethod
    def create(cls, /, **values: Any) -> Self:
        """Make a record and save it: see :meth:`rom.repocket.objects.Objects.create`.

        Example::

            Project.create(name='rom')
        """
        return cls.objects.create(**values)

    # Values.

    def __getitem__(self, name: str) -> Any:
        """An attribute's value.

        Raises:
            KeyError: there is no such attribute.
        """
        if name not in self._layout.attributes:
            raise KeyError(name)
        return self._get(name)

    def get(self, name: str, fallback: Any = None) -> Any:
        """An attribute's value; the fallback where there is no such attribute, or no value.

        Example::

            user.get('name', 'nobody')
        """
        if name not in self._layout.attributes:
            return fallback
        value = self._get(name)
        return fallback if value is None else value

    def set(self, name: str, value: Any) -> None:
        """Set an attribute; of a ByteStream, append to it, at once.

        Raises:
            AttributeError: there is no such attribute.
            InvalidColumnValue: the value is none of the attribute.

        Example::

            user.set('name', 'Ann')
        """
        if self._layout.attribute(name).is_stream:
            self._append(name, value)
        else:
            self._set(name, value)

    # Writing.

    def save(self) -> dict[str, Any]:
        """Write what changed, with the index entries, all or nothing.

        Where several programs write one record, the last one to write a field wins.

        Returns:
            ``{'hash': KEY, 'strings': {name: KEY}}``: the keys of the record.

        Raises:
            RepocketReferenceError: a pointer to a record that was not saved.
            UniqueKeyViolation: a value must be unique, and is not.
            EntityDeletedError: another program deleted it.
            InvalidOperation: it is new, and there is one of its id.
            CorruptRowError: a key of the record, or of an index, is none.
            ServerUnavailable: no answer; to save it again is safe.

        Example::

            user.name = 'Ann'
            user.save()
        """
        layout = self._layout
        self._settle()
        wanted = self._wanted()
        if not self._is_saved:
            wanted = {**self._stored, **wanted}
        task = saving.Saving(
            layout,
            self._id,
            self._stored if self._is_saved else None,
            wanted,
            dict(self._new_contents),
        )
        if wanted or self._new_contents or not self._is_saved:
            attempt = saving.attempt_to(layout, 'save')
            stored = self._carry_out(attempt, saving.save(task, attempt))
            self._note_saved(stored, task.streams)
        return {
            'hash': as_text(layout.key(self._id)),
            'strings': {name: as_text(layout.stream(self._id, name)) for name in layout.streams},
        }

    def delete(self) -> int:
        """Delete the record with its streams and index entries.

        Returns:
            How many keys went; 0 if nothing was there.

        Raises:
            CorruptRowError: the record's key is none.

        Example::

            user.delete()
        """
        earlier = self._settle()
        if earlier is not None and earlier.purpose == 'delete':
            return saving.keys_gone(earlier)
        if not self._is_saved:
            return 0
        attempt = saving.attempt_to(self._layout, 'delete')
        operation = saving.delete(self._layout, self._id, self._stored, attempt)
        gone = self._carry_out(attempt, operation)
        self._note_deleted()
        return gone

    def _wanted(self) -> dict[str, bytes]:
        """The fields that would be stored differently, encoded."""
        layout = self._layout
        wanted = {}
        for name, attribute in layout.fields.items():
            if isinstance(attribute, DateTime) and attribute.auto_now:
                self._values[name] = dt.datetime.now(dt.UTC).replace(tzinfo=None)
            if name in self._values:
                raw = as_bytes(self._encoded(name))
                if raw != self._stored.get(name) and not self._is_stored_as(name, raw):
                    self._check_target(name)
                    wanted[name] = raw
        return wanted

    def _check_target(self, name: str) -> None:
        target = self._resolved.get(name)
        if target is not None and not target._is_saved:
            raise RepocketReferenceError(
                f'{self._layout.model}.{name} points to a {type(target).__name__} that is not '
                'saved; save it first'
            )

    def _encoded(self, name: str) -> str:
        """A field as it would be stored."""
        try:
            encoded: str = self._layout.fields[name].to_json(self._values[name])
        except InvalidColumnValue as error:
            raise InvalidColumnValue(f'{self._layout.model}.{name}: {error}') from None
        return encoded

    def _is_stored_as(self, name: str, raw: bytes) -> bool:
        """Whether what is stored says the same in another way, as old data may."""
        if name not in self._stored:
            # The id of old data is in the key, if not in the hash.
            return name == self._layout.primary and self._is_saved
        attribute = self._layout.fields[name]
        try:
            return as_bytes(attribute.to_json(attribute.from_json(self._stored[name]))) == raw
        except (ValueError, InvalidColumnValue):
            return False

    # Seen as data.

    def to_dict(self, simple: bool = False) -> dict[str, Any]:
        """The record as a dict.

        Args:
            simple: a plain dict of values, with a dict for each record that a pointer points to,
                and text for UUIDs.

        Returns:
            Otherwise ``{'hash': {...}, 'strings': {...}}``, as it is stored: JSON by field, and
            bytes by ByteStream. A field without a value is not there.

        Example::

            user.to_dict(simple=True)
        """
        if simple:
            return self._simple(frozenset())
        there = self._values.keys() | self._stored.keys()
        names = [name for name in self._layout.fields if name in there]
        for name in names:
            self._value(name)
        return {
            'hash': {name: self._encoded(name) for name in names},
            'strings': {name: self._content(name) for name in self._layout.streams},
        }

    def _simple(self, above: frozenset[uuid.UUID]) -> dict[str, Any]:
        """A plain dict. A record that a pointer leads back to is its id."""
        found: dict[str, Any] = {}
        for name in self._layout.attributes:
            value = self._get(name)
            if isinstance(value, ActiveRecord):
                within = above | {self._id}
                value = str(value._id) if value._id in within else value._simple(within)
            found[name] = str(value) if isinstance(value, uuid.UUID) else value
        return found

    def matches(self, criteria: Mapping[str, Any]) -> bool:
        """Whether the record meets all criteria, as ``objects.filter`` has them.

        Raises:
            RepocketUnknownField: no such attribute.
            QueryError: a comparison that makes no sense.

        Example::

            user.matches({'name': 'Ann', 'age__gte': 18})
        """
        return all(
            criterion.holds(
                self._content(criterion.name)
                if criterion.name in self._layout.streams
                else self._value(criterion.name)
            )
            for criterion in criteria_of(self._layout, criteria)
        )

    def __setattr__(self, name: str, value: Any) -> None:
        # A misspelt attribute would never be saved.
        if not name.startswith('_') and not hasattr(type(self), name):
            raise RepocketUnknownField(
                f'{self._layout.model} has no attribute {show(name)}; it has '
                f'{", ".join(self._layout.attributes)}'
            )
        super().__setattr__(name, value)

    def __eq__(self, other: object) -> bool:
        """Whether both say the same.

        Raises:
            TypeError: the other is of another class.
        """
        if other is None:
            return False
        if not isinstance(other, ActiveRecord) or type(other)._layout.name != self._layout.name:
            raise TypeError(
                f'a {type(self).__name__} cannot be compared with {type(other).__name__}'
            )
        return self is other or self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash((self._layout.name, self._id))

    def __repr__(self) -> str:
        return f'<{type(self).__name__} {self._id}>'
