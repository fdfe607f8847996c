"""The peers: who is measured, and what each needs to be installed.

A peer's module is imported in its own environment only: see :mod:`benchmarks.worker`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from benchmarks.operations import SMALL_SET

# The same client library for all, so that the differences are not its own.
CLIENT = ('redis==8.1.0', 'hiredis==3.5.0')
SCHEMATICS = 'schematics==2.1.1'


@dataclass(frozen=True)
class Member:
    """One of those who are measured.

    Attributes:
        name: of its module here, and of its environment.
        title: for the report.
        requires: what pip installs.
        most: the largest set of users that it is given; what takes hours with a million tells
            enough with a hundred thousand.
        most_at_once: the most users that it writes and reads together. Where each costs a trip or
            several, whether one or ten thousand, a thousand of them are enough.
        note: what the report says of how it is used.
        engine: whether it needs a server that is a search engine; 'queries': for these only.
    """

    name: str
    title: str
    requires: tuple[str, ...]
    most: int
    most_at_once: int
    note: str
    engine: Literal['', 'queries', 'all'] = ''


OURS = 'ours'
OURS_COMPOUND = 'ours_compound'
HANDWRITTEN = 'handwritten'
ROM1 = 'rom1'
REDIS_OM = 'redis_om'
REDISEARCH = 'redisearch'
OURS_SCHEMATICS = 'ours_schematics'
REDIS_SCHEMATICS = 'redis_schematics'

PEERS = (
    Member(
        OURS,
        'rom (this)',
        (*CLIENT, 'msgpack', 'six'),
        1_000_000,
        SMALL_SET,
        'The checkout as it is; all checks on.',
    ),
    Member(
        OURS_COMPOUND,
        'rom, compound',
        (*CLIENT, 'msgpack', 'six'),
        1_000_000,
        SMALL_SET,
        'The same, with compound indexes of city and score, and of city and age.',
    ),
    Member(
        HANDWRITTEN,
        'hand-written',
        CLIENT,
        1_000_000,
        SMALL_SET,
        'redis-py pipelines of a thousand entities, without transactions, that write the very keys '
        'of rom and check nothing. Getting by id is the pipelined HGETALLs alone: the fields stay '
        'bytes. Each query is written by hand for these keys, in the round trips that it needs.',
    ),
    Member(
        ROM1,
        'rom 1.1.2',
        (*CLIENT, 'rom==1.1.2'),
        1_000_000,
        SMALL_SET,
        'Used as its documents show.',
    ),
    Member(
        'walrus',
        'walrus',
        (*CLIENT, 'walrus==0.9.8'),
        100_000,
        1000,
        'Sorts with SORT, and reads each hit in two round trips. It has no unique columns (the '
        'address is an index), and no limit (the rest of the results is not read).',
    ),
    Member(
        REDIS_OM,
        'redis-om',
        (*CLIENT, 'redis-om==1.2.0'),
        100_000,
        SMALL_SET,
        'HashModel, written in pipelines with add(). It keeps no index of its own: queries and '
        'look-ups need a server module.',
        engine='queries',
    ),
    Member(
        REDISEARCH,
        'RediSearch',
        CLIENT,
        1_000_000,
        SMALL_SET,
        'redis-py, and FT commands written by hand, on a server of its own that has the module '
        'loaded. The rows are hashes, written in pipelines of a thousand. All columns are indexed, '
        'and those that are sorted, summed or grouped are sortable. The replies stay bytes. It has '
        'no unique columns: nothing checks whether an address is taken.',
        engine='all',
    ),
    Member(
        REDIS_SCHEMATICS,
        'redis-schematics',
        (*CLIENT, 'redis-schematics==0.3.1', SCHEMATICS),
        100_000,
        1000,
        'SimpleRedisMixin. It keeps no index: a filter reads everything.',
    ),
    Member(
        OURS_SCHEMATICS,
        'rom.schematics',
        (*CLIENT, 'msgpack', 'six', SCHEMATICS),
        100_000,
        1000,
        'IndexedRedisMixin of the checkout, with the same fields as redis-schematics. Writes of '
        'many are transactions of a thousand.',
    ),
)
BY_NAME = {member.name: member for member in PEERS}
