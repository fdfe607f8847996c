"""Names of the public modules: their imports at the first use, and their public path.

Importing rom should take little more time than importing the client library, because most programs
never maintain an index or sum up a column.
"""

from __future__ import annotations

import copyreg
import sys
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from typing import Any, Final


def lazily(module: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """Return the `__getattr__` of a module.

    Args:
        module: the name of the module.
        homes: by name, the module to import it from. If the path ends with the name, the name is
            that module itself.

    >>> __getattr__ = lazily('math', {'ceil': 'math'})
    >>> __getattr__('ceil')(0.5)
    1
    >>> __getattr__('path')
    Traceback (most recent call last):
    AttributeError: module 'math' has no attribute 'path'
    """

    def get(name: str) -> Any:
        home = homes.get(name)
        if home is None:
            raise AttributeError(f'module {module!r} has no attribute {name!r}')
        found = import_module(home)
        value = found if home.endswith(f'.{name}') else getattr(found, name)
        setattr(sys.modules[module], name, value)  # so that Python does not call `get` again
        return value

    return get


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
