"""Base of all attributes: options, encoding, and the descriptor on a record.

A subclass defines ``_cast``, which converts a value to the attribute's type, ``_write``, which
encodes it as bytes, and ``_read``, which decodes them. The public methods are built on these three.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Protocol, overload

from rom._core.columns import Column, String
from rom._core.encoding.keygens import IDENTITY_STRING
from rom._core.encoding.plain_values import plain
from rom._core.encoding.text import as_text, show
from rom.exceptions import InvalidColumnValue
from rom.repocket import codec
from rom.repocket.errors import RepocketActiveRecordDefinitionError

if TYPE_CHECKING:
    from typing import Self

_NULL_WORDS = frozenset((b'null', b'none'))


class HasValues(Protocol):
    """Record, as far as its attributes need it."""

    def _get(self, name: str) -> Any: ...
    def _set(self, name: str, value: Any) -> None: ...


class class_callable:
    """Method that can be called on the class, too, which acts as an instance without options."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.__doc__ = function.__doc__

    def __get__(self, attribute: Any, owner: type[Attribute]) -> Callable[..., Any]:
        return partial(self.function, owner.plain() if attribute is None else attribute)


class Attribute:
    """Attribute of bytes, and the base of the other attributes.

    Args:
        null: None is a valid value.
        default: the value of new records that get none, or a function that makes it.
        encoding: the encoding for text that is given as bytes, and for bytes given as text.
        index: keep an index, by which ``filter`` and ``get_by`` find records.
        unique: refuse a value that another record has; ``get_by`` finds the one record.

    Raises:
        RepocketActiveRecordDefinitionError: the attribute cannot have an index.

    Example::

        class User(ActiveRecord):
            email = attributes.Unicode(unique=True)
    """

    base_type: ClassVar[type] = bytes
    #: The value of a missing field.
    empty: ClassVar[Any] = b''
    #: The texts 'null' and 'none' mean None.
    has_null_words: ClassVar[bool] = False
    can_be_indexed: ClassVar[bool] = True
    #: The value has a key of its own, a string, instead of a field of the hash.
    is_stream: ClassVar[bool] = False
    #: The index holds numbers and can be searched by ranges.
    is_ordered: ClassVar[bool] = False

    def __init__(
        self,
        null: bool = False,
        default: Any = None,
        encoding: str = 'utf-8',
        *,
        index: bool = False,
        unique: bool = False,
    ) -> None:
        self.null = bool(null)
        self.default = default
        self.encoding = encoding
        self.index = bool(index)
        self.unique = bool(unique)
        self.name = ''
        if (index or unique) and not self.can_be_indexed:
            raise RepocketActiveRecordDefinitionError(
                f'{type(self).__name__}: this attribute cannot have an index; leave out index and '
                'unique'
            )

    @classmethod
    def plain(cls) -> Self:
        """Return an instance without options, for methods that are called on the class."""
        return cls()

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    # Methods that a subclass defines.

    def _cast(self, value: Any) -> Any:
        """Return the value converted to the attribute's type; never called with None."""
        if isinstance(value, bytes):
            return value
        if isinstance(value, str):
            return value.encode(self.encoding)
        if isinstance(value, int) and not isinstance(value, bool):
            return b'%d' % value
        self.refuse(value, 'bytes, str or int')

    def _write(self, value: Any) -> bytes:
        written: bytes = value
        return written

    def _read(self, text: bytes) -> Any:
        return text

    def column(self) -> Column[Any]:
        """Return the rom column whose index this attribute uses."""
        return String(index=True, keygen=IDENTITY_STRING)

    def indexed(self, value: Any) -> Any:
        """Return the value as that column takes it."""
        return value

    def comparable(self, value: Any) -> Any:
        """Return the object by which values are compared and sorted."""
        return value

    def identity(self, value: Any) -> bytes:
        """Return the bytes to keep as unique value; equal values give the same bytes."""
        return self._write(value)

    # Public methods.

    def _do_cast(self, value: Any) -> Any:
        """Return the value converted to the attribute's type; None stays None.

        Raises:
            InvalidColumnValue: the value cannot be converted.

        Example::

            attributes.Integer.cast('5')     # 5
        """
        if value is None or (self.has_null_words and _is_null_word(value)):
            return None
        try:
            return self._cast(plain(value))
        except InvalidColumnValue:
            raise
        except Exception:
            self.refuse(value, self.base_type.__name__)

    def _to_string(self, value: Any) -> bytes:
        """Return the value encoded as bytes; None gives ``null``.

        Example::

            attributes.Integer().to_string(5)     # b'5'
        """
        value = self._do_cast(value)
        return b'null' if value is None else self._write(value)

    def _from_string(self, text: str | bytes) -> Any:
        """Return the value that was encoded as this text.

        Raises:
            InvalidColumnValue: the text does not decode.

        Example::

            attributes.Integer().from_string(b'5')     # 5
        """
        raw = text.encode(self.encoding) if isinstance(text, str) else text
        if self.has_null_words and _is_null_word(raw):
            return None
        try:
            return self._read(raw)
        except Exception:
            self.refuse(text, 'encoded text')

    def _to_python(self, value: Any, simple: bool = False) -> Any:
        """Return the value as a dict of type, value and module; with `simple` the value itself.

        Example::

            attributes.Unicode().to_python('x')
        """
        value = self._do_cast(value)
        if simple:
            return value
        return codec.as_python(type(self).__name__, None if value is None else self._write(value))

    def _from_python(self, found: Mapping[str, Any]) -> Any:
        """Return the value in such a dict.

        Raises:
            ValueError: the argument is not such a dict.
            InvalidColumnValue: the value does not decode.
        """
        text = codec.text_of(found)
        return None if text is None else self._from_string(text)

    def _to_json(self, value: Any) -> str:
        """Return the value encoded as JSON, for the record's hash.

        Example::

            attributes.Unicode().to_json('x')
        """
        return codec.as_json(self._to_python(value))

    def _from_json(self, raw: str | bytes) -> Any:
        """Return the value of a field of a record's hash.

        Raises:
            ValueError: the text is not JSON, or has no value.
            InvalidColumnValue: the value does not decode.
        """
        return self._from_python(codec.from_json(raw))

    cast = class_callable(_do_cast)
    get_base_type = class_callable(lambda self: self.base_type)
    to_string = class_callable(_to_string)
    from_string = class_callable(_from_string)
    to_python = class_callable(_to_python)
    from_python = class_callable(_from_python)
    to_json = class_callable(_to_json)
    from_json = class_callable(_from_json)

    def missing(self) -> Any:
        """Return the value of a missing field: the default, None, or an empty value."""
        if self.default is None:
            return None if self.null else self.empty
        made = self.default() if callable(self.default) else deepcopy(self.default)
        return self._do_cast(made)

    def refuse(self, value: object, wanted: str) -> NoReturn:
        """Raise the error for a value that this attribute does not accept."""
        raise InvalidColumnValue(
            f'expected {wanted} ({type(self).__name__}), got {show(value)} of type '
            f'{type(value).__name__}'
        )

    # The descriptor.

    @overload
    def __get__(self, record: None, owner: type) -> Self: ...
    @overload
    def __get__(self, record: HasValues, owner: type) -> Any: ...
    def __get__(self, record: HasValues | None, owner: type) -> Any:
        return self if record is None else record._get(self.name)

    def __set__(self, record: HasValues, value: Any) -> None:
        record._set(self.name, value)

    def __delete__(self, record: HasValues) -> None:
        raise AttributeError(f'{self.name} cannot be deleted; set it to None')


def _is_null_word(value: object) -> bool:
    if isinstance(value, str):
        return value.lower() in ('null', 'none')
    return isinstance(value, bytes) and value.lower() in _NULL_WORDS


def text_from(value: str | bytes) -> str:
    """Return text, decoded as UTF-8 if given as bytes; invalid bytes do not raise."""
    return as_text(value)
