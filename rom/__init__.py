"""An object mapper for Redis and Valkey: unique values, atomic commits, indexed queries.

    >>> import rom
    >>> class User(rom.Model):
    ...     name = rom.Text(required=True, unique=True)
    ...     age = rom.Integer(index=True)
    >>> User(name='Ann', age=42).save()
    3
    >>> User.get_by(name='Ann').age
    42

`__all__` has only the names of rom 1.x. So ``from rom import *`` imports no name that an old
program does not expect, and ``rom.Enum`` and ``rom.UUID`` do not shadow names of the standard
library. Newer names are attributes, such as ``rom.AsyncSession``.
"""

from typing import TYPE_CHECKING

from rom import columns, exceptions, model, query, util
from rom._core.columns import (
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
from rom._core.columns import ExpireAt as ExpireAt
from rom._core.columns.column_lists import COLUMN_TYPES, NUMERIC_TYPES
from rom._core.columns.mapped import Mapped as Mapped
from rom._core.columns.mapped import Ref as Ref
from rom._core.drivers.connections import connect as connect
from rom._core.encoding.keygens import (
    CASE_INSENSITIVE,
    FULL_TEXT,
    IDENTITY,
    IDENTITY_CI,
    IDENTITY_STRING,
    IDENTITY_STRING_CI,
    SIMPLE,
    SIMPLE_CI,
)
from rom._core.indexing.geo_index import GeoIndex
from rom._core.model import Model
from rom._core.model_registry import MODELS, MODELS_REFERENCED, SKIP_ON_DELETE
from rom._core.query import Query
from rom._core.query.filters import NOT_NULL
from rom._core.sessions import session
from rom._core.support.descriptors import ClassProperty
from rom._core.support.public_names import lazily, publish
from rom._version import VERSION
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
from rom.exceptions import MigrationError as MigrationError
from rom.exceptions import MigrationWarning as MigrationWarning
from rom.exceptions import ModelMovedError as ModelMovedError
from rom.exceptions import NotReplicatedError as NotReplicatedError
from rom.exceptions import ServerError as ServerError
from rom.exceptions import ServerUnavailable as ServerUnavailable
from rom.exceptions import StaleEntityError as StaleEntityError
from rom.exceptions import StaleIndexWarning as StaleIndexWarning
from rom.exceptions import TransferError as TransferError
from rom.exceptions import UnwrittenWarning as UnwrittenWarning

if TYPE_CHECKING:
    from rom import index
    from rom._core.annotations.relation_id import id_of as id_of
    from rom._core.annotations.specifiers import column as column
    from rom._core.annotations.specifiers import related as related
    from rom._core.annotations.specifiers import relation as relation
    from rom._core.annotations.typed_model import Mixin as Mixin
    from rom._core.annotations.typed_model import TypedModel as TypedModel
    from rom._core.columns.addresses import IPAddress as IPAddress
    from rom._core.columns.durations import Duration as Duration
    from rom._core.columns.enums import Enum as Enum
    from rom._core.columns.link_collections import LinkCollection as LinkCollection
    from rom._core.columns.lists import List as List
    from rom._core.columns.lists import Set as Set
    from rom._core.columns.many_to_many import ManyToMany as ManyToMany
    from rom._core.columns.reverse_links import ReverseLinkCollection as ReverseLinkCollection
    from rom._core.columns.typed import Typed as Typed
    from rom._core.columns.uuids import UUID as UUID
    from rom._core.sessions import AsyncSession as AsyncSession
    from rom._core.sessions import Session as Session
    from rom._core.sharding.shards import Shards as Shards
    from rom.index import GeneralIndex, Pattern, Prefix, Suffix
else:
    __getattr__ = lazily(
        __name__,
        {
            **{
                name: f'rom.{name}'
                for name in (
                    'aio',
                    'index',
                    'index_stats',
                    'jsonl',
                    'locks',
                    'maintenance',
                    'migrations',
                )
            },
            **dict.fromkeys(('GeneralIndex', 'Pattern', 'Prefix', 'Suffix'), 'rom.index'),
            **dict.fromkeys(('_disable_lua_writes', '_enable_lua_writes'), 'rom._core.old_names'),
            'AsyncSession': 'rom._core.sessions.async_session',
            'Session': 'rom._core.sessions.sync_session',
            **dict.fromkeys(('Mixin', 'TypedModel'), 'rom._core.annotations.typed_model'),
            **dict.fromkeys(('column', 'related', 'relation'), 'rom._core.annotations.specifiers'),
            'id_of': 'rom._core.annotations.relation_id',
            'Duration': 'rom._core.columns.durations',
            'Enum': 'rom._core.columns.enums',
            'IPAddress': 'rom._core.columns.addresses',
            'LinkCollection': 'rom._core.columns.link_collections',
            'List': 'rom._core.columns.lists',
            'ManyToMany': 'rom._core.columns.many_to_many',
            'ReverseLinkCollection': 'rom._core.columns.reverse_links',
            'Set': 'rom._core.columns.lists',
            'Shards': 'rom._core.sharding.shards',
            'Typed': 'rom._core.columns.typed',
            'UUID': 'rom._core.columns.uuids',
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

publish(
    __name__,
    *(CASE_INSENSITIVE, FULL_TEXT, IDENTITY, IDENTITY_CI, IDENTITY_STRING, IDENTITY_STRING_CI),
    *(SIMPLE, GeoIndex, connect),
)
