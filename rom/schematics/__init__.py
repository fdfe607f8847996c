"""Persistence for models of the `schematics` library, with a choice of storage layers.

A program of redis-schematics changes its import only::

    from rom.schematics import SimpleRedisMixin

Needs the extra ``rom-redis[schematics]``.
"""

try:
    import schematics as _schematics
except ImportError:
    raise ImportError(
        "rom.schematics needs the library schematics: pip install 'rom-redis[schematics]'"
    ) from None

from rom.schematics import exceptions
from rom.schematics.base import BaseRedisMixin
from rom.schematics.exceptions import MultipleFound, NotFound, StrictPerformanceException
from rom.schematics.mixins import (
    FieldHashRedisMixin,
    FieldHashRedisModel,
    FieldRedisMixin,
    FieldRedisModel,
    HashRedisMixin,
    HashRedisModel,
    IndexedRedisMixin,
    IndexedRedisModel,
    ObjectHashRedisMixin,
    ObjectHashRedisModel,
    SimpleRedisMixin,
    SimpleRedisModel,
)
from rom.schematics.references import ReferenceType
from rom.schematics.transactions import transaction

__all__ = [
    'BaseRedisMixin',
    'FieldHashRedisMixin',
    'FieldHashRedisModel',
    'FieldRedisMixin',
    'FieldRedisModel',
    'HashRedisMixin',
    'HashRedisModel',
    'IndexedRedisMixin',
    'IndexedRedisModel',
    'MultipleFound',
    'NotFound',
    'ObjectHashRedisMixin',
    'ObjectHashRedisModel',
    'ReferenceType',
    'SimpleRedisMixin',
    'SimpleRedisModel',
    'StrictPerformanceException',
    'exceptions',
    'transaction',
]
