"""Columns of strings: text and bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Unpack, overload

from rom._core.columns.base import Column
from rom._core.columns.column_rules import ColumnOptions
from rom._core.columns.signatures import Bytes, Read, Str, T
from rom._core.encoding.integers import read_count
from rom._core.encoding.keygens import IDENTITY, IDENTITY_STRING, Keygen, Keys
from rom._core.encoding.plain_values import plain
from rom._core.encoding.text import as_bytes, show
from rom.exceptions import InvalidColumnValue

if TYPE_CHECKING:
    from rom._core.columns.signatures import Default, StringOptions, TextOptions, Yes


class _Limited(Column[T, Read]):
    """A column of strings with an optional maximum length."""

    def __init__(
        self,
        required: bool = False,
        default: T | Callable[[], T] | None = None,
        unique: bool = False,
        index: bool = False,
        keygen: Keygen | None = None,
        prefix: bool = False,
        suffix: bool = False,
        keygen2: Callable[[str, Mapping[str, Any]], Keys] | None = None,
        *,
        max_length: int | None = None,
        **options: Unpack[ColumnOptions],
    ) -> None:
        if max_length is not None and read_count(max_length) is None:
            self._wrong(f'expected max_length to be an int of at least 1, got {show(max_length)}')
        self.max_length = max_length
        super().__init__(
            required, default, unique, index, keygen, prefix, suffix, keygen2, **options
        )

    def check(self, value: Any) -> T:
        checked = self.as_kept(value)
        if self.max_length is not None and len(checked) > self.max_length:  # type: ignore[arg-type]
            unit = 'bytes' if isinstance(checked, bytes) else 'characters'
            self.refuse(
                value,
                f'has {len(checked)} {unit}; max_length is {self.max_length}',  # type: ignore[arg-type]
            )
        return checked

    def as_kept(self, value: Any) -> T:
        """Return a value as the column keeps it, without a check of its length.

        Raises:
            InvalidColumnValue: the column does not accept it.
        """
        return super().check(value)


class Text(_Limited[str, Str]):
    """Unicode text, stored as UTF-8.

    Args:
        max_length: the maximum number of characters; None: no maximum. Set one where indexed
            values come from outside: a script writes all words of ``FULL_TEXT`` and all strings of
            ``prefix`` and ``suffix`` in one step, during which other clients wait.
        rank: enables ``search``, which sorts by relevance (BM25). It needs no ``index`` and no
            keygen. It takes about ten times the memory of the text itself.
        stem: the language in which `rank` reduces words to their stems, such as ``'english'``, so
            that *shoe* finds *shoes*. It needs the package ``snowballstemmer``: install
            ``rom-redis[stem]``.

    Raises:
        ColumnError: the options contradict each other; the language is unknown, or
            ``snowballstemmer`` is not installed.

    Example::

        name = rom.Text(index=True, keygen=rom.FULL_TEXT, prefix=True)
        body = rom.Text(rank=True, stem='english')
    """

    accepts = str
    kind = 'a str or UTF-8 bytes'
    is_string = True
    whole = staticmethod(IDENTITY)
    can_be_unique = True

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: Text[str],
            required: Yes,
            default: Default[str] | None = None,
            **options: Unpack[TextOptions],
        ) -> None: ...
        @overload
        def __init__(
            self: Text[str],
            required: bool = False,
            *,
            default: Default[str],
            **options: Unpack[TextOptions],
        ) -> None: ...
        @overload
        def __init__(
            self: Text[str | None],
            required: bool = False,
            default: None = None,
            **options: Unpack[TextOptions],
        ) -> None: ...

    def __init__(
        self,
        required: bool = False,
        default: str | Callable[[], str] | None = None,
        unique: bool = False,
        index: bool = False,
        keygen: Keygen | None = None,
        prefix: bool = False,
        suffix: bool = False,
        keygen2: Callable[[str, Mapping[str, Any]], Keys] | None = None,
        *,
        max_length: int | None = None,
        rank: bool = False,
        stem: str | None = None,
        **options: Unpack[ColumnOptions],
    ) -> None:
        self.rank = bool(rank)
        self.stem = stem
        super().__init__(
            required, default, unique, index, keygen, prefix, suffix, keygen2,
            max_length=max_length, **options,
        )  # fmt: skip
        if stem is not None:
            self._check_stem(stem)

    def _check_stem(self, stem: str) -> None:
        if not self.rank:
            self._wrong('stem has no effect without rank=True')
        from rom._core.encoding.terms import languages

        try:
            known = languages()
        except ModuleNotFoundError:
            self._wrong(
                f'stem={show(stem)} needs the package snowballstemmer: '
                "pip install 'rom-redis[stem]'"
            )
        if stem not in known:
            self._wrong(f'expected stem to be one of {", ".join(known)}, got {show(stem)}')

    def check(self, value: Any) -> str:
        if type(value) is str and self.max_length is None and value.isascii():
            return value  # the fast path for most values
        return super().check(value)

    def as_kept(self, value: Any) -> str:
        given = plain(value)
        if isinstance(given, bytes):
            try:
                return given.decode('utf-8')
            except UnicodeDecodeError:
                self.refuse(value)
        text: str = given if isinstance(given, str) else super().as_kept(value)
        try:
            as_bytes(text)
        except InvalidColumnValue as error:
            raise InvalidColumnValue(f'{self.name or "Text"}: {error}') from None
        return text

    def encode(self, value: str) -> bytes:
        return value.encode('utf-8')

    def decode(self, raw: bytes) -> str:
        return raw.decode('utf-8')


class NoLatin1(InvalidColumnValue, UnicodeEncodeError):
    """A `String` was assigned text that latin-1 cannot encode."""

    def __init__(self, name: str, text: str, error: UnicodeEncodeError) -> None:
        UnicodeEncodeError.__init__(
            self, error.encoding, text, error.start, error.end, error.reason
        )
        self.message = (
            f'{name}: {show(text)}: at position {error.start} is {show(text[error.start])}, which '
            'is not in latin-1; encode the text to bytes first, or declare the column as Text'
        )

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> Any:
        error = UnicodeEncodeError(*self.args)
        return type(self), (self.message.partition(':')[0], self.object, error)


class String(_Limited[bytes, Bytes]):
    """A string of bytes; text is encoded as latin-1.

    Args:
        max_length: the maximum number of bytes, as for :class:`Text`.

    Raises:
        InvalidColumnValue: latin-1 cannot encode the text. It is a UnicodeEncodeError, too.

    Example::

        digest = rom.String(unique=True)
    """

    accepts = (bytes, str)
    kind = 'bytes or a latin-1 str'
    is_string = True
    whole = staticmethod(IDENTITY_STRING)
    can_be_unique = True

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: String[bytes],
            required: Yes,
            default: Default[bytes] | None = None,
            **options: Unpack[StringOptions],
        ) -> None: ...
        @overload
        def __init__(
            self: String[bytes],
            required: bool = False,
            *,
            default: Default[bytes],
            **options: Unpack[StringOptions],
        ) -> None: ...
        @overload
        def __init__(
            self: String[bytes | None],
            required: bool = False,
            default: None = None,
            **options: Unpack[StringOptions],
        ) -> None: ...
        def __init__(self, *args: Any, **options: Any) -> None: ...

    def check(self, value: Any) -> bytes:
        if type(value) is bytes and self.max_length is None:
            return value  # the fast path for most values
        return super().check(value)

    def as_kept(self, value: Any) -> bytes:
        string: bytes | str = plain(super().as_kept(value))
        if not isinstance(string, str):
            return string
        try:
            return string.encode('latin-1')
        except UnicodeEncodeError as error:
            raise NoLatin1(self.name or 'String', string, error) from None

    def encode(self, value: bytes) -> bytes:
        return value.decode('latin-1').encode('utf-8')

    def decode(self, raw: bytes) -> bytes:
        return raw.decode('utf-8').encode('latin-1')
