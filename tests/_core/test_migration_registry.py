"""Errors of rows that lack a migration, or have one that the program does not know."""

import gc
from typing import Any

import pytest
import redis

import rom
import rom.migrations
from rom.migrations import Migration, MigrationRow, drop
from tests.support.servers import Server
from tests.support.worlds import BOTH, World

pytestmark = pytest.mark.one_server


@pytest.fixture(params=BOTH)
def world(request: pytest.FixtureRequest, server: Server) -> World:
    return World(request.param, server.socket)


@pytest.fixture
def odd(raw: redis.Redis) -> Any:
    """A model with a row that has a value of a former type."""
    rom.util.CONNECTION = raw
    model = _declared()
    model(age=5).save()
    rom.session.rollback()
    raw.hset('odd:1', 'age', 'five')
    return _declared()


def _declared() -> Any:
    """Return the model as another program knows it."""
    rom.MODELS.clear()
    return type('Odd', (rom.Model,), {'_namespace': 'odd', 'age': rom.Integer(index=True)})


def mended(row: MigrationRow) -> None:
    row['age'] = {'five': 5}[row.raw('age').decode()]  # type: ignore[union-attr]


def error_of(world: World, model: Any) -> str:
    async def story() -> str:
        async with world.session() as s:
            entity = await s.get(model, 1)
            with pytest.raises(rom.CorruptRowError) as caught:
                _ = entity.age
            return str(caught.value)

    found: str = world.run(story())
    assert found.startswith("odd:1, column 'age': the stored b'five' is not a valid Integer")
    return found.partition('or delete the row')[2]


def test_a_model_without_migrations(world: World, odd: Any, trips: list[Any]) -> None:
    trips.clear()
    assert error_of(world, odd) == ''
    assert not any('migrations' in repr(trip) for trip in trips), 'it does not ask'


def test_a_migration_that_is_missing(world: World, odd: Any, trips: list[Any]) -> None:
    migrations = [Migration('first', odd, drop('x')), Migration('ages', odd, mended)]
    trips.clear()
    sentence = (
        "The migration 'first' (and 1 more) was not finished when this program first used the "
        'model: run rom migrate'
    )
    with pytest.warns(rom.MigrationWarning) as caught:
        assert error_of(world, odd) == f'. {sentence}'
    assert str(caught[0].message) == f'Odd: {sentence}'
    assert len(trips) == 1, 'the records are read with the row'
    assert error_of(world, odd) == f'. {sentence}', 'it warns once'
    del migrations


def test_a_migration_that_was_stopped(world: World, odd: Any) -> None:
    ages = Migration('ages', odd, mended, lambda row: 1 / 0)
    with pytest.raises(rom.MigrationError):
        list(rom.migrations.migrate(ages))
    assert ages.name == 'ages'
    with pytest.warns(rom.MigrationWarning, match="Odd: The migration 'ages' was not finished"):
        assert ". The migration 'ages' was not finished" in error_of(world, odd)


def test_a_row_that_is_newer_than_the_program(world: World, odd: Any, raw: redis.Redis) -> None:
    newer = Migration('newer', odd, drop('x'))
    list(rom.migrations.migrate(newer))
    del newer
    gc.collect()
    old = _declared()
    known = Migration('known', old, drop('x'))
    sentence = (
        "The data was migrated by 'newer', which this program does not have: it may be older than "
        'the row'
    )
    with pytest.warns(rom.MigrationWarning) as caught:
        assert error_of(world, old) == f'. {sentence}'
    assert str(caught[0].message) == f'Odd: {sentence}'
    del known


def test_after_all_migrations_it_is_a_corrupt_row(world: World, odd: Any) -> None:
    done = Migration('done', odd, drop('x'))
    list(rom.migrations.migrate(done))
    assert error_of(world, odd) == ''


def test_records_that_cannot_be_read(world: World, odd: Any, raw: redis.Redis) -> None:
    """The error of the row stays what it is."""
    ages = Migration('ages', odd, mended)
    raw.set('odd:id:migrations', 'x')
    assert error_of(world, odd) == (
        '. The model has migrations: rom migrate --status shows which of them are missing'
    )
    raw.delete('odd:id:migrations')
    raw.hset('odd:id:migrations', 'ages', b'\xff{')
    again = _declared()
    ages = Migration('ages', again, mended)
    with pytest.warns(rom.MigrationWarning):
        assert "The migration 'ages' was not finished" in error_of(world, again)
    del ages


def test_data_that_is_new_lacks_nothing(world: World, raw: redis.Redis) -> None:
    """The first row of a model is of the declaration that the program has."""
    rom.util.CONNECTION = raw
    model = _declared()
    ages = Migration('ages', model, mended)

    async def story() -> None:
        async with world.session() as s:
            s.add(model(age=5))
            await s.commit()
            assert (await s.get(model, 1)).age == 5

    world.run(story())
    assert ages.name == 'ages'
