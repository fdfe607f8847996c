"""What a version of rom shows of itself: names, members and arguments, as plain data.

rom 1.1.2 (tests/support/old_program.py) and this project both run this file.
"""

import importlib
import inspect
import types
from typing import Any

MODULES = (
    'rom', 'rom.util', 'rom.columns', 'rom.model', 'rom.query', 'rom.index', 'rom.exceptions',
)  # fmt: skip

#: A default that is an object of its own stands for no value, as None does.
NOTHING = 'nothing'

Argument = tuple[str, str, Any]


def surface() -> dict[str, Any]:
    """All public names of the modules, and what there is to know of each."""
    found = {}
    for module in MODULES:
        for name, value in vars(importlib.import_module(module)).items():
            if not name.startswith('_') and _is_of_rom(value):
                found[f'{module}.{name}'] = described(value)
    return found


def described(value: Any) -> dict[str, Any]:
    """One thing: its kind, its arguments, its public members."""
    if inspect.isclass(value):
        is_error = issubclass(value, Exception)
        return {
            'kind': 'class',
            'arguments': None if is_error else arguments(value),
            'members': {} if is_error else _members(value),
        }
    if callable(value) and not isinstance(value, type):
        return {'kind': 'function', 'arguments': arguments(value), 'members': {}}
    return {'kind': 'value', 'arguments': None, 'members': {}}


def arguments(value: Any) -> 'list[Argument] | None':
    """Name, kind and default of each argument; None where Python does not know them."""
    try:
        parameters = inspect.signature(value).parameters.values()
    except (TypeError, ValueError):
        return None
    return [(each.name, each.kind.name, _default(each.default)) for each in parameters]


def _members(kind: type) -> dict[str, Any]:
    found = {}
    for name in dir(kind):
        if name.startswith('_') and not name.startswith(('_before_', '_after_')):
            continue
        value = getattr(kind, name, None)  # a column of 1.x fails on a class
        found[name] = arguments(value) if callable(value) else None
    return found


def _is_of_rom(value: Any) -> bool:
    """Whether it is rom's own, and nothing that a module of its imported from elsewhere."""
    if isinstance(value, types.ModuleType):
        return False
    home = getattr(value, '__module__', None) or type(value).__module__
    return str(home).split('.')[0] in ('rom', 'builtins', 're')


def _default(value: Any) -> Any:
    if value is inspect.Parameter.empty:
        return 'required'
    if value is None or type(value) is object:
        return NOTHING
    return value if isinstance(value, (bool, int, float, str)) else repr(value)
