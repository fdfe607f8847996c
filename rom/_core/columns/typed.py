"""Typed: a column of any type that pydantic can validate, stored as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar, Unpack, get_args, overload

from rom._core.columns.column_rules import ColumnOptions
from rom._core.columns.mutable import Mutable
from rom._core.encoding.keygens import Keygen, Keys
from rom._core.encoding.text import shorten, show, show_name
from rom._core.support.public_names import publish
from rom.exceptions import InvalidColumnValue

if TYPE_CHECKING:
    from pydantic import TypeAdapter, ValidationError

T = TypeVar('T')

# The most characters of pydantic's own message, and of the path to the wrong part.
_SHOWN: Final = 150


class Typed(Mutable[T]):
    """A value of a type that pydantic validates: a model, a dataclass, a TypedDict, a union ...

    The value is validated when it is set, and again when the entity is saved, because a program may
    change it in place. It is stored as the JSON that pydantic writes of the type, with aliases.
    Needs ``rom-redis[pydantic]``.

    Args:
        of: the type; also a generic one such as ``list[Address]``, or an ``Annotated``.
        index: enables ``filter`` by what the keygen returns. It needs a keygen.
        keygen: ``keygen(value)`` returns the words or numbers to index.

    Raises:
        ColumnError: pydantic cannot validate the type.
        ModuleNotFoundError: pydantic is not installed.
        InvalidColumnValue: the value is not valid; the error has the path to the wrong part.
        CorruptRowError: a row holds JSON that is not valid for the type.

    Example::

        class Address(pydantic.BaseModel):
            city: str
            zip: str = ''

        class User(rom.Model):
            home = rom.Typed(Address)
            past = rom.Typed(list[Address], default=list)

        user.home = {'city': 'Oslo'}
        user.home.zip = '0150'              # found by the next commit
    """

    if TYPE_CHECKING:

        @overload
        def __init__(self, of: type[T], *args: Any, **options: Any) -> None: ...
        @overload
        def __init__(self, of: Any, *args: Any, **options: Any) -> None: ...

    def __init__(
        self,
        of: Any,
        required: bool = False,
        default: T | Callable[[], T] | None = None,
        unique: bool = False,
        index: bool = False,
        keygen: Keygen | None = None,
        prefix: bool = False,
        suffix: bool = False,
        keygen2: Callable[[str, Mapping[str, Any]], Keys] | None = None,
        **options: Unpack[ColumnOptions],
    ) -> None:
        #: The type.
        self.of = of
        self._adapter = self._adapter_of(of)
        is_class = isinstance(of, type) and not get_args(of)
        self.kind = f'a valid {show_name(of.__name__) if is_class else show(of)}'  # type: ignore[misc]
        super().__init__(
            required, default, unique, index, keygen, prefix, suffix, keygen2, **options
        )

    def _adapter_of(self, of: Any) -> TypeAdapter[T]:
        try:
            import pydantic
        except ModuleNotFoundError as error:
            if error.name not in ('pydantic', 'pydantic_core'):
                raise
            raise ModuleNotFoundError(
                "a Typed column needs the library pydantic: pip install 'rom-redis[pydantic]'",
                name=error.name,
            ) from None
        if isinstance(of, str):
            self._wrong(f'expected a type, got its name {show(of)}')
        try:
            try:
                # JSON has no form of NaN; types with a configuration of their own have theirs.
                config = pydantic.ConfigDict(ser_json_inf_nan='strings')
                return pydantic.TypeAdapter(of, config=config)
            except pydantic.PydanticUserError as error:
                if error.code != 'type-adapter-config-unused':
                    raise
                return pydantic.TypeAdapter(of)
        except Exception as error:  # a validator of the type may run here, and raise anything
            self._wrong(
                f'expected a type that pydantic can validate, got {show(of)}: {_first_line(error)}'
            )

    def check(self, value: Any) -> T:
        try:
            checked = self._adapter.validate_python(value)
        except Exception as error:
            self._refuse(value, error)
        self._check_kept(checked, value)
        return checked

    def _check_kept(self, checked: T, value: Any) -> None:
        """Raise unless the row keeps the value."""
        # pydantic takes an object of a model as it is, whatever was assigned to its fields. And the
        # JSON of a union may be that of another of its types. So the JSON must be read as equal.
        read = self._validated(self.encode(checked), value)
        before, after = self._plain(checked), self._plain(read)
        if before != after and repr(before) != repr(after):  # a NaN equals nothing
            self.refuse(value, f'reads as {show(read)} from its JSON; use a type that keeps it')

    def _plain(self, value: T) -> Any:
        return self._adapter.dump_python(value, round_trip=True, warnings='none')

    def recheck(self, value: T) -> None:
        self._check_kept(value, value)
        if self.rules is not None:
            self.rules.apply(self, value)

    def encode(self, value: T) -> bytes:
        try:
            return self._adapter.dump_json(value, by_alias=True, round_trip=True, warnings='none')
        except Exception as error:
            self.refuse(value, f'cannot be written as JSON ({_first_line(error)})')

    def decode(self, raw: bytes) -> T:
        try:
            return self._adapter.validate_json(raw)
        except Exception as error:
            path, problem = _problem_of(error)
            raise ValueError(f'{path}: {problem}'.removeprefix(': ').removeprefix('.')) from None

    def _validated(self, raw: bytes, value: Any) -> T:
        try:
            return self._adapter.validate_json(raw)
        except Exception as error:
            self._refuse(value, error)

    def to_json(self, value: T) -> Any:
        return json.loads(self.encode(value))

    def from_json(self, value: Any) -> T:
        return self._validated(json.dumps(value).encode('ascii'), value)

    def _refuse(self, value: Any, error: Exception) -> NoReturn:
        path, problem = _problem_of(error)
        name = f'{self.name or type(self).__name__}{path}'
        raise InvalidColumnValue(f'{name}: expected {self.kind}: {problem}') from None


def _first_line(error: Exception) -> str:
    return shorten(str(error).partition('\n')[0], _SHOWN)


def _problem_of(error: Exception) -> tuple[str, str]:
    """Return the path to the wrong part of a value, as in ``.past[0].zip``, and the problem."""
    errors = getattr(error, 'errors', None)
    if errors is None:
        return '', f'validation failed with {shorten(repr(error), _SHOWN)}'
    found: ValidationError = error  # type: ignore[assignment]
    first, *more = found.errors(include_url=False, include_context=False)
    path = ''.join(f'[{part}]' if isinstance(part, int) else f'.{part}' for part in first['loc'])
    got = '' if first['type'] == 'missing' else f', got {show(first["input"])}'
    rest = f' (and {len(more)} more)' if more else ''
    return shorten(path, _SHOWN), f'{shorten(first["msg"], _SHOWN)}{got}{rest}'


publish('rom', Typed)
