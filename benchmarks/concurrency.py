"""Requests a second of asyncio tasks that run at the same time, as ratios; writes a table.

    scripts/bench --concurrency               # docs/benchmarks/concurrency.txt
    python -m benchmarks.concurrency --rounds 3 --to /somewhere.txt

It starts a server of its own. Each request is made by 1, 50 and 500 tasks, each in a session of its
own: by the shared connections of the client, and by a client that has none, which takes a
connection of its pool for each request. Both are compared with HGETALL of redis-py. The ways take
turns; what counts is the best of several rounds, because others may use the machine as well.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

import redis
import redis.asyncio

import rom
from rom.embedded import open_server

TO: Final = Path(__file__).parents[1] / 'docs' / 'benchmarks' / 'concurrency.txt'
TASKS: Final = (1, 50, 500)
USERS: Final = 2000
#: Requests of one measurement.
REQUESTS: Final = 1500

#: A request of a task; the number says for which user.
Request: TypeAlias = Callable[[redis.asyncio.Redis, int], Awaitable[object]]


class ConcurrentUser(rom.Model):
    """The entity that is read and written."""

    email = rom.Text(unique=True, required=True)
    name = rom.Text(index=True, keygen=rom.FULL_TEXT)
    city = rom.Text(index=True, keygen=rom.IDENTITY)
    age = rom.Integer(index=True, default=0)
    score = rom.Float(index=True)


class PoolClient(redis.asyncio.Redis):
    """A client that has no shared connections, because it has commands of its own."""

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """Carry out a command."""
        library: Any = super()
        return await library.execute_command(*args, **options)


async def get(client: redis.asyncio.Redis, number: int) -> object:
    """Read a user by id."""
    async with rom.AsyncSession(client) as session:
        return await session.get(ConcurrentUser, number % USERS + 1)


async def get_by(client: redis.asyncio.Redis, number: int) -> object:
    """Read a user by a unique value."""
    async with rom.AsyncSession(client) as session:
        return await session.get_by(ConcurrentUser, email=f'{number % USERS}@example.org')


async def first(client: redis.asyncio.Redis, number: int) -> object:
    """Read the first ten users of a filter."""
    query = ConcurrentUser.query.filter(city=f'city {number % 20}').limit(0, 10)
    async with rom.AsyncSession(client) as session:
        return await session.all(query)


async def save(client: redis.asyncio.Redis, number: int) -> object:
    """Read a user, change a column and commit."""
    async with rom.AsyncSession(client) as session:
        user: Any = await session.get(ConcurrentUser, number % USERS + 1)
        user.age += 1
        return await session.commit()


async def hgetall(client: redis.asyncio.Redis, number: int) -> object:
    """Read a row with the client library alone."""
    commands: Any = client
    return await commands.hgetall(f'ConcurrentUser:{number % USERS + 1}')


REQUESTS_OF: Final[dict[str, Request]] = {
    '``get`` by id': get,
    '``get_by`` of a unique value': get_by,
    'first 10 of a filter': first,
    '``get``, change, commit': save,
}


class Speed(NamedTuple):
    """Requests in a second, of the clock and of the program's processor time."""

    wall: float
    busy: float

    def best(self, other: Speed) -> Speed:
        """Return the better one of each."""
        return Speed(max(self.wall, other.wall), max(self.busy, other.busy))


async def measure(client: redis.asyncio.Redis, request: Request, tasks: int) -> Speed:
    """Make requests by this many tasks at once."""
    numbers = iter(range(REQUESTS))

    async def work() -> None:
        for number in numbers:
            await request(client, number)

    begun, busy = time.perf_counter(), time.process_time()
    await asyncio.gather(*(work() for _ in range(tasks)))
    spent, busy = time.perf_counter() - begun, time.process_time() - busy
    return Speed(REQUESTS / spent, REQUESTS / busy)


async def run(path: str, rounds: int) -> list[tuple[str, int, Speed, Speed, Speed]]:
    """Return the speeds of each request: shared, by the pool, and of HGETALL."""
    shared = redis.asyncio.Redis(unix_socket_path=path)
    pool = PoolClient(unix_socket_path=path, max_connections=max(TASKS))
    found = []
    for tasks in TASKS:
        for name, request in REQUESTS_OF.items():
            best = {way: Speed(0, 0) for way in ('shared', 'pool', 'hgetall')}
            for _ in range(rounds):
                ways = ((shared, request), (pool, request), (pool, hgetall))
                for way, (client, what) in zip(best, ways, strict=True):
                    best[way] = best[way].best(await measure(client, what, tasks))
            found.append((name, tasks, best['shared'], best['pool'], best['hgetall']))
            print(found[-1], flush=True)
    await shared.aclose()
    await pool.aclose()
    return found


def table(found: list[tuple[str, int, Speed, Speed, Speed]]) -> str:
    """Return the ratios as reStructuredText."""
    lines = [
        f'{USERS:,} users. The ratios are of requests a second; in brackets, of requests in a',
        "second of the program's processor time.",
        '',
        '.. list-table::',
        '   :header-rows: 1',
        '   :widths: 40 12 24 24',
        '',
        '   * - request',
        '     - tasks',
        '     - of the pool',
        '     - of ``HGETALL``',
    ]
    for name, tasks, shared, pool, plain in found:
        lines += [f'   * - {name}', f'     - {tasks}']
        for other in (pool, plain):
            ratios = f'{shared.wall / other.wall:.1f} ({shared.busy / other.busy:.1f})'
            lines.append(f'     - {ratios}')
    return '\n'.join(lines) + '\n'


def main(arguments: list[str] | None = None) -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(prog='benchmarks.concurrency', description=__doc__)
    parser.add_argument('--rounds', type=int, default=5, help='the best of them counts; 5')
    parser.add_argument('--to', type=Path, default=TO, help='the file of the table')
    options = parser.parse_args(arguments)
    server = open_server()
    rom.util.CONNECTION = redis.Redis(unix_socket_path=str(server.socket))
    with rom.Session() as session:
        for number in range(USERS):
            ConcurrentUser(
                email=f'{number}@example.org', name=f'name{number} of all',
                city=f'city {number % 20}', age=number % 90, score=number * 1.5,
            )  # fmt: skip
        session.commit()
    options.to.write_text(table(asyncio.run(run(str(server.socket), options.rounds))))
    server.close()


if __name__ == '__main__':
    main()
