"""Migrations for tests: both fronts as they block, and a product before and after a change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import redis

import rom
import rom.aio.migrations
import rom.migrations
from tests.support.implied import assert_consistent
from tests.support.worlds import SYNC, Front, Steps

HEAD = 'ware:'


class Migrator:
    """`rom.migrations`, or `rom.aio.migrations` on the event loop of a front, as they block."""

    def __init__(self, front: Front) -> None:
        self.front = front

    @property
    def is_blocking(self) -> bool:
        return self.front.kind == SYNC

    def migrate(self, *sources: Any, **options: Any) -> Any:
        """Begin a run: an iterator of its progress."""
        if self.is_blocking:
            return rom.migrations.migrate(*sources, **options)
        return Steps(self.front.runner, rom.aio.migrations.migrate(*sources, **options))

    def run(self, *sources: Any, **options: Any) -> list[Any]:
        """Run migrations to their end."""
        return list(self.migrate(*sources, **options))

    def stop(self, steps: Any) -> None:
        """End a run between two batches."""
        if self.is_blocking:
            steps.close()
        else:
            self.front.runner.run(steps.job.aclose())

    def plan(self, *sources: Any, **options: Any) -> Any:
        if self.is_blocking:
            return rom.migrations.plan(*sources, **options)
        return self.front.runner.run(rom.aio.migrations.plan(*sources, **options))

    def status(self, *sources: Any) -> Any:
        if self.is_blocking:
            return rom.migrations.status(*sources)
        return self.front.runner.run(rom.aio.migrations.status(*sources))


def before(**more: Any) -> Any:
    """The model as the stored products were written with it."""
    return _ware(
        colour=rom.Text(index=True, prefix=True, keygen=rom.IDENTITY),
        code=rom.Text(unique=True),
        price=rom.Float(index=True),
        full=rom.Text(),
        fax=rom.Integer(index=True),
        **more,
    )


def after(**more: Any) -> Any:
    """The model as programs have it now."""
    return _ware(
        color=rom.Text(index=True, prefix=True, keygen=rom.IDENTITY),
        sku=rom.Text(unique=True, required=True),
        price=rom.Text(index=True, keygen=rom.IDENTITY),
        first=rom.Text(index=True, keygen=rom.FULL_TEXT),
        last=rom.Text(suffix=True),
        rating=rom.Integer(index=True),
        **more,
    )


def _ware(**columns: Any) -> Any:
    rom.MODELS.clear()
    stock = rom.Integer(index=True)
    body = {'__module__': __name__, '_namespace': 'ware', 'stock': stock, 'n': rom.Integer()}
    return type('Ware', (rom.Model,), {**body, **columns})


def fill(count: int = 50, **more: Any) -> Any:
    """Make products; return the model as it is now."""
    model = before(**more)
    for n in range(1, count + 1):
        model(
            colour=f'color {n % 3}', code=f'c{n}', price=n / 2, full=f'First{n} Last{n}', fax=n,
            stock=n,
        )  # fmt: skip
    rom.session.commit()
    rom.session.rollback()
    return after(**more)


def count_up(model: Any, name: str = 'count-up') -> Any:
    """Return a migration that shows how often it changed each row."""

    def up(row: rom.migrations.MigrationRow) -> None:
        row['n'] = (row['n'] or 0) + 1

    return rom.migrations.Migration(name, model, up)


def counted(raw: redis.Redis) -> list[int]:
    """Return how often each row was changed, by ascending id."""
    ids = sorted(int(key[len(HEAD) :]) for key in _rows(raw))
    return [int(raw.hget(f'{HEAD}{id}', 'n') or 0) for id in ids]  # type: ignore[arg-type]


def _rows(raw: redis.Redis) -> Iterator[bytes]:
    return (key for key in raw.scan_iter(f'{HEAD}*') if key[len(HEAD) :].isdigit())


def assert_right(raw: redis.Redis, *models: Any) -> None:
    """Every key is what the rows imply, no lock is held, and a check finds nothing."""
    for key in raw.scan_iter('lock:*'):
        assert b':void:' in key  # remembered where the answer of the server was slow
        raw.delete(key)
    assert_consistent(raw, *models)
    for model in models:
        assert list(rom.maintenance.check(model)) == []
        assert rom.maintenance.status(model)[0].state == 'right'
