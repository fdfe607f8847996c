"""Surveying models: what their indexes take, front of :mod:`rom.ops.surveying`."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence

from rom.drivers.connection import connection_of
from rom.drivers.destination import server_of
from rom.drivers.sync import SyncDriver
from rom.encoding.text import show
from rom.exceptions import InvalidOperation
from rom.maintenance import checked
from rom.model import Model
from rom.ops.maintenance.progress import Progress, advance
from rom.ops.surveying import Survey, survey


def surveyed(
    models: Sequence[type[Model]], sample: int = 100
) -> Iterator[tuple[int, int] | dict[type[Model], Survey]]:
    """Go through all keys of the servers, and weigh the indexes of models.

    The server is asked for a thousand keys at a time, and about so many of each index.

    Args:
        models: whose indexes.
        sample: keys of an index that are looked at, at most; of one with more, the numbers are
            estimates.

    Yields:
        how far it has got, as (done, total); at the end of each server, what was found.

    Raises:
        InvalidOperation: no models, or a sample of less than one.

    Example::

        for step in rom.surveying.surveyed([User]):
            if isinstance(step, dict):
                print(step[User]['rows', ''].memory)
    """
    if isinstance(sample, bool) or not isinstance(sample, int) or sample < 1:
        raise InvalidOperation(f'a sample has 1 key or more, not {show(sample)}')
    on_each: dict[Hashable, list[type[Model]]] = {}
    for model in models:
        checked(model, sample)
        on_each.setdefault(server_of(connection_of(model)), []).append(model)
    for group in on_each.values():
        driver = SyncDriver(connection_of(group[0]))
        job = survey([model._schema for model in group], sample)
        while isinstance(step := driver.run(advance(job)), Progress):
            yield step.done, step.total
        yield {model: step.result[model._schema] for model in group}
