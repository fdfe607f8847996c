"""Models by their names on the command line: `package.module`, or `package.module:Model`."""

from __future__ import annotations

import difflib
import importlib
import os
import pkgutil
import re
import sys
import traceback
from collections.abc import Iterable, Sequence
from types import ModuleType
from typing import Any

from rom._core.encoding.text import show
from rom._core.model import Model
from rom.cli.exit_codes import MisuseError

_MODULE = re.compile(r'[^\W\d]\w*(\.[^\W\d]\w*)*')
_FORMS = 'write package.module, or package.module:Model'


def models_named(names: Sequence[str]) -> list[type[Model]]:
    """Import models by their names, each once, in the order in which they are named.

    Args:
        names: each `package.module`, for all models in the module's namespace, or
            `package.module:Model`.

    Raises:
        MisuseError: a name is not found, or its module cannot be imported. It has a cause if the
            module itself raised an error.
    """
    found: dict[type[Model], None] = {}
    for name in names:
        module_name, colon, model_name = name.partition(':')
        module = _imported(module_name, name)
        there = _models_of(module)
        if colon:
            found[_picked(module, there, model_name)] = None
        elif there:
            found.update(dict.fromkeys(there.values()))
        else:
            raise MisuseError(_nothing_in(module))
    return list(found)


def _models_of(module: ModuleType) -> dict[str, type[Model]]:
    return {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, Model) and value is not Model
    }


def _nothing_in(module: ModuleType) -> str:
    inside = [name for _, name, _ in pkgutil.iter_modules(getattr(module, '__path__', ()))]
    shown = ', '.join(f'{module.__name__}.{name}' for name in inside[:5])
    further = f'; it is a package, with {shown} in it' if inside else ''
    return f'{module.__name__} has no models: name a module that defines or imports some{further}'


def _picked(module: ModuleType, there: dict[str, type[Model]], name: str) -> type[Model]:
    if name in there:
        return there[name]
    where = module.__name__
    if hasattr(module, name):
        raise MisuseError(f'{where}:{name} is no rom.Model{_meant(name, there, where + ":")}')
    raise MisuseError(f'{where} has no model {show(name)}{_meant(name, there, where + ":")}')


def _meant(name: str, names: Iterable[str], prefix: str = '') -> str:
    """Return advice: the names that are spelt similarly, or else the first names of all."""
    known = list(names)
    lower = {other.lower(): other for other in known}
    close = [lower[low] for low in difflib.get_close_matches(name.lower(), lower, 3)]
    if close:
        return f'; did you mean {" or ".join(prefix + other for other in close)}?'
    return f'; there are {", ".join(prefix + other for other in known[:8])}' if known else ''


def _imported(name: str, said: str) -> ModuleType:
    if not _MODULE.fullmatch(name):
        raise MisuseError(f'{show(said)} names no models: {_FORMS}{_for_a_path(name)}')
    _look_in_the_current_folder()
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or ''
        if name != missing and not name.startswith(f'{missing}.'):
            raise _failed(name, error) from error
        raise MisuseError(_not_found(name, missing)) from None
    except (Exception, SystemExit) as error:
        raise _failed(name, error) from error


def _look_in_the_current_folder() -> None:
    here = os.getcwd()
    if here not in sys.path and '' not in sys.path:
        sys.path.insert(0, here)


def _for_a_path(name: str) -> str:
    """Return advice for a name that is the path of a file: the name of its module."""
    path = name.removeprefix('./').removesuffix('.py').strip('/').replace(os.sep, '.')
    return f'; did you mean {path}?' if path != name and _MODULE.fullmatch(path) else ''


def _not_found(name: str, missing: str) -> str:
    parent, _, last = missing.rpartition('.')
    if last == 'py' and parent:
        return f'{show(name)} is the name of a file; name the module: {parent}'
    prefix = f'{parent}.' if parent else ''
    # Top-level modules are searched for in the current folder only: too many are installed.
    path = getattr(sys.modules.get(parent), '__path__', None) if parent else [os.getcwd()]
    if path is None:
        return f'no module {show(missing)}: {parent} is a module, and no package; {_FORMS}'
    there = [other for _, other, _ in pkgutil.iter_modules(path)]
    where = f'the package {parent}' if parent else f'{os.getcwd()}, nor is it installed'
    return f'no module {show(missing)} in {where}{_meant(last, there, prefix)}'


def _failed(name: str, error: BaseException) -> MisuseError:
    """Return the error for a module that was found and whose import raised."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not _is_machinery(frame.filename)]
    place: Any = error if isinstance(error, SyntaxError) else (own[-1] if own else None)
    where = f' ({place.filename}, line {place.lineno})' if place is not None else ''
    said = error.msg if isinstance(error, SyntaxError) else str(error)
    what = type(error).__name__ + (f': {said}' if said else '')
    return MisuseError(f'importing {name} failed: {what}{where}')


def _is_machinery(filename: str) -> bool:
    """Tell whether a file belongs to Python's import system or to rom, not to the models."""
    ours = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    return (
        filename.startswith(('<frozen', os.path.join(ours, 'rom') + os.sep))
        or os.path.basename(os.path.dirname(filename)) == 'importlib'
    )
