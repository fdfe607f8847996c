"""Memory use of the indexes of models.

The blocking front end of :mod:`rom._core.ops.maintenance.index_stats`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence

from rom._core.drivers.connections import connection_of
from rom._core.drivers.server_identity import node_of, reach_of
from rom._core.drivers.sync_driver import SyncDriver
from rom._core.encoding.integers import check_count
from rom._core.model import Model
from rom._core.ops.maintenance.arguments import checked
from rom._core.ops.maintenance.index_stats import Survey, merged, survey
from rom._core.ops.maintenance.progress import Progress, advance
from rom._core.schema import Schema


def index_stats(
    models: Sequence[type[Model]], sample: int = 100
) -> Iterator[tuple[int, int] | dict[type[Model], Survey]]:
    """Scan all keys of the servers, and measure the memory of the models' indexes.

    It reads a thousand keys at a time, and measures a sample of the keys of each index. The numbers
    of a model with ``_shards`` are sums over its partitions. While slots of a cluster move, they
    may lack keys.

    Args:
        models: the models.
        sample: the most keys of one index to measure on each server; for an index with more keys,
            the numbers are estimates.

    Yields:
        The progress as (done, total) of each server; and a survey by model, after the last key of
        all servers with its partitions.

    Raises:
        InvalidOperation: an argument is not a model, or the sample is less than 1.

    Example::

        for step in rom.index_stats.index_stats([User]):
            if isinstance(step, dict):
                print(step[User]['rows', ''].memory)
    """
    size = check_count('sample', sample)
    on_each: dict[Hashable, list[tuple[type[Model], Schema]]] = {}
    for model in models:
        for server, schema in _places(model):
            on_each.setdefault(server, []).append((model, schema))
    left = Counter(model for group in on_each.values() for model in {model for model, _ in group})
    found: dict[type[Model], list[Survey]] = {}
    for group in on_each.values():
        driver = SyncDriver(connection_of(group[0][0]))
        job = survey([schema for _, schema in group], size)
        while isinstance(step := driver.run(advance(job)), Progress):
            yield step.done, step.total
        here = dict.fromkeys(model for model, _ in group)
        for model in here:
            found.setdefault(model, []).append(step.result[model._schema])
        left.subtract(here.keys())
        if done := {model: merged(found[model]) for model in here if not left[model]}:
            yield done


def _places(model: type[Model]) -> Iterator[tuple[Hashable, Schema]]:
    """Return the schemas of a model's partitions, or its own, each with the server that has it."""
    schema, client = checked(model), connection_of(model)
    if schema.placement is None:
        yield reach_of(client, schema.keys.head), schema
        return
    for part in schema.parts:
        yield node_of(client, part.keys.head), part
