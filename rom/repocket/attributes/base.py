"""What all attributes have in common: options, the wire, and the descriptor on a record.

An attribute turns a value into text and back: ``cast`` takes whatever makes sense, ``_write``
makes bytes of it, ``_read`` reads them. The rest, the names that programs use, is made of that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, overload

from rom.columns import Column, String
from rom.encoding.keygens import IDENTITY_STRING
from rom.encoding.plain import plain
from rom.encoding.text import as_text, show
from rom.exceptions import InvalidColumnValue
from rom.repocket import stored
from rom.repocket.errors import RepocketActiveRecordDefinitionError

if TYPE_CHECKING:
    from typing import Self

    from rom.repocket.record import ActiveRecord

_NULL_WORDS = frozenset((b'null', b'none'))


class either:
    """A method that a class answers to as well, as one without any options would."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.__doc__ = function.__doc__

    def __get__(self, attribute: Any, owner: type[Attribute]) -> Callable[..., Any]:
        return partial(self.function, owner.plain() if attribute is None else attribute)


class Attribute:
    """A field of bytes, and what the other attributes are made of.

    Args:
        null: None is a value of it.
        default: what a record has that was given no value, or a function that makes it.
        encoding: of text that is given as bytes, and of bytes that are given as text.
        index: ``filter`` and ``get_by`` find records by it through an index.
        unique: no two records have the same value; ``get_by`` finds the one.

    Raises:
        RepocketActiveRecordDefinitionError: options that make no sense.

    Example::

        class User(ActiveRecord):
            email = attributes.Unicode(unique=True)
    """

    base_type: ClassVar[type] = bytes
    #: What a field reads as that is not there.
    empty: ClassVar[Any] = b''
    #: 'null' and 'none' are no values, but mean that there is none.
    has_null_words: ClassVar[bool] = False
    can_be_indexed: ClassVar[bool] = True
    #: The value is in a string of its own.
    is_stream: ClassVar[bool] = False
    #: Its index has numbers, and can be searched by ranges.
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
                f'{type(self).__name__} has no index: drop index and unique'
            )

    @classmethod
    def plain(cls) -> Self:
        """One without options, for the methods that are called on the class."""
        return cls()

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    # What a kind of attribute defines.

    def _cast(self, value: Any) -> Any:
        """The value as this attribute has it; never asked about None."""
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
        """The column of rom whose index works for this attribute."""
        return String(index=True, keygen=IDENTITY_STRING)

    def indexed(self, value: Any) -> Any:
        """The value as that column has it."""
        return value

    def comparable(self, value: Any) -> Any:
        """What values are compared by."""
        return value

    def identity(self, value: Any) -> bytes:
        """The same bytes for values that are equal: what is unique of a unique value."""
        return self._write(value)

    # What programs call.

    def _do_cast(self, value: Any) -> Any:
        """The value as this attribute has it; None stays None.

        Raises:
            InvalidColumnValue: it is no such value.

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
        """The value, written, as bytes. None is written as ``null``.

        Example::

            attributes.Integer().to_string(5)     # b'5'
        """
        value = self._do_cast(value)
        return b'null' if value is None else self._write(value)

    def _from_string(self, text: str | bytes) -> Any:
        """The value that was written.

        Raises:
            InvalidColumnValue: nothing that this attribute writes.

        Example::

            attributes.Integer().from_string(b'5')     # 5
        """
        raw = text.encode(self.encoding) if isinstance(text, str) else text
        if self.has_null_words and _is_null_word(raw):
            return None
        try:
            return self._read(raw)
        except Exception:
            self.refuse(text, f'what {type(self).__name__} writes')

    def _to_python(self, value: Any, simple: bool = False) -> Any:
        """The value as a dict of module, type and value; with `simple` the value itself.

        Example::

            attributes.Unicode().to_python('x')
        """
        value = self._do_cast(value)
        if simple:
            return value
        return stored.as_python(type(self).__name__, None if value is None else self._write(value))

    def _from_python(self, found: Mapping[str, Any]) -> Any:
        """The value in such a dict.

        Raises:
            ValueError: it is no such dict.
            InvalidColumnValue: the value is none of this attribute.
        """
        text = stored.text_of(found)
        return None if text is None else self._from_string(text)

    def _to_json(self, value: Any) -> str:
        """The value as it stands in the record's hash.

        Example::

            attributes.Unicode().to_json('x')
        """
        return stored.as_json(self._to_python(value))

    def _from_json(self, raw: str | bytes) -> Any:
        """The value that stands in a record's hash.

        Raises:
            ValueError: it is no JSON, or has no value.
            InvalidColumnValue: the value is none of this attribute.
        """
        return self._from_python(stored.from_json(raw))

    cast = either(_do_cast)
    get_base_type = either(lambda self: self.base_type)
    to_string = either(_to_string)
    from_string = either(_from_string)
    to_python = either(_to_python)
    from_python = either(_from_python)
    to_json = either(_to_json)
    from_json = either(_from_json)

    def missing(self) -> Any:
        """What a field reads as that is not there."""
        if self.default is None:
            return None if self.null else self.empty
        made = self.default() if callable(self.default) else deepcopy(self.default)
        return self._do_cast(made)

    def refuse(self, value: object, wanted: str) -> NoReturn:
        """Raise the error for a value that is none."""
        raise InvalidColumnValue(
            f'{show(value)} of type {type(value).__name__}: a value of {type(self).__name__} is '
            f'{wanted}'
        )

    # The descriptor.

    @overload
    def __get__(self, record: None, owner: type) -> Self: ...
    @overload
    def __get__(self, record: ActiveRecord, owner: type) -> Any: ...
    def __get__(self, record: ActiveRecord | None, owner: type) -> Any:
        return self if record is None else record._get(self.name)

    def __set__(self, record: ActiveRecord, value: Any) -> None:
        record._set(self.name, value)

    def __delete__(self, record: ActiveRecord) -> None:
        raise AttributeError(f'{self.name} cannot be deleted; set it to None')


def _is_null_word(value: object) -> bool:
    if isinstance(value, str):
        return value.lower() in ('null', 'none')
    return isinstance(value, bytes) and value.lower() in _NULL_WORDS


def text_from(value: str | bytes) -> str:
    """Text, of bytes that should be UTF-8 and perhaps are not."""
    return as_text(value)
