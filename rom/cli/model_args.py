"""Opening: the models that a subcommand is about, on the server that it is told."""

from __future__ import annotations

from collections.abc import Sequence

import redis

import rom
from rom._core.drivers import connections
from rom._core.model import Model
from rom.cli.exit_codes import MisuseError
from rom.cli.model_names import models_named


def needed(names: Sequence[str] | None) -> Sequence[str]:
    """Return the names of models, of which there must be some.

    Raises:
        MisuseError: there are none.
    """
    if not names:
        raise MisuseError(
            'no models: name them, as package.module or package.module:Model, or set the '
            'environment variable ROM_MODELS'
        )
    return names


def opened(names: Sequence[str], url: str | None) -> list[type[Model]]:
    """Import models, and have them work on a server. Nothing is sent yet.

    Args:
        names: as `rom.cli.model_names.models_named` takes them.
        url: of the server, whatever the models' modules set up; None: what they set up, else
            ROM_REDIS_URI, else the local server.

    Raises:
        MisuseError: the names, or the URL; or a model has a connection of its own, and a URL is
            given.
        ORMError: an embedded server cannot be started.
    """
    models = models_named(names)
    if url is not None:
        for model in models:
            _check_is_free(model)
        use(url)
    return models


def use(url: str) -> redis.Redis:
    """Have every model without a connection of its own work on this server.

    Raises:
        MisuseError: it is no URL of a server.
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
    # Also where the models' module has put a client, or a function, of its own in the way.
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
