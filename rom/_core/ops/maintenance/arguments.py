"""Checks of the arguments of maintenance, and the models and jobs that they stand for."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from rom._core.encoding.integers import check_count
from rom._core.encoding.text import show
from rom._core.entities.metaclass import is_model
from rom._core.model import Model
from rom._core.model_registry import MODELS
from rom._core.ops.maintenance import jobs
from rom._core.ops.maintenance.progress import Job
from rom._core.schema import Schema
from rom.exceptions import InvalidOperation


def checked(model: Any) -> Schema:
    """Return the schema of a model.

    Raises:
        InvalidOperation: the argument is not a model.
    """
    if not is_model(model):
        raise InvalidOperation(f'maintenance takes a model, not {show(model)}')
    schema: Schema = model._schema
    return schema


def checked_rate(rate: Any, batch: int) -> int:
    """Return the size of a batch that takes at most a second at this rate.

    Raises:
        InvalidOperation: the rate is not a number above 0.
    """
    if rate is None:
        return batch
    is_number = isinstance(rate, (int, float)) and not isinstance(rate, bool)
    if not is_number or not 0 < rate < math.inf:
        raise InvalidOperation(
            f'rate must be a number of entities a second above 0, not {show(rate)}'
        )
    return max(1, min(batch, int(rate)))


def every_model() -> list[type[Model]]:
    """Return every model once; each is registered under several names."""
    return [model for model in dict.fromkeys(MODELS.values()) if model is not Model]


def unsafe_jobs(
    models: Iterable[type[Model]], block_size: int
) -> list[tuple[type[Model], Job[tuple[int, int]]]]:
    """Return the jobs of :func:`clean_unsafe_cols`; no models means all."""
    size = check_count('block_size', block_size)
    schemas = [(model, checked(model)) for model in list(models) or every_model()]
    return [(m, jobs.clean_unsafe(schema, size)) for m, schema in schemas if schema.unsafe]
