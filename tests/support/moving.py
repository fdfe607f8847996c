"""A move for tests: a model before and after it, a writer beside it, and faults at any trip."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import rom
from rom._core.drivers.async_driver import AsyncDriver
from rom._core.drivers.sync_driver import SyncDriver
from tests.support.worlds import Front

GROUP = 'town'
PARTITIONS = 3
COLUMNS = ('name', 'email', 'age')


def before(**more: Any) -> Any:
    """The model as programs have it that know no partitions."""
    return _resident(**more)


def after(**more: Any) -> Any:
    """The model as programs have it from the move on."""
    return _resident(_shards=rom.Shards(GROUP, PARTITIONS), **more)


def _resident(**more: Any) -> Any:
    forget('Resident')
    body = {
        '__module__': __name__,
        'name': rom.Text(index=True, prefix=True, keygen=rom.IDENTITY),
        'email': rom.Text(unique=True),
        'age': rom.Integer(index=True),
    }
    return type('Resident', (rom.Model,), {**body, **more})


def forget(name: str) -> None:
    """Take a model out of the registries, so that another one may have its name."""
    for each in [each for each, model in rom.MODELS.items() if model.__name__ == name]:
        del rom.MODELS[each]


def fill(model: Any, count: int) -> dict[int, dict[str, Any]]:
    """Save residents, delete every fifth; return the values of the others by id."""
    with rom.Session() as session:
        made = [model(name=f'n{n % 4}', email=f'e{n}', age=n) for n in range(1, count + 1)]
        session.commit()
        session.delete(*made[4::5])
    return stored(model)


def stored(model: Any) -> dict[int, dict[str, Any]]:
    """The values of all rows by id."""
    with rom.Session() as session:
        rows = session.all(model.query)
        return {row.id: {name: getattr(row, name) for name in COLUMNS} for row in rows}


class Died(Exception):
    """The run of the move ends here."""


class Trips:
    """Counts the round trips of moves, and does something at each of them.

    Attributes:
        count: the number of trips so far.
        act: is called before each trip with its number, from 1.
        request: the request of the trip.
        dies_before, dies_after: the numbers of the trips before or after which the run ends.
    """

    def __init__(self) -> None:
        self.count = 0
        self.request: Any = None
        self.act: Callable[[int], None] = lambda number: None
        self.dies_before = self.dies_after = 0
        self._is_inside = False

    @contextmanager
    def met(self, request: Any) -> Iterator[None]:
        """Count a trip, unless it is one of what `act` does."""
        if self._is_inside:
            yield
            return
        self.count += 1
        self.request = request
        number = self.count
        self._is_inside = True
        try:
            self.act(number)
        finally:
            self._is_inside = False
        if number == self.dies_before:
            raise Died
        yield
        if number == self.dies_after:
            raise Died

    @contextmanager
    def noted(self, monkeypatch: pytest.MonkeyPatch, kind: str) -> Iterator[None]:
        """Count the trips of one driver in this block."""
        driver: Any = SyncDriver if kind == 'sync' else AsyncDriver
        real, trips = driver.perform, self

        @functools.wraps(real)
        def block(self: Any, request: Any) -> Any:
            with trips.met(request):
                return real(self, request)

        @functools.wraps(real)
        async def wait(self: Any, request: Any) -> Any:
            with trips.met(request):
                return await real(self, request)

        with monkeypatch.context() as patched:
            patched.setattr(driver, 'perform', block if kind == 'sync' else wait)
            yield


class Mover:
    """Runs of a move, by either front."""

    def __init__(self, front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
        self.front, self.trips = front, Trips()
        self._monkeypatch = monkeypatch

    def run(self, model: Any, **options: Any) -> list[tuple[int, int]]:
        """Move the rows of a model; return the progress."""
        with self.trips.noted(self._monkeypatch, self.front.kind):
            return list(self.front.shard(model, GROUP, **{'batch': 4, **options}))

    def dies(self, model: Any, before: int = 0, after: int = 0) -> bool:
        """Run a move that ends before or after a trip; return False if it ended by itself."""
        self.trips.count = 0
        self.trips.dies_before, self.trips.dies_after = before, after
        try:
            self.run(model)
        except Died:
            return True
        finally:
            self.trips.dies_before = self.trips.dies_after = 0
        return False


class Neighbour:
    """A program without partitions that writes and reads residents beside a move.

    Attributes:
        expected: what its writes that succeeded have left, by id.
        last: the last id that it was given.
        refused: the number of its operations that were refused because of the move.
        done: the number of its writes that succeeded.
    """

    def __init__(self, model: Any, expected: dict[int, dict[str, Any]], seed: int) -> None:
        self.model, self.expected = model, expected
        self.refused = self.done = 0
        self.last = max(expected)
        self._random = random.Random(seed)
        self._number = 1000

    def act(self, number: int = 0) -> None:
        """Do something."""
        kind = self._random.choice([self.change, self.swap, self.insert, self.delete, self.read])
        with rom.Session() as session:
            try:
                kind(session)
            except rom.ModelMovedError:
                self.refused += 1

    def read(self, session: Any) -> None:
        id = self._random.choice(list(self.expected))
        row = session.get(self.model, id)
        assert row is not None, id
        assert {name: getattr(row, name) for name in COLUMNS} == self.expected[id]

    def change(self, session: Any) -> None:
        id = self._random.choice(list(self.expected))
        row = session.get(self.model, id)
        values = {'age': self._random.randrange(99), 'name': f'n{self._random.randrange(4)}'}
        if self._random.random() < 0.3:
            self._number += 1
            values['email'] = f'e{self._number}'
        row.update(**values)
        session.commit()
        self.expected[id].update(values)
        self.done += 1

    def swap(self, session: Any) -> None:
        """Exchange the unique values of two rows."""
        ids = self._random.sample(list(self.expected), 2)
        one, other = (session.get(self.model, id) for id in ids)
        one.email, other.email = other.email, one.email
        session.commit()
        one, other = (self.expected[id] for id in ids)
        one['email'], other['email'] = other['email'], one['email']
        self.done += 1

    def insert(self, session: Any) -> None:
        self._number += 1
        values = {'name': 'new', 'email': f'e{self._number}', 'age': self._number}
        row = self.model(**values)
        session.save(row)
        self.expected[row.id] = values
        self.last = row.id
        self.done += 1

    def delete(self, session: Any) -> None:
        if len(self.expected) > 5:
            id = self._random.choice(list(self.expected))
            session.delete(session.get(self.model, id))
            del self.expected[id]
            self.done += 1


def assert_moved(model: Any, expected: dict[int, dict[str, Any]], last: int = 0) -> None:
    """The partitions have these rows, with all that they imply; new ids are new."""
    assert stored(model) == expected
    # A run that died may have claimed a value that its row has given up since.
    found = {finding.kind for finding in rom.maintenance.check(model, repair=True)}
    assert found <= {'leftover'}
    assert list(rom.maintenance.check(model)) == []
    with rom.Session() as session:
        for id, values in list(expected.items())[:3]:
            found = session.get_by(model, email=values['email'])
            assert found.id == id
            with pytest.raises(rom.UniqueKeyViolation):
                session.save(model(email=values['email']))
            session.rollback()
        made = []
        for number in range(PARTITIONS):
            made.append(model(email=f'later {number}'))
            session.save(made[-1])
        assert min(one.id for one in made) > max(last, *expected)
        session.delete(*made)
