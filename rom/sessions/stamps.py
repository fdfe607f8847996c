"""Whether a model's data has the indexes that it declares: asked once, on a trip made anyway."""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any
from weakref import WeakSet

from rom.exceptions import StaleIndexWarning
from rom.model import Model
from rom.ops.requests import Operation
from rom.ops.stamps import alongside, changes, declared_by, read_stamp
from rom.schema import Schema

# Asked about by this program. (A model that is on two servers is asked about once.)
_asked: WeakSet[Schema] = WeakSet()


def watched(model: type[Model], operation: Operation[Any]) -> Operation[Any]:
    """An operation, which asks about the model's indexes if it is the first one on that model."""
    if model._schema in _asked:
        return operation
    return alongside(operation, model._schema, partial(_tell, model._schema))


def _tell(schema: Schema, stamp: bytes | None) -> None:
    if schema in _asked:
        return  # another thread was faster
    _asked.add(schema)
    before = read_stamp(stamp)
    if before is None:
        return  # of data that is older than stamps nothing is known, and nothing said
    if differing := changes(before, declared_by(schema)):
        warnings.warn(
            f'{schema.name}: its indexes in Redis are not those that it declares '
            f'({"; ".join(differing)}), so queries may miss entities: run rom reindex, or '
            f'rom.maintenance.reindex({schema.name})',
            StaleIndexWarning,
            stacklevel=2,
        )
