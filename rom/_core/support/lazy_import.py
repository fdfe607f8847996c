"""Lazily: names of a module that are imported when they are first asked for.

Importing rom should take a program little more time than importing the client library, whether or
not it ever maintains an index or sums up a column.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazily(module: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """The `__getattr__` of a module.

    Args:
        module: its name.
        homes: of each of the names, the module that has it; or that is it, if its name ends so.

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
        setattr(sys.modules[module], name, value)  # asked for no more
        return value

    return get
