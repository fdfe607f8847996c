"""Public paths of classes and functions that are defined in `rom._core`."""

from __future__ import annotations

from typing import Any


def publish(module: str, *values: Any) -> None:
    """Make the public module the `__module__` of classes and functions.

    Tracebacks, documents, and pickles of classes then name the path that programs import from, so
    that a module of `rom._core` may be renamed.

    >>> class Thing: ...
    >>> publish('rom', Thing)
    >>> Thing
    <class 'rom.Thing'>
    """
    for value in values:
        value.__module__ = module
