"""Attributes for UUIDs, for the ids of records, and for pointers to other records."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from rom._core import columns
from rom._core.encoding.keygens import IDENTITY
from rom._core.encoding.text import as_bytes
from rom.repocket.attributes.base import Attribute, text_from
from rom.repocket.errors import RepocketActiveRecordDefinitionError
from rom.repocket.keys import PREFIX, Reference, name_of
from rom.repocket.registry import MODELS, Record

if TYPE_CHECKING:
    from typing import Self


class UUID(Attribute):
    """Attribute of UUIDs; their text is accepted, too."""

    base_type = uuid.UUID
    empty = None
    has_null_words = True

    def _cast(self, value: Any) -> uuid.UUID:
        if isinstance(value, uuid.UUID):
            return value
        if isinstance(value, (str, bytes)):
            return uuid.UUID(text_from(value))
        self.refuse(value, 'a UUID or its text')

    def _write(self, value: uuid.UUID) -> bytes:
        return str(value).encode('ascii')

    def _read(self, text: bytes) -> uuid.UUID:
        return uuid.UUID(text_from(text))

    def column(self) -> columns.Column[Any]:
        return columns.Text(index=True, keygen=IDENTITY)

    def indexed(self, value: Any) -> Any:
        return str(value)


class AutoUUID(UUID):
    """Id of a record; a new record gets one from ``uuid.uuid1`` at once."""

    def missing(self) -> Any:
        return uuid.uuid1() if self.default is None else super().missing()


class Pointer(Attribute):
    """Attribute that points to a record of another model, which is loaded on first access.

    Its key is stored. The methods of the attribute itself (``cast`` and the others) use no server:
    they take a record, a key, or an id, and return a :class:`Reference`.

    Args:
        to_model: the other model.
        null: None is a valid value.
        index: keep an index, by which ``filter`` and ``get_by`` find records.
        unique: refuse a record that another record points to.

    Example::

        project = attributes.Pointer(Project)
    """

    empty = None
    has_null_words = True

    def __init__(
        self,
        to_model: type[Record],
        null: bool = False,
        *,
        index: bool = False,
        unique: bool = False,
    ) -> None:
        super().__init__(null, index=index, unique=unique)
        if not hasattr(to_model, '_record_schema'):
            raise RepocketActiveRecordDefinitionError(
                f'Pointer: expected a model, a subclass of ActiveRecord, got {to_model!r}'
            )
        self.to_model = to_model
        self.base_type = to_model  # type: ignore[misc]

    @classmethod
    def plain(cls) -> Self:
        pointer = cls.__new__(cls)
        Attribute.__init__(pointer)
        pointer.to_model = None  # type: ignore[assignment]
        return pointer

    def _cast(self, value: Any) -> Reference:
        reference = self._reference(value)
        if not self._accepts(reference, is_stored=isinstance(value, Reference)):
            self.refuse(value, f'a {self.to_model.__name__}')
        return reference

    def _accepts(self, reference: Reference, is_stored: bool) -> bool:
        """Return whether a reference is to the model or a subclass of it.

        A class that is not imported cannot be checked. A stored reference may name one, because
        another program wrote it.
        """
        if self.to_model is None or reference.name == name_of(self.to_model):
            return True
        model = MODELS.get(reference.name)
        return is_stored if model is None else _is_kind_of(model, self.to_model)

    def _reference(self, value: Any) -> Reference:
        if isinstance(value, Reference):
            return value
        if hasattr(type(value), '_record_schema'):
            return Reference(name_of(type(value)), value._id)
        if isinstance(value, (str, bytes)) and text_from(value).startswith(PREFIX + ':'):
            return Reference.parse(text_from(value))
        if isinstance(value, (str, bytes, uuid.UUID)) and self.to_model is not None:
            id = value if isinstance(value, uuid.UUID) else uuid.UUID(text_from(value))
            return Reference(name_of(self.to_model), id)
        self.refuse(value, f'a {self.to_model.__name__ if self.to_model else "record"}')

    def _write(self, value: Reference) -> bytes:
        return as_bytes(value.key)

    def _read(self, text: bytes) -> Reference:
        return Reference.parse(text.decode('utf-8'))

    def column(self) -> columns.Column[Any]:
        return columns.Text(index=True, keygen=IDENTITY)

    def comparable(self, value: Reference) -> str:
        return value.key

    def indexed(self, value: Any) -> Any:
        return value.key


def _is_kind_of(model: type, wanted: type) -> bool:
    """Return whether a model is a subclass of another, or was declared again, as in a shell."""
    return issubclass(model, wanted) or name_of(model) == name_of(wanted)
