"""A migration of a catalogue beside writers, whose migrator is killed again and again."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import redis

import rom
import rom.maintenance
from tests.support.patience import PATIENCE, eventually
from tests.support.servers import Server

pytestmark = [
    pytest.mark.slow,
    pytest.mark.one_server,
    pytest.mark.filterwarnings('ignore::rom.StaleIndexWarning', 'ignore::rom.MigrationWarning'),
]
ROOT = Path(__file__).parents[4]
ROWS = 160
RECORD = ('live:id:migrations', 'cents')

#: The rows behind the one where a program is to be killed, at which it waits for that.
MARGIN = 24

# A second run of `cents` on a row would double its cents, and n counts the runs.
PROGRAM = """
import os, time
import rom
from rom.migrations import Migration, drop, rename

class Live(rom.Model):
    _namespace = 'live'
    sku = rom.Text(unique=True, index=True, keygen=rom.IDENTITY)
    cents = rom.Integer(index=True)
    stock = rom.Integer(index=True)
    n = rom.Integer()

def cents(row):
    while row.id > int(os.environ.get('LAST_ROW', row.id)):
        time.sleep(1)
    if row['price'] is None:
        return  # a program with the new declaration made this row
    row['cents'] = (row['cents'] or 0) + round(row['price'] * 100)
    row['n'] = (row['n'] or 0) + 1

first = Migration('cents', Live, rename('code', 'sku'), cents, was={'price': rom.Float()})
last = Migration('price', Live, drop('price'))
"""


def model_before() -> type[rom.Model]:
    class Live(rom.Model):
        code = rom.Text(unique=True, index=True, keygen=rom.IDENTITY)
        price = rom.Float(index=True)
        stock = rom.Integer(index=True)
        _namespace = 'live'

    return Live


class Writer(threading.Thread):
    """A program with the new declaration. What it notes was acknowledged.

    Attributes:
        stock: the units that were added, by id.
        cents: the cents that were added to rows that were migrated already, by id.
        made: the skus of new rows.
        deleted: the ids of deleted rows.
    """

    def __init__(self, model: type[rom.Model], server: Server, seed: int) -> None:
        super().__init__(daemon=True)
        self.stock: dict[int, int] = {}
        self.cents: dict[int, int] = {}
        self.made: list[str] = []
        self.deleted: set[int] = set()
        self.failure: BaseException | None = None
        self.is_over = threading.Event()
        self._model, self._server, self._dice, self._seed = model, server, random.Random(seed), seed

    def run(self) -> None:
        try:
            with self._server.connect() as client:
                while not self.is_over.is_set():
                    with rom.Session(client):
                        self._write()
                    self.is_over.wait(0.001)
        except BaseException as error:
            self.failure = error

    def _write(self) -> None:
        model, id = self._model, self._dice.randint(1, ROWS)
        what = self._dice.random()
        if what < 0.02:
            sku = f'new-{self._seed}-{len(self.made)}'
            model(sku=sku, cents=1, stock=0).save()
            self.made.append(sku)
        elif what < 0.03 and id % 2 == self._seed:
            # Only one of the writers deletes this row.
            if model.query.filter(id=id).delete():
                self.deleted.add(id)
        elif what < 0.6:
            if model.query.filter(id=id).update(stock=model.stock + 1):  # type: ignore[attr-defined]
                self.stock[id] = self.stock.get(id, 0) + 1
        else:
            self._add_cent(id)

    def _add_cent(self, id: int) -> None:
        """Change a column that the migration writes, by a save under the optimistic lock."""
        entity = self._model.get(id)
        if entity is None or entity.cents is None:  # type: ignore[attr-defined]
            return
        entity.cents += 1  # type: ignore[attr-defined]
        try:
            entity.save()  # type: ignore[attr-defined]
        except (rom.DataRaceError, rom.EntityDeletedError):
            rom.session.rollback()
        else:
            self.cents[id] = self.cents.get(id, 0) + 1


class LiveMigrator:
    """The command, as a program in a folder with the migrations."""

    def __init__(self, folder: Path, server: Server, raw: redis.Redis) -> None:
        (folder / 'live_migrations.py').write_text(PROGRAM)
        self._folder, self._server, self._raw = folder, server, raw

    def start(self, *options: str, **variables: str) -> subprocess.Popen[bytes]:
        environment = {
            **os.environ,
            **variables,
            'PYTHONPATH': str(ROOT),
            'ROM_REDIS_URI': f'unix://{self._server.socket}',
        }
        command = [sys.executable, '-m', 'rom.cli', 'migrate', 'live_migrations', *options]
        return subprocess.Popen(command, cwd=self._folder, env=environment, stderr=subprocess.PIPE)

    def kill_at(self, place: int) -> None:
        """Run it, and kill it when the rows up to this id are done, wherever it is then."""
        last = str(place + MARGIN)
        with self.start('--take-over', '--batch', '8', '--rate', '800', LAST_ROW=last) as program:
            eventually(lambda: self.after() >= place)
            assert program.poll() is None
            program.send_signal(signal.SIGKILL)

    def after(self) -> int:
        """Return the last id that is done."""
        record = self._raw.hget(*RECORD)
        return 0 if record is None else int(json.loads(record)['after'])


def test_beside_writers_and_killed(tmp_path: Path, server: Server, raw: redis.Redis) -> None:
    rom.util.CONNECTION = raw
    old = model_before()
    for number in range(1, ROWS + 1):
        old(code=f'code-{number}', price=number / 4, stock=0)
    rom.session.commit()
    rom.session.rollback()
    rom.MODELS.clear()
    scope: dict[str, type[rom.Model]] = {'__name__': __name__}  # type: ignore[dict-item]
    exec(PROGRAM, scope)
    model = scope['Live']
    writers = [Writer(model, server, seed) for seed in range(2)]
    migrator, dice = LiveMigrator(tmp_path, server, raw), random.Random(5)
    for writer in writers:
        writer.start()
    for place in sorted(dice.sample(range(1, ROWS * 3 // 4), 3)):
        migrator.kill_at(place)
    with migrator.start('--take-over') as program:
        _, said = program.communicate(timeout=PATIENCE)
    for writer in writers:
        writer.is_over.set()
    for writer in writers:
        writer.join(PATIENCE)
    assert [writer.failure for writer in writers] == [None, None]
    assert program.returncode == 0, said
    _assert_all_is_there(raw, model, writers)


def _assert_all_is_there(raw: redis.Redis, model: type[rom.Model], writers: list[Writer]) -> None:
    deleted = {id for writer in writers for id in writer.deleted}
    for id in range(1, ROWS + 1):
        row = raw.hgetall(f'live:{id}')
        if id in deleted:
            assert row == {}
            continue
        stock = sum(writer.stock.get(id, 0) for writer in writers)
        cents = sum(writer.cents.get(id, 0) for writer in writers) + round(id / 4 * 100)
        assert row == {
            b'id': b'%d' % id, b'sku': b'code-%d' % id, b'stock': b'%d' % stock,
            b'cents': b'%d' % cents, b'n': b'1',
        }, id  # fmt: skip
    made = [sku for writer in writers for sku in writer.made]
    assert sorted(raw.hget(f'live:{id}', 'sku').decode() for id in _new_ids(raw)) == sorted(made)  # type: ignore[union-attr]
    assert {raw.hget(f'live:{id}', 'n') for id in _new_ids(raw)} <= {None}
    assert sum(sum(writer.stock.values()) for writer in writers) > 0
    assert list(rom.maintenance.check(model)) == []
    assert rom.maintenance.status(model)[0].state == 'right'


def _new_ids(raw: redis.Redis) -> list[int]:
    ids = (key[5:] for key in raw.scan_iter('live:*') if key[5:].isdigit())
    return [int(id) for id in ids if int(id) > ROWS]
