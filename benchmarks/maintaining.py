"""Jobs of maintenance and migrations, as ratios of the time to load the same rows; writes a table.

    scripts/bench --maintenance                # 200,000 products; docs/benchmarks/maintenance.txt
    python -m benchmarks.maintaining --rows 20000 --to /somewhere.txt

It starts a server of its own. The rows are loaded twice: by commits of a thousand entities, and
from lines of JSON as `rom load` does it. The longest that one call held the server is printed, and
not in the table: where others use the machine as well, it includes the time that they had the core.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import redis

import rom
import rom.jsonl
import rom.maintenance
import rom.migrations
from benchmarks.catalogue import product_model, products
from rom.embedded import open_server

TO = Path(__file__).parents[1] / 'docs' / 'benchmarks' / 'maintenance.txt'
_COMMITTED = 1000
_LOGGED = 1000  # microseconds: shorter calls are not logged


class Took(NamedTuple):
    """What one job took.

    Attributes:
        what: it did.
        seconds: of the clock.
        busy: seconds of the processor, in the program and in the server.
        trips: commands that the program sent.
        longest: milliseconds that one command held the server.
    """

    what: str
    seconds: float
    busy: float
    trips: int
    longest: float


class Bench:
    """Measures jobs, one after the other, on one server."""

    def __init__(self, connection: Any) -> None:
        self.took: list[Took] = []
        self._server = connection

    def measure(self, what: str, job: Callable[[], object]) -> None:
        """Run a job and note what it took."""
        server = self._server
        server.config_set('slowlog-max-len', 1000)
        server.config_set('slowlog-log-slower-than', _LOGGED)
        server.config_resetstat()
        server.slowlog_reset()
        before, begun, busy = self._busy(), time.perf_counter(), time.process_time()
        job()
        took, busy = time.perf_counter() - begun, time.process_time() - busy
        busy += self._busy() - before
        trips = sum(
            int(stat['calls'])
            for name, stat in server.info('commandstats').items()
            if name.removeprefix('cmdstat_') in ('evalsha', 'scan')
        )
        slow = [entry['duration'] for entry in server.slowlog_get(1000)]
        self.took.append(Took(what, took, busy, trips, max(slow, default=0) / 1000))
        print(self.took[-1], flush=True)

    def _busy(self) -> float:
        used = self._server.info('cpu')
        return float(used['used_cpu_user']) + float(used['used_cpu_sys'])


def commit(model: Any, rows: list[dict[str, Any]]) -> None:
    """Load rows by commits."""
    for start in range(0, len(rows), _COMMITTED):
        with rom.Session() as session:
            for row in rows[start : start + _COMMITTED]:
                model(**row)
            session.commit()


def drain(steps: Iterator[Any]) -> None:
    """Carry a job out."""
    for _ in steps:
        pass


def lose_indexes(connection: Any) -> None:
    """Delete every index, and no row."""
    for ending in ('idx', 'pre', 'suf', 'geo', 'uidx'):
        keys = list(connection.scan_iter(f'Product:*:{ending}', count=1000))
        for start in range(0, len(keys), 1000):
            connection.unlink(*keys[start : start + 1000])


def migrate(model: Any, name: str, *steps: Any) -> None:
    """Run a migration of a model, and the reindex that it needs."""
    drain(rom.migrations.migrate(rom.migrations.Migration(name, model, *steps)))


def measure_migrations(bench: Bench) -> Any:
    """Measure migrations of all rows; return the model as it is then."""
    step = rom.migrations
    rom.MODELS.clear()
    model = product_model(stock=rom.Integer(index=True), rating=rom.Integer())
    bench.measure(
        '``rom migrate``, backfill a column',
        lambda: migrate(model, 'rating', step.backfill('rating', lambda row: row['stock'] % 5)),
    )
    rom.MODELS.clear()
    maker = rom.Text(index=True, prefix=True, keygen=rom.IDENTITY)
    renamed = product_model(
        stock=rom.Integer(index=True), rating=rom.Integer(), brand=None, maker=maker
    )
    bench.measure(
        '``rom migrate``, rename an indexed column',
        lambda: migrate(renamed, 'maker', step.rename('brand', 'maker')),
    )
    return renamed


def run(count: int) -> list[Took]:
    """Measure everything, with this many rows."""
    server = open_server()
    connection = redis.Redis(unix_socket_path=str(server.socket))
    rom.util.CONNECTION = connection
    bench, rows, model = Bench(connection), list(products(count)), product_model()
    bench.measure('commits of 1,000', lambda: commit(model, rows))
    with tempfile.TemporaryFile() as file:
        for block in rom.jsonl.dump(model):
            file.write(block.text)
        connection.flushall()
        file.seek(0)
        bench.measure('``rom load``', lambda: drain(rom.jsonl.load(file, model)))
    check = rom.maintenance.check
    bench.measure('``rom check``', lambda: drain(check(model)))
    rom.MODELS.clear()
    indexed = product_model(stock=rom.Integer(index=True))
    reindex = rom.maintenance.reindex
    bench.measure('``rom reindex``, one index is new', lambda: drain(reindex(indexed)))
    bench.measure('``rom reindex``, nothing is wrong', lambda: drain(reindex(indexed)))
    lose_indexes(connection)
    bench.measure('``rom reindex``, all indexes are lost', lambda: drain(reindex(indexed)))
    assert not list(check(indexed)), 'it made them right'
    migrated = measure_migrations(bench)
    assert not list(check(migrated)), 'the indexes are those of the new columns'
    server.close()
    return bench.took


def table(took: list[Took], count: int) -> str:
    """Return a table of the docs."""
    commits, load = took[0], took[1]
    lines = [
        f'{count:,} products with ten indexes each. The ratios are of wall time; in brackets, of',
        'processor time, of the program and the server together.',
        '',
        '.. list-table::',
        '   :header-rows: 1',
        '   :widths: 45 20 20 15',
        '',
        '   * - job',
        '     - of ``rom load``',
        '     - of commits of 1,000',
        '     - calls',
    ]
    for one in took:
        lines += [
            f'   * - {one.what}',
            f'     - {one.seconds / load.seconds:.2f} ({one.busy / load.busy:.2f})',
            f'     - {one.seconds / commits.seconds:.2f} ({one.busy / commits.busy:.2f})',
            f'     - {one.trips:,}',
        ]
    return '\n'.join(lines) + '\n'


def main(arguments: list[str] | None = None) -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(prog='python -m benchmarks.maintaining')
    parser.add_argument('--rows', type=int, default=200_000, help='how many products')
    parser.add_argument('--to', type=Path, default=TO, help='the file to write')
    options = parser.parse_args(arguments)
    text = table(run(options.rows), options.rows)
    options.to.write_text(text, 'utf-8')
    print(text)


if __name__ == '__main__':
    main()
