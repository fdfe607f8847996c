"""Constraints: the metadata of `Annotated`, as options of a column.

Metadata of annotated-types and pydantic is read by its attributes, so that neither has to be
installed. Metadata of other libraries, such as a text, is ignored.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from rom._core.columns.limits import SIGNS, Limit
from rom._core.encoding.text import show
from rom.exceptions import ColumnError

#: Attributes of metadata that change or check a value in a way that a column does not.
_UNSUPPORTED: Final = (
    'func', 'pattern', 'strip_whitespace', 'to_upper', 'to_lower', 'max_digits', 'decimal_places',
)  # fmt: skip
_LIBRARIES: Final = ('annotated_types', 'pydantic')


def options_of(metadata: Iterable[Any]) -> dict[str, Any]:
    """Return the options of a column that metadata means.

    Raises:
        ColumnError: metadata that a column cannot follow.

    >>> import types
    >>> options_of([types.SimpleNamespace(ge=0), types.SimpleNamespace(max_length=5), 'a comment'])
    {'validators': [Limit(sign='ge', bound=0)], 'max_length': 5}
    """
    options: dict[str, Any] = {}
    validators: list[Any] = []
    for item in _flat(metadata):
        for sign in SIGNS:
            bound = getattr(item, sign, None)
            if bound is None or callable(bound):
                continue
            if sign == 'max_length':
                options[sign] = min(bound, options.get(sign, bound))
            elif (sign, bound) != ('min_length', 0):
                validators.append(Limit(sign, bound))
        if _library(item) == 'annotated_types' and callable(getattr(item, 'func', None)):
            validators.append(Fulfils(item.func))
        elif _library(item) == 'annotated_types' and getattr(item, 'tz', None) is not None:
            options['tz'] = True
        else:
            _check_supported(item)
    return {'validators': validators, **options} if validators else options


class Fulfils:
    """A validator by a function that returns whether it accepts a value."""

    def __init__(self, predicate: Any) -> None:
        self.predicate = predicate
        self.__name__ = getattr(predicate, '__name__', type(predicate).__name__)

    def __call__(self, value: Any) -> bool:
        return bool(self.predicate(value))


def _flat(metadata: Iterable[Any]) -> Iterator[Any]:
    """Yield metadata, with the parts of a `pydantic.Field` after it."""
    for item in metadata:
        yield item
        parts = getattr(item, 'metadata', None)
        if isinstance(parts, list):
            yield from _flat(parts)


def _library(item: Any) -> str | None:
    library = type(item).__module__.partition('.')[0]
    return library if library in _LIBRARIES else None


def _check_supported(item: Any) -> None:
    if _library(item) is None:
        return
    for name in _UNSUPPORTED:
        if getattr(item, name, None):
            raise ColumnError(
                f'a column does not follow {show(item)}; check the value by '
                'rom.column(validators=[...])'
            )
    is_required = getattr(item, 'is_required', None)
    if callable(is_required) and not is_required():
        raise ColumnError(
            f'a column takes no default from {show(item)}; use rom.column(default=...)'
        )
