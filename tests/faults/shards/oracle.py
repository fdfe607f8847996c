"""What must hold after a schedule, by the rows and by what the clients were told."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

import redis

import rom
from rom import maintenance
from tests.faults.shards.group import (
    ACCOUNTS,
    GOLD,
    PARTITIONS,
    SCHEMAS,
    SIZE,
    CheckedRow,
    account,
    unique_key,
)
from tests.faults.shards.stories import DONE, NOT_DONE

Rows = dict[tuple[int, int], dict[str, bytes]]


def problems(
    connection: redis.Redis, outcomes: dict[str, str], with_indexes: bool = False
) -> list[str]:
    """What is wrong with the stored data; nothing is left to do for any transaction."""
    rows = dict(_rows(connection))
    found = [*_uniques(connection, rows), *_trades(rows, outcomes), *_left(connection)]
    found += _inserts(rows, outcomes)
    return [*found, *_indexes(connection)] if with_indexes and not found else found


def _rows(connection: redis.Redis) -> Iterator[tuple[tuple[int, int], dict[str, bytes]]]:
    for number, schema in enumerate(SCHEMAS):
        head = schema.keys.head
        for key in connection.scan_iter(head + b'*', 1000):
            tail = key[len(head) :]
            if tail.isdigit():
                raw: Any = connection.hgetall(key)
                yield (number, int(tail)), {name.decode(): value for name, value in raw.items()}


def _uniques(connection: redis.Redis, rows: Rows) -> Iterator[str]:
    """Each value has one owner, which the hash of its partition and the directory name."""
    for column in ('email', 'ref'):
        holders = defaultdict(list)
        for place, row in rows.items():
            if row.get(column):
                holders[row[column]].append(place)
        for value, places in holders.items():
            if len(places) > 1:
                yield f'two owners of {column} {value!r}: {places}'
            number, id = places[0]
            if connection.hget(unique_key(number, column), value) != b'%d' % id:
                yield f'unique hash: {column} {value!r} of {places}'
            name = PARTITIONS.name(number, unique_key(number, column))
            entry: Any = connection.hget(PARTITIONS.directory(name, value), value)
            if entry is None or int(entry.partition(b':')[0]) != number:
                yield f'directory: {column} {value!r} is in partition {number}, not {entry!r}'


def leftovers(connection: redis.Redis) -> list[str]:
    """The entries of directories that no row needs."""
    found = []
    for column in ('email', 'ref'):
        name = PARTITIONS.name(0, unique_key(0, column))
        for number in range(SIZE):
            entries: Any = connection.hgetall(PARTITIONS.directory_in(number, name))
            for value, entry in entries.items():
                if not connection.hexists(unique_key(int(entry.partition(b':')[0]), column), value):
                    found.append(f'leftover: {column} {value!r}: {entry!r}')
    return found


def _trades(rows: Rows, outcomes: dict[str, str]) -> Iterator[str]:
    """No half of a trade, none twice, none that was acknowledged and is missing."""
    trades = {row['ref'].decode(): row for row in rows.values() if row.get('kind') == b'trade'}
    expected = Counter[int]()
    seen = defaultdict(list)
    for name, row in trades.items():
        for column, sign in (('one', -1), ('other', 1)):
            expected[int(row[column])] += sign * int(row['delta'])
            seen[int(row[column])].append(name)
    for place in range(ACCOUNTS):
        row = rows[account(place)]
        gold = GOLD + int(row['grants']) + expected[place]
        if int(row['gold']) != gold:
            yield f'half of something: account {place} has {row["gold"]!r}, expected {gold}'
        if sorted(row.get('trades', b'').decode().split()) != sorted(seen[place]):
            yield f'account {place} knows {row.get("trades")!r}, expected {seen[place]}'
    for name, outcome in outcomes.items():
        if name.startswith('trade'):
            if outcome == DONE and name not in trades:
                yield f'{name} was acknowledged, and is missing'
            if outcome == NOT_DONE and name in trades:
                yield f'{name} was refused, and is there'


def _inserts(rows: Rows, outcomes: dict[str, str]) -> Iterator[str]:
    """No insert that was refused is there. (Others delete those that were acknowledged.)"""
    for row in rows.values():
        name = row.get('ref', b'').decode().partition('-')[0]
        if name.startswith('insert') and outcomes[name] == NOT_DONE:
            yield f'{name} was refused, and is there'


def _left(connection: redis.Redis) -> Iterator[str]:
    for number in range(SIZE):
        for name in (b'intents', b'prepared', b'unfinished'):
            if connection.exists(PARTITIONS.head(number) + name):
                yield f'left over in partition {number}: {name.decode()}'


def _indexes(connection: redis.Redis) -> Iterator[str]:
    rom.util.CONNECTION = connection
    for finding in maintenance.check(CheckedRow):
        # Ids are not taken from the counter here, and late requests leave entries.
        if finding.kind not in ('counter', 'leftover'):
            yield f'check: {finding}'
