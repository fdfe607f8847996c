"""Columns with another name in Redis than their attribute: every key is as under the old name."""

import asyncio
import datetime
import json
from typing import Any

import pytest
import redis

import rom
import rom.aio
from rom import jsonl, maintenance
from rom._core import model_registry
from rom._core.encoding.keys import Keys
from tests.support.implied import assert_consistent
from tests.support.servers import Server, dump, without_notes

NAMESPACE = '{renamed}emps'
MOMENT = datetime.datetime(2200, 1, 1)


def model(is_renamed: bool) -> Any:
    """A model of employees, under the old names of its columns or under new ones.

    It takes the place of an earlier one in the registries, as in the next version of a program.
    """
    for registry in (model_registry.MODELS, model_registry.MODELS_REFERENCED):
        for name in ('Employee', NAMESPACE):
            registry.pop(name, None)
    new = 'new_' if is_renamed else ''

    def old(column: str) -> dict[str, Any]:
        return {'stored_as': column} if is_renamed else {}

    columns = {
        'name': rom.Text(
            index=True, prefix=True, suffix=True, keygen=rom.IDENTITY, unique=True, **old('name')
        ),
        'age': rom.Integer(index=True, default=7, **old('age')),
        'big': rom.Integer(index=True, **old('big')),
        'flag': rom.Boolean(index=True, **old('flag')),
        'notes': rom.Json(**old('notes')),
        'boss': rom.ManyToOne('Employee', 'set null', **old('boss')),
        'until': rom.ExpireAt(**old('until')),
    }
    body: dict[str, Any] = {f'{new}{column}': declared for column, declared in columns.items()}
    body |= {
        '__module__': __name__,
        '_namespace': NAMESPACE,
        'plain': rom.Text(),
        f'{new}words': rom.IndexOnly(f'{new}name', keygen=rom.FULL_TEXT, **old('words')),
        'unique_together': [(f'{new}big', f'{new}age')],
        'new': new,
    }
    return type(rom.Model)('Employee', (rom.Model,), body)


def values(model: Any, **given: Any) -> dict[str, Any]:
    return {f'{model.new}{name}': value for name, value in given.items()}


async def story(s: Any, model: Any) -> None:
    """Write and read in every way that names columns."""
    n = model.new
    ann = model(**values(model, name='Ann x', age=1, big=2**70, flag=True, notes={'a': [1]}))
    await s.commit()
    model(**values(model, name='Bob', boss=ann, flag=False))
    dan = model(**values(model, name='Dan', boss=ann, age=9, until=MOMENT))
    await s.commit()
    setattr(ann, f'{n}name', 'Anna x')
    getattr(ann, f'{n}notes')['a'].append(2)
    await s.commit()
    s.rollback()
    await s.update_all(
        model.query.filter(**values(model, age=(5, None))),
        **values(model, big=getattr(model, f'{n}age') + 1),
    )
    await finds(s, model, ann.id)
    await s.upsert(model, values(model, big=5), **values(model, name='Bob'))
    await s.upsert(model, values(model, big=6), values(model, age=3), **values(model, name='Eve'))
    await s.delete(await s.get(model, ann.id))
    await s.delete(await s.get(model, dan.id))
    await s.commit()


async def finds(s: Any, model: Any, ann: int) -> None:
    query, n = model.query, model.new
    for found, count in [
        (query.filter(**values(model, big=2**70)), 1),
        (query.filter(**values(model, big=(None, 2**70 - 1))), 2),
        (query.filter(**values(model, flag=[True, False])), 2),
        (query.filter(**values(model, boss=ann)), 2),
        (query.filter(**values(model, words='anna')), 1),
        (query.startswith(**values(model, name='An')), 1),
        (query.endswith(**values(model, name='x')), 1),
        (query.like(**values(model, name='*n*')), 2),
        (query.where(~getattr(model, f'{n}big').is_none()), 3),
    ]:
        assert await s.count(found) == count
    assert await s.sum(query, f'{n}age') == 17
    assert await s.facets(query, f'{n}flag') == {True: 1, False: 1, None: 1}
    assert await s.min(query, f'{n}big') == 8
    ages = query.order_by(f'-{n}age').select(f'{n}age')
    assert await s.all(ages) == [values(model, age=age) for age in (9, 7, 1)]
    assert await s.all(query.order_by(f'{n}name').select(f'{n}name', decode=False)) == [
        values(model, name=name) for name in ('Anna x', 'Bob', 'Dan')
    ]
    page = await s.page(query.order_by(f'{n}big'), 2)
    assert len((await s.page(query.order_by(f'{n}big'), 2, after=page.next)).items) == 1
    entity = await s.get_by(model, **values(model, name='Anna x'))
    assert getattr(entity, f'{n}notes') == {'a': [1, 2]}
    s.rollback()


def keyspace(raw: redis.Redis) -> dict[bytes, Any]:
    return {k: v for k, v in without_notes(dump(raw)).items() if not k.endswith(b':epochs')}


def test_every_key_is_as_under_the_old_name(server: Server, raw: redis.Redis) -> None:
    """Whichever session writes them; the fingerprint, too, so that no reindex is due."""
    client = server.connect()
    old = model(is_renamed=False)
    one = _run(client, old)
    assert_consistent(raw, old)
    raw.flushdb()
    new = model(is_renamed=True)
    assert _run(client, new) == one
    raw.flushdb()

    async def later() -> None:
        async with server.connect_async() as client, rom.AsyncSession(client) as s:
            await story(s, new)

    asyncio.run(later())
    assert keyspace(raw) == one
    client.close()


def _run(client: redis.Redis, model: Any) -> dict[bytes, Any]:
    from tests.support.worlds import Awaitable

    async def story_here() -> None:
        async with Awaitable(rom.Session(client)) as s:
            await story(s, model)

    asyncio.run(story_here())
    return keyspace(client)


@pytest.mark.one_server
def test_maintenance_goes_by_the_stored_names(on_client: Any, raw: redis.Redis) -> None:
    old = model(is_renamed=False)
    for name in ('Ann', 'Bob'):
        old(name=name, age=len(name), flag=True).save()
    rom.session.rollback()
    new = model(is_renamed=True)
    [status] = maintenance.status(new)
    assert status.state == 'right'
    assert list(maintenance.check(new)) == []
    found = keyspace(raw)
    raw.delete(b'{renamed}emps:age:idx')
    raw.sadd(b'{renamed}emps:flag:False:idx', 1)
    assert {finding.kind for finding in maintenance.check(new)} == {'missing', 'doubled'}
    list(maintenance.reindex(new, everything=True))
    assert keyspace(raw) == found
    assert list(maintenance.check(new)) == []


@pytest.mark.one_server
def test_dumps_and_errors_go_by_the_attributes(on_client: Any) -> None:
    new = model(is_renamed=True)
    new(new_name='Ann').save()
    [block] = jsonl.dump(new)
    assert json.loads(block.text)['columns']['new_name'] == 'Ann'
    with pytest.raises(rom.UniqueKeyViolation) as caught:
        new(new_name='Ann').save()
    assert caught.value.columns == ('new_name',)
    rom.session.rollback()
    mine = new.get_by(new_name='Ann')
    new.query.update(new_age=3)
    rom.session.rollback()
    mine = new.get_by(new_name='Ann')
    with rom.Session(new._connection):
        other = new.get(mine.id)
        other.new_age = 5
        other.save()
    mine.new_age = 4
    with pytest.raises(rom.DataRaceError, match='new_age') as raced:
        mine.save()
    assert raced.value.columns == ('new_age',)


@pytest.mark.parametrize(
    ('columns', 'says'),
    [
        ({'a': rom.Text(stored_as='')}, 'expected the former name'),
        ({'a': rom.Text(stored_as='x:y')}, 'a str without ":"'),
        ({'a': rom.Text(stored_as=5)}, 'stored_as=5: expected'),  # type: ignore[arg-type]
        ({'a': rom.Text(stored_as='b'), 'b': rom.Text()}, 'b is stored by that name'),
        ({'a': rom.Text(stored_as='c'), 'b': rom.Text(stored_as='c')}, 'a is stored by that name'),
        ({'a': rom.Text(stored_as='id')}, 'id is stored by that name'),
    ],
)
def test_names_that_two_columns_would_share(columns: dict[str, Any], says: str) -> None:
    with pytest.raises(rom.ColumnError, match=says):
        type(rom.Model)('Wrong', (rom.Model,), columns)


def test_a_sub_index_has_the_stored_name_of_its_column() -> None:
    keys = Keys('N', 'id', (('size', 'dims'),))
    assert keys.scores('size:width') == b'N:dims:width:idx'
    assert keys.unique(('size', 'name')) == b'N:dims:name:uidx'
    assert keys.attribute('dims') == 'size' and keys.attribute('name') == 'name'
