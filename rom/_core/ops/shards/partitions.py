"""Partitions of a group of models: their keys, and the home of a unique value.

A partition is a namespace of its own for each model of the group, in one hash slot. Beside the keys
of the models it has a few keys of its own, which exist while a commit over several partitions is
under way: see `lua/lib/intents.lua`, `lua/lib/prepared.lua` and `lua/shard_decide.lua`.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import cache, lru_cache
from typing import Any, NamedTuple

from rom._core.encoding.text import as_bytes, as_text, show
from rom._core.encoding.wire import pack
from rom._core.ops.requests import Script
from rom._core.schema import Schema
from rom._core.sharding.shards import Shards
from rom._core.sharding.tags import number_of_value
from rom.exceptions import CorruptRowError

_UNIQUE, _DIRECTORY = b':uidx', b':dir'


class Entry(NamedTuple):
    """Entry of a directory or intent on a row: a transaction, and where to ask about it.

    Attributes:
        partition: the partition that has the value; for an intent, the one of the coordinator.
        token: the token of the transaction.
        second: when it was written, by the server's clock: seconds since 1970.
        raw: the stored bytes.
    """

    partition: int
    token: bytes
    second: int
    raw: bytes


class Partitions:
    """The partitions of a group.

    Args:
        size: their number.
        tag: returns the prefix of all keys of a partition, with its hash tag.

    >>> partitions = Partitions(2, lambda number: b'{shop:%d}' % number)
    >>> partitions.head(1), partitions.home(b'123456789')
    (b'{shop:1}:', 1)
    """

    __slots__ = ('size', 'tag')

    def __init__(self, size: int, tag: Callable[[int], bytes]) -> None:
        self.size, self.tag = size, tag

    def head(self, number: int) -> bytes:
        """Return the prefix of the keys that a partition has beside those of its models."""
        return self.tag(number) + b':'

    def notes(self, number: int) -> bytes:
        """Return the prefix of the notes of attempts in a partition."""
        return self.tag(number) + b':done:'

    def intents(self, number: int) -> bytes:
        """Return the key of the hash of intents of a partition."""
        return self.tag(number) + b':intents'

    def unfinished(self, number: int) -> bytes:
        """Return the key of the hash of what a partition has decided, as the coordinator."""
        return self.tag(number) + b':unfinished'

    def home(self, value: bytes) -> int:
        """Return the partition whose directory has a unique value."""
        return number_of_value(value, self.size)

    def name(self, number: int, key: bytes) -> bytes:
        """Return what a key of a partition is called in all of them: the key behind its tag."""
        return key[len(self.tag(number)) :]

    def directory(self, name: bytes, value: bytes) -> bytes:
        """Return the key of the directory with a value of a unique constraint."""
        return self.directory_in(self.home(value), name)

    def directory_in(self, number: int, name: bytes) -> bytes:
        """Return the key of the directory of a unique constraint in a partition."""
        return self.tag(number) + name.removesuffix(_UNIQUE) + _DIRECTORY

    def unique_in(self, number: int, directory: bytes) -> bytes:
        """Return the key of the values that a partition has of the constraint of a directory.

        >>> partitions = Partitions(2, lambda number: b'{shop:%d}' % number)
        >>> partitions.unique_in(1, b'{shop:0}User:email:dir')
        b'{shop:1}User:email:uidx'
        """
        name = directory[directory.index(b'}') + 1 :].removesuffix(_DIRECTORY)
        return self.tag(number) + name + _UNIQUE

    def entry(self, raw: bytes, key: bytes) -> Entry:
        """Read an entry of a directory, or an intent, from its stored form.

        Args:
            raw: the stored bytes.
            key: the key of their hash, for the error.

        Raises:
            CorruptRowError: they have another form, or name a partition that the group lacks.
        """
        with suppress(ValueError):
            partition, token, second = raw.split(b':')
            entry = Entry(int(partition), token, int(second), raw)
            if 0 <= entry.partition < self.size:
                return entry
        remedy = 'rom check --repair' if key.endswith(_DIRECTORY) else f'HDEL {as_text(key)}'
        raise CorruptRowError(
            f'the hash {as_text(key)} holds {show(raw)}, where rom keeps partition:token:second '
            f'with a partition from 0 to {self.size - 1}; rom did not write that. Find its field '
            f'with HGETALL, and mend it with {remedy}',
            key=as_text(key),
            value=raw,
        )

    def call(self, script: str, number: int, token: bytes, **asked: Any) -> Script:
        """Return a call of a script about a transaction, in a partition."""
        request = {'head': self.head(number), 'token': token, **asked}
        return Script(script, self.notes(number) + token, pack(request))


@cache
def partitions_of(shards: Shards) -> Partitions:
    """Return the partitions of a group that a program has declared."""
    return Partitions(shards.partitions, lambda number: as_bytes(f'{{{shards.tag(number)}}}'))


@lru_cache(maxsize=1024)
def local_keys(schema: Schema) -> frozenset[bytes]:
    """Return the keys of the unique constraints that each partition holds alone.

    The values of a row decide its partition there, so rows with equal values are in the same one.

    Args:
        schema: the schema of a partition.
    """
    if schema.part is None:
        return frozenset()
    deciders = {*schema.part.whole.placement.deciders}
    return frozenset(one.key for one in schema.uniques if not deciders.isdisjoint(one.columns))
