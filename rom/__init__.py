"""An object mapper for Redis and Valkey: correct under races and faults, fast, plain.

    >>> import rom
    >>> class User(rom.Model):
    ...     name = rom.Text(required=True, unique=True)
    ...     age = rom.Integer(index=True)
    >>> User(name='Ann', age=42).save()
    3
    >>> User.get_by(name='Ann').age
    42

`__all__` has the names of rom 1.x, so that ``from rom import *`` brings nothing that a program of
its time does not expect; what is new is reached as ``rom.AsyncSession``.
"""

from typing import TYPE_CHECKING

from rom import columns, exceptions, model, query, util
from rom._version import VERSION
from rom.classproperty import ClassProperty
from rom.columns import (
    Boolean,
    Column,
    Date,
    DateTime,
    Decimal,
    Float,
    ForeignModel,
    IndexOnly,
    Integer,
    Json,
    ManyToOne,
    OneToMany,
    OneToOne,
    PrimaryKey,
    SaferDateTime,
    String,
    Text,
    Time,
    UnsafeColumn,
)
from rom.columns import ExpireAt as ExpireAt
from rom.columns.kinds import COLUMN_TYPES, NUMERIC_TYPES
from rom.drivers.connection import connect as connect
from rom.encoding.keygens import (
    CASE_INSENSITIVE,
    FULL_TEXT,
    IDENTITY,
    IDENTITY_CI,
    IDENTITY_STRING,
    IDENTITY_STRING_CI,
    SIMPLE,
    SIMPLE_CI,
)
from rom.exceptions import ArgumentError as ArgumentError
from rom.exceptions import (
    BulkError,
    ColumnError,
    DataRaceError,
    EntityDeletedError,
    InvalidColumnValue,
    InvalidOperation,
    MissingColumn,
    ORMError,
    QueryError,
    RestrictError,
    UniqueKeyViolation,
    UnsafeError,
)
from rom.exceptions import CorruptRowError as CorruptRowError
from rom.exceptions import EvictionWarning as EvictionWarning
from rom.exceptions import InDoubtError as InDoubtError
from rom.exceptions import LineError as LineError
from rom.exceptions import ServerError as ServerError
from rom.exceptions import ServerUnavailable as ServerUnavailable
from rom.exceptions import StaleEntityError as StaleEntityError
from rom.exceptions import StaleIndexWarning as StaleIndexWarning
from rom.exceptions import TransferError as TransferError
from rom.exceptions import UnwrittenWarning as UnwrittenWarning
from rom.geo import GeoIndex
from rom.lazily import lazily
from rom.model import Model
from rom.query import Query
from rom.query.filters import NOT_NULL
from rom.registry import MODELS, MODELS_REFERENCED, SKIP_ON_DELETE
from rom.sessions import Session as Session
from rom.sessions import session

if TYPE_CHECKING:
    from rom import index
    from rom.index import GeneralIndex, Pattern, Prefix, Suffix
    from rom.sessions import AsyncSession as AsyncSession
else:
    __getattr__ = lazily(
        __name__,
        {
            'index': 'rom.index',
            **dict.fromkeys(('GeneralIndex', 'Pattern', 'Prefix', 'Suffix'), 'rom.index'),
            **dict.fromkeys(('_disable_lua_writes', '_enable_lua_writes'), 'rom.old_names'),
            'AsyncSession': 'rom.sessions.aio',
        },
    )

__all__ = [
    'Boolean',
    'BulkError',
    'CASE_INSENSITIVE',
    'COLUMN_TYPES',
    'ClassProperty',
    'Column',
    'ColumnError',
    'DataRaceError',
    'Date',
    'DateTime',
    'Decimal',
    'EntityDeletedError',
    'FULL_TEXT',
    'Float',
    'ForeignModel',
    'GeneralIndex',
    'GeoIndex',
    'IDENTITY',
    'IDENTITY_CI',
    'IDENTITY_STRING',
    'IDENTITY_STRING_CI',
    'IndexOnly',
    'Integer',
    'InvalidColumnValue',
    'InvalidOperation',
    'Json',
    'MODELS',
    'MODELS_REFERENCED',
    'ManyToOne',
    'MissingColumn',
    'Model',
    'NOT_NULL',
    'NUMERIC_TYPES',
    'ORMError',
    'OneToMany',
    'OneToOne',
    'Pattern',
    'Prefix',
    'PrimaryKey',
    'Query',
    'QueryError',
    'RestrictError',
    'SIMPLE',
    'SIMPLE_CI',
    'SKIP_ON_DELETE',
    'SaferDateTime',
    'String',
    'Suffix',
    'Text',
    'Time',
    'UniqueKeyViolation',
    'UnsafeColumn',
    'UnsafeError',
    'VERSION',
    'columns',
    'exceptions',
    'index',
    'model',
    'query',
    'session',
    'util',
]
