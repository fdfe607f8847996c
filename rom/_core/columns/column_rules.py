"""Rules of a column: its choices and validators, which apply to the values that are set."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol, TypeAlias, TypedDict

from rom._core.encoding.text import shorten, show, show_names
from rom.exceptions import ColumnError, InvalidColumnValue

Validator: TypeAlias = Callable[[Any], object]

# The maximum number of characters that a message shows of a validator's own.
_SHOWN: Final = 200


class Ruled(Protocol):
    """A column, as its rules see it."""

    name: str

    def check(self, value: Any) -> Any: ...


class ColumnOptions(TypedDict, total=False):
    """The keyword options of every column that stores a value of its own: see `Column`."""

    choices: Iterable[Any] | None
    validators: Iterable[Validator]
    stored_as: str | None


class ColumnRules:
    """The choices and validators of one column.

    Attributes:
        choices: the only values that may be set, as the column keeps them; None: any.
        validators: functions that are called with each value that is set.
    """

    def __init__(self, choices: tuple[Any, ...] | None, validators: tuple[Validator, ...]) -> None:
        self.choices = choices
        self.validators = validators

    @classmethod
    def of(
        cls, column: Ruled, choices: Iterable[Any] | None, validators: Iterable[Validator]
    ) -> ColumnRules | None:
        """Return the rules of a column; None without choices and validators.

        Raises:
            ColumnError: the choices are empty or are no values of the column; a validator is not
                callable; or an option has another type than a list.
        """
        if choices is None and not validators:
            return None
        kind = type(column).__name__
        functions = _listed(kind, 'validators', validators)
        for function in functions:
            if not callable(function):
                raise ColumnError(
                    f'{kind} column: expected a validator that is callable, got {show(function)}'
                )
        if choices is None:
            return cls(None, functions)
        values = _listed(kind, 'choices', choices)
        if not values:
            raise ColumnError(f'{kind} column: expected at least one of choices, got none')
        try:
            return cls(tuple(column.check(value) for value in values), functions)
        except InvalidColumnValue as error:
            raise ColumnError(f'{kind} column: choices: {error}') from None

    def apply(self, column: Ruled, value: Any) -> None:
        """Raise InvalidColumnValue for a value that is not among the choices, or is refused."""
        if self.choices is not None and value not in self.choices:
            expected = show_names(map(show, self.choices))
            raise InvalidColumnValue(
                f'{_name(column)}: expected one of {expected}, got {show(value)}'
            )
        for validator in self.validators:
            _run(column, validator, value)


def _run(column: Ruled, validator: Validator, value: Any) -> None:
    named = show(getattr(validator, '__name__', validator))
    try:
        is_refused = validator(value) is False
    except ValueError as error:
        problem = str(error) or repr(error)
    except Exception as error:
        problem = f'the validator {named} failed: {error!r}'
    else:
        if not is_refused:
            return
        problem = f'the validator {named} returned False'
    raise InvalidColumnValue(f'{_name(column)}: {show(value)}: {shorten(problem, _SHOWN)}')


def _listed(kind: str, option: str, given: Any) -> tuple[Any, ...]:
    if isinstance(given, (str, bytes)) or not isinstance(given, Iterable):
        raise ColumnError(f'{kind} column: expected a list of {option}, got {show(given)}')
    return tuple(given)


def _name(column: Ruled) -> str:
    return column.name or type(column).__name__
