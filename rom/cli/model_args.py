"""The models of a subcommand, connected to the server of its `--url`."""

from __future__ import annotations

from collections.abc import Sequence

import redis

import rom
from rom._core.drivers import connections
from rom._core.model import Model
from rom.cli.exit_codes import MisuseError
from rom.cli.model_names import models_named


def needed(names: Sequence[str] | None) -> Sequence[str]:
    """Return the names of models, after a check that there is at least one.

    Raises:
        MisuseError: there are no names.
    """
    if not names:
        raise MisuseError(
            'no models: name them, as package.module or package.module:Model, or set the '
            'environment variable ROM_MODELS'
        )
    return names


def opened(names: Sequence[str], url: str | None) -> list[type[Model]]:
    """Import models, and set their server. Nothing is sent yet.

    Args:
        names: as `rom.cli.model_names.models_named` takes them.
        url: the server, which overrides the one that the models' modules set up; None: use theirs,
            else ROM_REDIS_URI, else the local server.

    Raises:
        MisuseError: a name or the URL is invalid; or a URL is given, and a model has its own
            connection.
        ORMError: an embedded server cannot be started.
    """
    models = models_named(names)
    if url is not None:
        for model in models:
            _check_is_free(model)
        use(url)
    return models


def use(url: str) -> redis.Redis:
    """Set the server of every model that has no connection of its own.

    Raises:
        MisuseError: the URL is invalid.
        ORMError: an embedded server cannot be started.
    """
    if not url.strip():
        raise MisuseError('--url needs the URL of a server, as in redis://localhost:6379/0')
    try:
        client = rom.connect(url)
    except rom.ServerUnavailable:
        raise
    except rom.ORMError as error:
        raise MisuseError(str(error)) from None
    # Override a client or a function that the models' module has set as well.
    rom.util.CONNECTION = client
    connections.provide_with(lambda: client)
    return client


def _check_is_free(model: type[Model]) -> None:
    own = next((name for name in ('_conn', 'CONN') if getattr(model, name, None)), None)
    if own is not None:
        raise MisuseError(
            f'{model.__module__}:{model.__name__} has a connection of its own ({own}), which --url '
            'does not change: leave out --url, or name models without one'
        )
