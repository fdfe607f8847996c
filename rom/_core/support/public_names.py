"""Public paths of functions and results that are defined in `rom._core`."""

from __future__ import annotations

import copyreg
from functools import partial
from typing import Any, Final

_HAVE_FIELDS: Final = ('_fields', '__dataclass_fields__')


def publish(module: str, *values: Any) -> None:
    """Make a public module the path of functions, and of pickled named tuples and dataclasses.

    A pickle then names the path that programs import from, so that it can be read after a module
    of `rom._core` was renamed.

    The `__module__` of a class stays the module that defines it. `inspect.getsource`, debuggers and
    `typing.get_type_hints` look for a class there, and only there. (For a function they use its
    code, so the `__module__` of a function is the public module.)

    >>> def act(): ...
    >>> publish('rom', act)
    >>> act.__module__
    'rom'
    """
    for value in values:
        if not isinstance(value, type):
            value.__module__ = module
        elif any(hasattr(value, name) for name in _HAVE_FIELDS):
            copyreg.pickle(value, partial(_reduce, module))


def _reduce(module: str, value: Any) -> tuple[_PublicClass, tuple[Any, ...]]:
    kind = type(value)
    fields = tuple(getattr(value, name) for name in kind.__match_args__)
    return _PublicClass(f'{module}:{kind.__qualname__}'), fields


class _PublicClass:
    """A class in a pickle, by its public path."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        from pkgutil import resolve_name

        return resolve_name, (self._path,)

    def __call__(self, *fields: Any) -> Any:
        """Make a copy, for the module `copy`."""
        resolve, path = self.__reduce__()
        return resolve(*path)(*fields)
