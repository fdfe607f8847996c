"""Columns whose names begin with an underscore; and a primary key that is called ``_id``."""

import asyncio

import pytest
import redis

import rom
from tests.contract.support import model
from tests.support.servers import Server


def test_names_with_an_underscore_are_columns_like_others(client: redis.Redis) -> None:
    """As in rom 1.x, unless an entity has something of that name itself."""
    rom.util.CONNECTION = client
    Thing = model(
        'ModelThing',
        _id=rom.PrimaryKey(index=True),
        _x=rom.Integer(index=True),
        _text=rom.Text(index=True, prefix=True, keygen=rom.FULL_TEXT),
        _code=rom.Text(unique=True),
        _up=rom.ManyToOne('ModelThing', 'cascade'),
        _down=rom.OneToMany('ModelThing'),
        _key_of_its_own=rom.UnsafeColumn(),
    )
    up = Thing(_x=1)
    one = Thing(_x=5, _text='Hello World', _code='c', _up=up)
    assert (up._id, one._id, one._pk) == (1, 2, 'ModelThing:2'), 'taken at once, as in rom 1.x'
    rom.session.commit()
    rom.session.rollback()
    found = Thing.get(2)
    assert (found._id, found._x, found._text, found._up._id) == (2, 5, 'Hello World', 1)
    assert {k: v for k, v in found.to_dict().items() if k != '_up'} == {
        '_id': 2, '_x': 5, '_text': 'Hello World', '_code': 'c',
    }  # fmt: skip
    found._x = 6
    assert found.save() == 1
    found.refresh()
    assert Thing.query.filter(_x=(6, None), _text='world', _id=2).all() == [found]
    assert [thing._id for thing in Thing.query.startswith(_text='hel').order_by('-_id')] == [2]
    assert Thing.get_by(_code='c') is found and Thing.get(1)._down == [found]
    assert found._key_of_its_own.rpush('x') == 1
    tuples = Thing.query.filter(_x=6).select('_x', '_id', ff=rom.query._namedtuple_data_factory)
    assert tuples.first()._fields == ('x', 'id')
    for wrong in (lambda: setattr(found, '_id', 7), lambda: delattr(found, '_id')):
        with pytest.raises(rom.InvalidOperation, match='is the primary key and cannot be assigned'):
            wrong()
    with pytest.raises(rom.InvalidColumnValue, match='is the primary key'):
        Thing(_id=9)
    assert (found.copy()._id, found._id) == (3, 2)
    rom.session.rollback()
    Thing.get(1).delete()
    assert Thing.query.count() == 0


def test_a_key_called_like_ours_under_an_async_session(server: Server) -> None:
    Thing = model('ModelThing', _id=rom.PrimaryKey(), x=rom.Integer())

    async def story() -> None:
        async with server.connect_async() as client, rom.AsyncSession(client) as s:
            thing = Thing(x=1)
            assert thing._id is None, 'nothing can wait here'
            await s.commit()
            assert thing._id == 1
            s.rollback()
            assert (await s.get(Thing, 1))._id == 1

    asyncio.run(story())
