"""Models on the command line: `package.module`, or `package.module:Model`.

A subcommand imports them, connects them to the server of its `--url`, and may evaluate an
expression with their names.
"""

from __future__ import annotations

import datetime
import decimal
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

import redis

import rom
from rom._core.drivers import connections
from rom._core.encoding.text import show
from rom._core.entities.metaclass import is_model
from rom._core.model import Model
from rom.cli.errors import UsageError

_MODULE_NAME = re.compile(r'[^\W\d]\w*(\.[^\W\d]\w*)*')
_FORMS = 'write package.module, or package.module:Model'


def import_models(names: Sequence[str]) -> list[type[Model]]:
    """Import models by their names, each once, in the order in which they are named.

    Args:
        names: each `package.module`, for all models in the module's namespace, or
            `package.module:Model`.

    Raises:
        UsageError: a name is not found, or its module cannot be imported. It has a cause if the
            module itself raised an error.
    """
    found: dict[type[Model], None] = {}
    for name in names:
        module_name, colon, model_name = name.partition(':')
        module = import_named(module_name, name)
        models = _models_of(module)
        if colon:
            found[_picked(module, models, model_name)] = None
        elif models:
            found.update(dict.fromkeys(models.values()))
        else:
            raise UsageError(_nothing_in(module))
    return list(found)


def _models_of(module: ModuleType) -> dict[str, type[Model]]:
    return {name: value for name, value in vars(module).items() if is_model(value)}


def _nothing_in(module: ModuleType) -> str:
    inside = [name for _, name, _ in pkgutil.iter_modules(getattr(module, '__path__', ()))]
    shown = ', '.join(f'{module.__name__}.{name}' for name in inside[:5])
    further = f'; it is a package, with {shown} in it' if inside else ''
    return f'{module.__name__} has no models: name a module that defines or imports some{further}'


def _picked(module: ModuleType, models: dict[str, type[Model]], name: str) -> type[Model]:
    if name in models:
        return models[name]
    where = module.__name__
    if hasattr(module, name):
        raise UsageError(
            f'{where}:{name} is not a rom.Model{_suggestion(name, models, where + ":")}'
        )
    raise UsageError(f'{where} has no model {show(name)}{_suggestion(name, models, where + ":")}')


def _suggestion(name: str, names: Iterable[str], prefix: str = '') -> str:
    """Return advice: the names that are spelt similarly, or else the first names of all."""
    known = list(names)
    lower = {other.lower(): other for other in known}
    close = [lower[low] for low in difflib.get_close_matches(name.lower(), lower, 3)]
    if close:
        return f'; did you mean {" or ".join(prefix + other for other in close)}?'
    return f'; there are {", ".join(prefix + other for other in known[:8])}' if known else ''


def import_named(name: str, given: str) -> ModuleType:
    """Import a module, with the current folder on the path.

    Args:
        name: the name of the module.
        given: the argument that names it, for the error.

    Raises:
        UsageError: as for `import_models`.
    """
    if not _MODULE_NAME.fullmatch(name):
        raise UsageError(
            f'{show(given)}: expected the name of a module or a model; {_FORMS}{_for_a_path(name)}'
        )
    _look_in_the_current_folder()
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or ''
        if name != missing and not name.startswith(f'{missing}.'):
            raise _failed(name, error) from error
        raise UsageError(_not_found(name, missing)) from None
    except (Exception, SystemExit) as error:
        raise _failed(name, error) from error


def _look_in_the_current_folder() -> None:
    here = os.getcwd()
    if here not in sys.path and '' not in sys.path:
        sys.path.insert(0, here)


def _for_a_path(name: str) -> str:
    """Return advice for a name that is the path of a file: the name of its module."""
    path = name.removeprefix('./').removesuffix('.py').strip('/').replace(os.sep, '.')
    return f'; did you mean {path}?' if path != name and _MODULE_NAME.fullmatch(path) else ''


def _not_found(name: str, missing: str) -> str:
    parent, _, last = missing.rpartition('.')
    if last == 'py' and parent:
        return f'{show(name)} is the name of a file; name the module: {parent}'
    prefix = f'{parent}.' if parent else ''
    # Top-level modules are searched for in the current folder only: too many are installed.
    path = getattr(sys.modules.get(parent), '__path__', None) if parent else [os.getcwd()]
    if path is None:
        return f'no module {show(missing)}: {parent} is a module, and no package; {_FORMS}'
    modules = [other for _, other, _ in pkgutil.iter_modules(path)]
    where = f'the package {parent}' if parent else f'{os.getcwd()}, nor is it installed'
    return f'no module {show(missing)} in {where}{_suggestion(last, modules, prefix)}'


def _failed(name: str, error: BaseException) -> UsageError:
    """Return the error for a module that was found and whose import raised."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not _is_machinery(frame.filename)]
    location: Any = error if isinstance(error, SyntaxError) else (own[-1] if own else None)
    where = f' ({location.filename}, line {location.lineno})' if location is not None else ''
    reason = error.msg if isinstance(error, SyntaxError) else str(error)
    problem = type(error).__name__ + (f': {reason}' if reason else '')
    return UsageError(f'importing {name} failed: {problem}{where}')


def _is_machinery(filename: str) -> bool:
    """Return whether a file belongs to Python's import system or to rom, not to the models."""
    rom_folder = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    return (
        filename.startswith(('<frozen', os.path.join(rom_folder, 'rom') + os.sep))
        or os.path.basename(os.path.dirname(filename)) == 'importlib'
    )


def require_names(names: Sequence[str] | None) -> Sequence[str]:
    """Return the names of models, after a check that there is at least one.

    Raises:
        UsageError: there are no names.
    """
    if not names:
        raise UsageError(
            'expected at least one model, got none; name it as package.module or '
            'package.module:Model, or set the environment variable ROM_MODELS'
        )
    return names


def open_models(names: Sequence[str], url: str | None) -> list[type[Model]]:
    """Import models, and set their server. Nothing is sent yet.

    Args:
        names: as `rom.cli.model_args.import_models` takes them.
        url: the server, which overrides the one that the models' modules set up; None: use theirs,
            else ROM_REDIS_URI, else the local server.

    Raises:
        UsageError: a name or the URL is invalid; or a URL is given, and a model has its own
            connection.
        ORMError: an embedded server cannot be started.
    """
    models = import_models(names)
    use_server_for(models, url)
    return models


def use_server_for(models: Sequence[type[Model]], url: str | None) -> None:
    """Set the server of models, unless the URL is None.

    Raises:
        UsageError: the URL is invalid, or a model has its own connection.
        ORMError: an embedded server cannot be started.
    """
    if url is not None:
        for model in models:
            _check_is_free(model)
        use_server(url)


def use_server(url: str) -> redis.Redis:
    """Set the server of every model that has no connection of its own.

    Raises:
        UsageError: the URL is invalid.
        ORMError: an embedded server cannot be started.
    """
    if not url.strip():
        raise UsageError(
            '--url: expected the URL of a server like redis://localhost:6379/0, got an empty text'
        )
    try:
        client = rom.connect(url)
    except rom.ServerUnavailable:
        raise
    except rom.ORMError as error:
        raise UsageError(str(error)) from None
    # Override a client or a function that the models' module has set as well.
    rom.util.CONNECTION = client
    connections.provide_with(lambda: client)
    return client


def _check_is_free(model: type[Model]) -> None:
    own = next((name for name in ('_conn', 'CONN') if getattr(model, name, None)), None)
    if own is not None:
        raise UsageError(
            f'{model.__module__}:{model.__name__} has a connection of its own ({own}), which --url '
            'does not change: leave out --url, or name models without one'
        )


def scope_of(models: Sequence[type[Model]]) -> dict[str, Any]:
    """Return the models by their names, `rom`, `datetime` and `decimal`."""
    given = {'rom': rom, 'datetime': datetime, 'decimal': decimal}
    return {**given, **{model.__name__: model for model in models}}


def names_of(models: list[type[Model]]) -> str:
    """Return models as arguments of the command line."""
    return ' '.join(f'{model.__module__}:{model.__name__}' for model in models)
