"""RecordState of a record: its stored fields, its values, and how they are loaded.

`_stored` is the JSON of the hash as last read or written, `_values` are the Python values that were
read or set. A field is decoded on first access, so that a corrupt field does not make the other
fields of its record unreadable.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

from rom._core.encoding.text import as_text
from rom._core.ops.commits.attempts import Attempt
from rom._core.ops.requests import Operation
from rom.exceptions import InDoubtError, InvalidOperation
from rom.repocket import saving
from rom.repocket.attributes import Pointer
from rom.repocket.connection import run
from rom.repocket.keys import Reference
from rom.repocket.prefetch import PrefetchGroup
from rom.repocket.record_schema import RecordSchema

T = TypeVar('T')


class RecordState:
    """Private half of a record."""

    _record_schema: ClassVar[RecordSchema]
    _group: PrefetchGroup

    def _begin(self, stored: Mapping[str, bytes], is_saved: bool) -> None:
        self._stored: dict[str, bytes] = dict(stored)
        self._values: dict[str, Any] = {}
        #: The targets of pointers: records that were loaded or assigned, or None.
        self._resolved: dict[str, Any] = {}
        #: The known contents of streams, and those that the next save writes.
        self._contents: dict[str, bytes] = {}
        self._new_contents: dict[str, bytes] = {}
        self._is_saved = is_saved
        self._was_deleted = False
        #: The attempt to write the record, until its outcome is noted here.
        self._attempt: Attempt | None = None

    def __getstate__(self) -> dict[str, Any]:
        # A copy is in a group of its own, because it was not loaded with other records. It has no
        # attempt, or both records would settle the same write and note its outcome.
        return {**self.__dict__, '_group': None, '_attempt': None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._group = PrefetchGroup([self])

    @property
    def _id(self) -> uuid.UUID:
        id: uuid.UUID = self._values[self._record_schema.primary]
        return id

    def _get(self, name: str) -> Any:
        schema = self._record_schema
        if name in schema.streams:
            return self._content(name)
        value = self._value(name)
        if isinstance(schema.fields[name], Pointer) and value is not None:
            if name not in self._resolved:
                self._group.load_pointers(self, name)
            target = self._resolved[name]
            return None if target is not None and target._was_deleted else target
        return value

    def _value(self, name: str) -> Any:
        """Return the value of a field; a pointer gives a reference."""
        if name in self._values:
            return self._values[name]
        value = self._record_schema.value(self._id, name, self._stored)
        if name in self._stored or self._record_schema.fields[name].default is not None:
            self._values[name] = value
        return value

    def _comparable(self, name: str) -> Any:
        """Return the value by which `order_by` sorts the record."""
        attribute = self._record_schema.attribute(name)
        value = self._content(name) if attribute.is_stream else self._value(name)
        return None if value is None else attribute.comparable(value)

    def _pending(self, name: str) -> Reference | None:
        """Return the reference of a pointer whose target is not loaded yet, else None."""
        if name in self._resolved:
            return None
        try:
            reference = self._value(name)
        except Exception:  # corrupt: a read of this record's own pointer raises the error
            return None
        return reference if isinstance(reference, Reference) else None

    def _set(self, name: str, value: Any) -> None:
        schema = self._record_schema
        cast = schema.cast(name, value)
        if name == schema.primary and self._is_saved and cast != self._id:
            raise InvalidOperation(
                f'{schema.model}.{name}: a saved record keeps its id; make a new record instead'
            )
        if name in schema.streams:
            self._new_contents[name] = cast
            return
        self._values[name] = cast
        self._resolved.pop(name, None)
        if isinstance(value, RecordState):
            self._resolved[name] = value

    # Writing. An attempt in doubt is settled first, because the next write depends on its outcome.

    def _carry_out(self, attempt: Attempt, operation: Operation[T]) -> T:
        """Carry out an attempt to write the record, and keep the attempt while it is in doubt."""
        self._attempt = attempt
        try:
            return run(operation)
        finally:
            if attempt.is_over:
                self._attempt = None

    def _settle(self, is_append: bool = False) -> Attempt | None:
        """Settle an attempt in doubt, note its outcome, and return it if it was carried out.

        Raises:
            InDoubtError: an append before this one got no answer, and its note has expired.
        """
        attempt = self._attempt
        if attempt is None:
            return None
        try:
            is_done = run(attempt.settle())
        except InDoubtError as error:
            is_done = False  # a save or a delete that is repeated has the same result
            if is_append and isinstance(attempt.purpose, tuple):
                self._attempt = None
                raise InDoubtError(
                    f'{self._record_schema.model} {self._id}, {attempt.purpose[1]}: {error}, and '
                    'append again what is missing'
                ) from None
        if is_done and attempt.purpose == 'save':
            [write] = attempt.changes
            self._note_saved(write.outcome, write.streams)
        elif is_done and attempt.purpose == 'delete':
            self._note_deleted()
        self._attempt = None
        return attempt if is_done else None

    def _note_saved(self, stored: Mapping[str, bytes], streams: Mapping[str, bytes]) -> None:
        self._stored = dict(stored)
        self._is_saved, self._was_deleted = True, False
        for name, data in streams.items():
            if self._new_contents.get(name) == data:
                self._contents[name] = data
                del self._new_contents[name]
        self._attempt = None

    def _note_deleted(self) -> None:
        self._is_saved, self._was_deleted = False, True
        self._contents.clear()
        self._attempt = None

    def _content(self, name: str) -> bytes:
        self._settle()
        if name in self._new_contents:
            return self._new_contents[name]
        if name not in self._contents and self._is_saved:
            self._group.load_streams(self, name)
        return self._contents.get(name, b'')

    def _append(self, name: str, data: Any) -> str:
        schema = self._record_schema
        cast: bytes = schema.cast(name, data)
        purpose = ('append', name, cast)
        earlier = self._settle(is_append=True)
        if earlier is not None and earlier.purpose == purpose:
            return as_text(schema.stream(self._id, name))  # tried before, and carried out
        if name in self._new_contents or not self._is_saved:
            self._new_contents[name] = self._content(name) + cast
        else:
            attempt = saving.attempt_to(schema, purpose)
            self._contents.pop(name, None)  # also where no answer comes: it is read again
            self._carry_out(attempt, saving.append(schema, self._id, name, cast, attempt))
            self._attempt = None
        return as_text(schema.stream(self._id, name))
