"""Public paths of classes and functions that are defined in `rom._core`."""

from __future__ import annotations

from typing import Any, get_type_hints


def publish(module: str, *values: Any) -> None:
    """Make the public module the `__module__` of classes and functions.

    Tracebacks, documents, and pickles of classes then name the path that programs import from, so
    that a module of `rom._core` may be renamed.

    Annotations of a class are names of the module that defines it, and `typing.get_type_hints`
    looks in `__module__`. So those of dataclasses and named tuples are evaluated first: libraries
    such as pydantic ask for them.

    >>> class Thing: ...
    >>> publish('rom', Thing)
    >>> Thing
    <class 'rom.Thing'>
    """
    for value in values:
        if isinstance(value, type) and vars(value).keys() & {'__dataclass_fields__', '_fields'}:
            value.__annotations__ = get_type_hints(value, include_extras=True)
        value.__module__ = module
