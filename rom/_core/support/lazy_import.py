"""Lazy imports: names of a module that are imported at their first use.

Importing rom should take little more time than importing the client library, because most programs
never maintain an index or sum up a column.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


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
