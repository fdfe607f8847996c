"""Hash tags of partitions, chosen so that the partitions divide the slots of a cluster evenly.

Tags with nothing but numbers fall into slots at random. Then the busiest of three nodes has 1.3 to
1.5 times the mean number of partitions. So a tag ends in a number that puts partition k of n into
the k-th n-th of the slots, where a cluster that divides its slots evenly divides the partitions as
well. All tags of a group have one width, so that the keys of all partitions take the same memory.
"""

from __future__ import annotations

from binascii import crc_hqx
from typing import Final

#: The number of hash slots of a cluster.
SLOTS: Final = 16_384
#: The most partitions of a group. The search for a tag finds none with a probability below 1e-8.
MOST_PARTITIONS: Final = 512
#: The version of this choice, stored beside the data.
VERSION: Final = 1
_ENDINGS: Final = 10_000


def slot_of_tag(tag: bytes) -> int:
    """Return the hash slot of the keys with a tag.

    >>> slot_of_tag(b'123456789')
    12739
    """
    return crc_hqx(tag, 0) % SLOTS


def tag_of(group: str, number: int, count: int) -> str:
    """Return the tag of a partition.

    Args:
        group: the name of the group.
        number: the number of the partition, from 0.
        count: the number of partitions.

    >>> tag_of('shop', 17, 64), slot_of_tag(b'shop:017.0068') * 64 // SLOTS == 17
    ('shop:017.0068', True)
    """
    stem = f'{group}:{number:03}.'.encode('utf-8', 'surrogatepass')
    low, high = number * SLOTS // count, (number + 1) * SLOTS // count
    # The checksum of the stem is computed once: that of a longer text continues it.
    begun = crc_hqx(stem, 0)
    for ending in range(_ENDINGS):
        if low <= crc_hqx(b'%04d' % ending, begun) % SLOTS < high:
            return f'{group}:{number:03}.{ending:04}'
    raise AssertionError(f'no tag for partition {number} of {count} of {group!r}')


def number_of_value(value: bytes, count: int) -> int:
    """Return the partition of a `_shard_by` value, or of the directory of a unique value.

    >>> number_of_value(b'123456789', 64)
    3
    """
    return crc_hqx(value, 0) % count
