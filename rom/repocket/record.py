"""ActiveRecord: creating, saving, deleting and comparing records.

A save encodes all loaded values and writes those that differ from the stored ones. So it notices a
change inside a JSON value, too.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from rom._core.encoding.text import as_bytes, as_text, show
from rom.exceptions import ArgumentError, InvalidColumnValue, InvalidOperation
from rom.repocket import saving
from rom.repocket.attributes import DateTime
from rom.repocket.errors import RepocketReferenceError
from rom.repocket.metaclass import ModelType
from rom.repocket.prefetch import PrefetchGroup
from rom.repocket.search import criteria_of
from rom.repocket.state import RecordState

if TYPE_CHECKING:
    from typing import Self

    from rom.repocket.manager import Manager


class ActiveRecord(RecordState, metaclass=ModelType):
    """Base of all models: a class with attributes, and records that save themselves.

    Args:
        **values: the values, by attribute.

    Raises:
        RepocketUnknownField: the model has no such attribute.
        InvalidColumnValue: an attribute does not accept its value.

    Example::

        class Project(ActiveRecord):
            name = attributes.Unicode()

        project = Project.create(name='rom')
    """

    if TYPE_CHECKING:
        objects: ClassVar[Manager[Self]]

    def __init__(self, /, **values: Any) -> None:
        if type(self) is ActiveRecord:
            raise InvalidOperation('ActiveRecord is the base of models: make a subclass')
        self._begin({}, is_saved=False)
        schema = self._record_schema
        for name, value in values.items():
            schema.attribute(name)
            self._set(name, value)
        for name, attribute in schema.attributes.items():
            if name not in values and (attribute.default is not None or name == schema.primary):
                self._set(name, schema.missing(name))
        self._group = PrefetchGroup([self])

    @classmethod
    def _loaded(cls, rows: Iterable[tuple[bytes, dict[str, bytes]]]) -> list[Self]:
        """Return records of rows that were read together; they form a group."""
        records = []
        for id, stored in rows:
            record = cls.__new__(cls)
            record._begin(stored, is_saved=True)
            # The id comes from the key, because the hash of old data may lack it.
            record._values[cls._record_schema.primary] = uuid.UUID(as_text(id))
            records.append(record)
        group = PrefetchGroup(records)
        for record in records:
            record._group = group
        return records

    @classmethod
    def create(cls, /, **values: Any) -> Self:
        """Make a record and save it: see :meth:`rom.repocket.manager.Manager.create`.

        Example::

            Project.create(name='rom')
        """
        return cls.objects.create(**values)

    # Values.

    def __getitem__(self, name: str) -> Any:
        """Return the value of an attribute.

        Raises:
            KeyError: the model has no such attribute.
        """
        if name not in self._record_schema.attributes:
            raise KeyError(name)
        return self._get(name)

    def get(self, name: str, fallback: Any = None) -> Any:
        """Return the value of an attribute, or the fallback without such an attribute or value.

        Example::

            user.get('name', 'unknown')
        """
        if name not in self._record_schema.attributes:
            return fallback
        value = self._get(name)
        return fallback if value is None else value

    def set(self, name: str, value: Any) -> None:
        """Set an attribute; if it is a ByteStream, append to it, at once.

        Raises:
            AttributeError: the model has no such attribute.
            InvalidColumnValue: the attribute does not accept the value.

        Example::

            user.set('name', 'Ann')
        """
        if self._record_schema.attribute(name).is_stream:
            self._append(name, value)
        else:
            self._set(name, value)

    # Writing.

    def save(self) -> dict[str, Any]:
        """Write the changed fields and their index entries, all or none.

        If several programs write one record, the last one to write a field wins.

        Returns:
            ``{'hash': KEY, 'strings': {name: KEY}}``: the keys of the record.

        Raises:
            RepocketReferenceError: a pointer to a record that is not saved.
            UniqueKeyViolation: another record has a value that must be unique.
            EntityDeletedError: another program deleted the record.
            InvalidOperation: the record is new, but its id exists already.
            CorruptRowError: a key of the record or of an index holds another Redis type.
            ServerUnavailable: Redis did not answer; it is safe to save again.

        Example::

            user.name = 'Ann'
            user.save()
        """
        schema = self._record_schema
        self._settle()
        wanted = self._wanted()
        if not self._is_saved:
            wanted = {**self._stored, **wanted}
        write = saving.RecordWrite(
            schema,
            self._id,
            self._stored if self._is_saved else None,
            wanted,
            dict(self._new_contents),
        )
        if wanted or self._new_contents or not self._is_saved:
            attempt = saving.attempt_to(schema, 'save')
            stored = self._carry_out(attempt, saving.save(write, attempt))
            self._note_saved(stored, write.streams)
        return {
            'hash': as_text(schema.key(self._id)),
            'strings': {name: as_text(schema.stream(self._id, name)) for name in schema.streams},
        }

    def delete(self) -> int:
        """Delete the record with its streams and index entries.

        Returns:
            The number of deleted keys; 0 if none existed.

        Raises:
            CorruptRowError: the key of the record does not hold a hash.

        Example::

            user.delete()
        """
        earlier = self._settle()
        if earlier is not None and earlier.purpose == 'delete':
            return saving.deleted_keys(earlier)
        if not self._is_saved:
            return 0
        attempt = saving.attempt_to(self._record_schema, 'delete')
        operation = saving.delete(self._record_schema, self._id, self._stored, attempt)
        deleted = self._carry_out(attempt, operation)
        self._note_deleted()
        return deleted

    def _wanted(self) -> dict[str, bytes]:
        """Return the encoded fields that differ from the stored ones."""
        schema = self._record_schema
        wanted = {}
        for name, attribute in schema.fields.items():
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
                f'{self._record_schema.model}.{name} points to a {type(target).__name__} that is '
                'not saved; save that record first'
            )

    def _encoded(self, name: str) -> str:
        """Return a field as a save would store it."""
        try:
            encoded: str = self._record_schema.fields[name].to_json(self._values[name])
        except InvalidColumnValue as error:
            raise InvalidColumnValue(f'{self._record_schema.model}.{name}: {error}') from None
        return encoded

    def _is_stored_as(self, name: str, raw: bytes) -> bool:
        """Return whether a stored field has the same value in another form, as old data may."""
        if name not in self._stored:
            # Old data may have the id in the key only.
            return name == self._record_schema.primary and self._is_saved
        attribute = self._record_schema.fields[name]
        try:
            return as_bytes(attribute.to_json(attribute.from_json(self._stored[name]))) == raw
        except (ValueError, InvalidColumnValue):
            return False

    # Conversion to plain data.

    def to_dict(self, simple: bool = False) -> dict[str, Any]:
        """Return the record as a dict.

        Args:
            simple: return a plain dict of values, with a dict for the target of each pointer, and
                text for UUIDs.

        Returns:
            Without `simple`, ``{'hash': {...}, 'strings': {...}}``, as stored: JSON by field, and
            bytes by ByteStream. Fields without a value are left out.

        Example::

            user.to_dict(simple=True)
        """
        if simple:
            return self._simple(frozenset())
        present = self._values.keys() | self._stored.keys()
        names = [name for name in self._record_schema.fields if name in present]
        for name in names:
            self._value(name)
        return {
            'hash': {name: self._encoded(name) for name in names},
            'strings': {name: self._content(name) for name in self._record_schema.streams},
        }

    def _simple(self, above: frozenset[uuid.UUID]) -> dict[str, Any]:
        """Return a plain dict; a pointer back to a record above gives its id (no endless loop)."""
        found: dict[str, Any] = {}
        for name in self._record_schema.attributes:
            value = self._get(name)
            if isinstance(value, ActiveRecord):
                within = above | {self._id}
                value = str(value._id) if value._id in within else value._simple(within)
            found[name] = str(value) if isinstance(value, uuid.UUID) else value
        return found

    def matches(self, criteria: Mapping[str, Any]) -> bool:
        """Return whether the record meets all criteria, with names as for ``objects.filter``.

        Raises:
            RepocketUnknownField: the model has no such attribute.
            QueryError: an invalid value or comparison.

        Example::

            user.matches({'name': 'Ann', 'age__gte': 18})
        """
        if not isinstance(criteria, Mapping):
            raise ArgumentError(
                f'{type(self).__name__}.matches({show(criteria)}): expected a dict of criteria, as '
                "{'age__gte': 18}"
            )
        return all(
            criterion.holds(
                self._content(criterion.name)
                if criterion.name in self._record_schema.streams
                else self._value(criterion.name)
            )
            for criterion in criteria_of(self._record_schema, criteria)
        )

    def __setattr__(self, name: str, value: Any) -> None:
        # A misspelt attribute would be set, but never saved. So its name must be declared.
        if not name.startswith('_') and not hasattr(type(self), name):
            self._record_schema.attribute(name)
        super().__setattr__(name, value)

    def __eq__(self, other: object) -> bool:
        """Return whether both records have the same values.

        Raises:
            TypeError: the other object is of another class.
        """
        if other is None:
            return False
        if (
            not isinstance(other, ActiveRecord)
            or type(other)._record_schema.name != self._record_schema.name
        ):
            raise TypeError(
                f'a {type(self).__name__} cannot be compared with a {type(other).__name__}'
            )
        return self is other or self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash((self._record_schema.name, self._id))

    def __repr__(self) -> str:
        return f'<{type(self).__name__} {self._id}>'
