"""Shards: a group of models whose rows are divided among partitions."""

from __future__ import annotations

from functools import cached_property
from itertools import count
from os import getpid
from secrets import randbelow  # the sequence of `random` is the program's
from typing import Any, Final
from weakref import WeakSet

from rom._core.encoding.text import as_bytes, show
from rom._core.sharding.tags import MOST_PARTITIONS, tag_of
from rom.exceptions import ORMError

_WRONG: Final = frozenset('{}:')


class Shards:
    """A group of models whose rows are divided among partitions.

    Each partition has its own hash tag, so a Redis Cluster can keep the partitions on different
    nodes. Models of one group share the partitions: rows of several models in one partition are
    written in one atomic commit. On a single server, the same declaration works as well.

    A model belongs to a group by ``_shards``. One of these decides the partition of a new row:

    * ``_shard_by = 'tenant'``: the value of a column. It cannot change later.
    * ``_shard_with = 'user'``: the row is stored beside the row that this relation refers to. For a
      relation to the model itself, a row without a value is the root of a tree; ``_shard_by``
      decides the partition of roots, if the model has both.
    * neither: all such new rows of one commit share a partition, chosen in turn.

    Args:
        name: the name of the group, a str without braces and colons.
        partitions: the number of partitions, from 1 to 512. It is stored beside the data, and
            cannot change later.

    Attributes:
        name: as given.
        partitions: as given.

    Raises:
        ORMError: the name or the number is wrong.

    Example::

        shop = rom.Shards('shop', 64)

        class User(rom.Model):
            _shards, _shard_by = shop, 'tenant'
            tenant = rom.Integer(index=True)

        class Order(rom.Model):
            _shards, _shard_with = shop, 'user'
            user = rom.ManyToOne('User', on_delete='cascade')
    """

    def __init__(self, name: str, partitions: int = 64) -> None:
        if not isinstance(name, str) or not name or not _WRONG.isdisjoint(name):
            raise ORMError(f'Shards(name): expected a str without braces and ":", got {show(name)}')
        as_bytes(name)
        is_number = isinstance(partitions, int) and not isinstance(partitions, bool)
        if not is_number or not 1 <= partitions <= MOST_PARTITIONS:
            raise ORMError(
                f'Shards({show(name)}, partitions): expected an int from 1 to {MOST_PARTITIONS}, '
                f'got {show(partitions)}'
            )
        self.name = name
        self.partitions = partitions
        self._members: WeakSet[Any] = WeakSet()
        self._tags: dict[int, str] = {}
        self._turns: Any = None
        self._process = 0

    def __repr__(self) -> str:
        return f'Shards({self.name!r}, {self.partitions})'

    @cached_property
    def _key(self) -> bytes:
        """Hash: the declaration, as stored beside the data."""
        return as_bytes(f'{{{self.name}}}:shards')

    def tag(self, number: int) -> str:
        """Return the hash tag of a partition, without braces.

        Example::

            rom.Shards('shop', 64).tag(17)    # 'shop:017.0068'
        """
        tag = self._tags.get(number)
        if tag is None:
            tag = self._tags[number] = tag_of(self.name, number, self.partitions)
        return tag

    def partition_of(self, id: int) -> int:
        """Return the number of the partition with the row of an id, from 0.

        Example::

            shop.partition_of(user.id)
        """
        return (id - 1) % self.partitions

    def _next_partition(self) -> int:
        """Return a partition for new rows: each in turn, from a random one in each process."""
        if self._process != getpid():
            self._process, self._turns = getpid(), count(randbelow(self.partitions))
        turn: int = next(self._turns)
        return turn % self.partitions
