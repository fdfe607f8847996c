"""Partitions of a group of models: their keys, and the home of a unique value.

A partition is a namespace of its own for each model of the group, in one hash slot. Beside the keys
of the models it has a few keys of its own, which exist while a commit over several partitions is
under way: see `lua/lib/intents.lua`, `lua/lib/prepared.lua` and `lua/shard_decide.lua`.
"""

from __future__ import annotations

from binascii import crc_hqx
from typing import Any, NamedTuple

from rom._core.encoding.text import as_text, show
from rom._core.encoding.wire import pack
from rom._core.ops.requests import Script
from rom.exceptions import CorruptRowError

_UNIQUE, _DIRECTORY = b':uidx', b':dir'


class Entry(NamedTuple):
    """Entry of a directory or intent on a row: a transaction, and where to ask about it.

    Attributes:
        partition: of an entry of a directory, the partition that has the value; of an intent, the
            partition of the coordinator.
        token: the token of the transaction.
        second: when it was written, by the server's clock: seconds since 1970.
        raw: the stored bytes.
    """

    partition: int
    token: bytes
    second: int
    raw: bytes

    @classmethod
    def parse(cls, raw: bytes) -> Entry:
        """Read an entry from its stored form.

        Raises:
            CorruptRowError: it has another form.
        """
        try:
            partition, token, second = raw.split(b':')
            return cls(int(partition), token, int(second), raw)
        except ValueError:
            raise CorruptRowError(
                f'expected partition:token:second, got {show(raw)}; rom did not write that: find '
                'it in the hashes of the group that end in :dir or :intents, and remove it',
                key='',
                value=raw,
            ) from None


class Partitions(NamedTuple):
    """The partitions of a group.

    Attributes:
        tags: the prefix of all keys of each partition, with its hash tag.
        local: the unique constraints that each partition holds alone, because the values of a row
            decide its partition. Each is the end of the key of its hash, behind the tag.
    """

    tags: tuple[bytes, ...]
    local: frozenset[bytes] = frozenset()

    def head(self, number: int) -> bytes:
        """Return the prefix of the keys that a partition has beside those of its models."""
        return self.tags[number] + b':'

    def notes(self, number: int) -> bytes:
        """Return the prefix of the notes of attempts in a partition."""
        return self.tags[number] + b':done:'

    def intents(self, number: int) -> bytes:
        """Return the key of the hash of intents of a partition."""
        return self.tags[number] + b':intents'

    def home(self, value: bytes) -> int:
        """Return the partition whose directory has a unique value.

        >>> Partitions((b'{a}', b'{b}')).home(b'123456789')
        1
        """
        return crc_hqx(value, 0) % len(self.tags)

    def name(self, number: int, key: bytes) -> bytes:
        """Return what a key of a partition is called in all of them: the key behind its tag."""
        return key[len(self.tags[number]) :]

    def directory(self, name: bytes, value: bytes) -> bytes:
        """Return the key of the directory with a value of a unique constraint.

        >>> Partitions((b'{a}', b'{b}')).directory(b'User:email:uidx', b'123456789')
        b'{b}User:email:dir'
        """
        return self.tags[self.home(value)] + name.removesuffix(_UNIQUE) + _DIRECTORY

    def call(self, script: str, number: int, token: bytes, **asked: Any) -> Script:
        """Return a call of a script about a transaction, in a partition."""
        request = {'head': self.head(number), 'token': token, **asked}
        return Script(script, self.notes(number) + token, pack(request))

    def shown(self, name: bytes) -> str:
        """Return the name of a unique constraint for a message, as in `User:email`."""
        return as_text(name.removesuffix(_UNIQUE))
