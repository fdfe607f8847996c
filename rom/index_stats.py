"""Memory use of the indexes of models.

The blocking front end of :mod:`rom._core.ops.maintenance.index_stats`.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence

from rom._core.drivers.connections import connection_of
from rom._core.drivers.server_identity import reach_of
from rom._core.drivers.sync_driver import SyncDriver
from rom._core.encoding.integers import check_count
from rom._core.model import Model
from rom._core.ops.maintenance.arguments import checked
from rom._core.ops.maintenance.index_stats import Survey, survey
from rom._core.ops.maintenance.progress import Progress, advance
from rom.exceptions import InvalidOperation


def index_stats(
    models: Sequence[type[Model]], sample: int = 100
) -> Iterator[tuple[int, int] | dict[type[Model], Survey]]:
    """Scan all keys of the servers, and measure the memory of the models' indexes.

    It reads a thousand keys at a time, and measures a sample of the keys of each index.

    Args:
        models: the models.
        sample: the most keys of one index to measure; for an index with more keys, the numbers are
            estimates.

    Yields:
        The progress as (done, total); after the last key of each server, a survey by model.

    Raises:
        InvalidOperation: an argument is not a model, or the sample is less than 1.

    Example::

        for step in rom.index_stats.index_stats([User]):
            if isinstance(step, dict):
                print(step[User]['rows', ''].memory)
    """
    size = check_count('sample', sample)
    on_each: dict[Hashable, list[type[Model]]] = {}
    for model in models:
        if checked(model).shards is not None:
            raise InvalidOperation(
                f'{model.__name__} has _shards, and index_stats() does not know partitions yet; '
                'leave the model out'
            )
        reach = reach_of(connection_of(model), model._schema.keys.head)
        on_each.setdefault(reach, []).append(model)
    for group in on_each.values():
        driver = SyncDriver(connection_of(group[0]))
        job = survey([model._schema for model in group], size)
        while isinstance(step := driver.run(advance(job)), Progress):
            yield step.done, step.total
        yield {model: step.result[model._schema] for model in group}
