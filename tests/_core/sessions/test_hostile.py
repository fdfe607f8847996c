"""Single values from the outside and what comes of them, in both worlds.

`tests/_core/query/test_hostile.py` tries anything; here each case has one right answer.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from typing import Any

import pytest

import rom
from rom._core.encoding.wire import pack
from rom._core.ops.search.pagination import _digest
from tests.support.worlds import World

pytestmark = pytest.mark.one_server


@pytest.fixture
def thing(world: World) -> Any:
    class Thing(rom.Model):
        n = rom.Integer(index=True)
        name = rom.Text(index=True, keygen=rom.IDENTITY)
        flag = rom.Boolean(index=True)
        octets = rom.String(index=True, keygen=rom.IDENTITY_STRING)

    async def make() -> None:
        async with world.session() as session:
            for n in (1, 2, 3):
                Thing(n=n, name='x', flag=True)
            await session.commit()

    world.run(make())
    return Thing


def answer(world: World, ask: Any) -> Any:
    async def story() -> Any:
        async with world.session() as session:
            return await ask(session)

    return world.run(story())


@pytest.mark.parametrize('size', [2**31, 2**53, 2**63 - 1, 2**63, 10**20, 10**400])
def test_a_size_of_any_size_is_all(world: World, thing: Any, size: int) -> None:
    query = thing.query.order_by('n')

    async def ask(session: Any) -> Any:
        page = await session.page(query, size)
        rows = await session.all(query.limit(0, size))
        past = await session.all(query.limit(size, size))
        small = await session.all(query.limit(1, size))
        return [len(found) for found in (page.items, rows, past, small)]

    assert answer(world, ask) == [3, 3, 0, 2]


@pytest.mark.parametrize(
    'id', ['1_0', '０１', ' 1', '+1', 1.9, float('inf'), float('nan'), -1, True]
)
def test_what_is_no_id(world: World, thing: Any, id: Any) -> None:
    with pytest.raises(rom.InvalidOperation, match='expected an id'):
        answer(world, lambda session: session.get(thing, id))
    with pytest.raises(rom.InvalidOperation, match='expected an id'):
        answer(world, lambda session: session.get(thing, [1, id]))


@pytest.mark.parametrize('id', [0, 2**63, 10**30, '9' * 5000])
def test_an_id_of_nothing(world: World, thing: Any, id: Any) -> None:
    assert answer(world, lambda session: session.get(thing, id)) is None
    found = answer(world, lambda session: session.get(thing, [id, 1]))
    assert [one.id for one in found] == [1]


@pytest.mark.parametrize(
    'crafted',
    [
        {'id': float('inf'), 'places': [[b'1', b'1']]},
        {'id': float('nan'), 'places': [[b'1', b'1']]},
        {'id': b'inf', 'places': [[b'1', b'1']]},
        {'id': b'1_0', 'places': [[b'1', b'1']]},
        {'id': 1, 'places': [[b'1', b'1']]},
        {'id': b'1', 'places': [[b'nan', b'1']]},
        {'id': b'1', 'places': [[b'1_0', b'1']]},
        {'id': b'1', 'places': [[float('nan'), b'1']]},
        {'id': b'1', 'places': [[b'9007199254740993', b'x']]},
        {'id': b'1', 'places': [[b'1', [b'1']]]},
        {'id': b'1', 'places': [b'12']},
        {'id': b'1', 'places': 5},
        {'id': b'1'},
        {'places': [[b'1', b'1']]},
    ],
)
def test_a_crafted_cursor(world: World, thing: Any, crafted: dict[str, Any]) -> None:
    query = thing.query.order_by('n')
    cursor = urlsafe_b64encode(_digest(query) + pack(crafted)).decode('ascii').rstrip('=')
    with pytest.raises(rom.QueryError, match='begin again at the first page'):
        answer(world, lambda session: session.page(query, 2, cursor))


def test_a_cursor_of_a_large_number_is_taken(world: World, thing: Any) -> None:
    query = thing.query.order_by('n')
    place = {'id': b'1', 'places': [[b'1e+22', b'-' + b'9' * 400]]}
    cursor = urlsafe_b64encode(_digest(query) + pack(place)).decode('ascii').rstrip('=')
    assert not answer(world, lambda session: session.page(query, 2, cursor)).items


@pytest.mark.parametrize('name', ['name:x', 'n:x', 'flag:True', 'octets:x'])
def test_a_good_index_is_not_blamed(world: World, thing: Any, name: str) -> None:
    with pytest.raises(rom.QueryError, match=r'only a keygen of your own gives numbers a name'):
        thing.query.order_by(name)
    with pytest.raises(rom.QueryError, match=r'only a keygen of your own gives numbers a name'):
        thing.query.filter(**{name: 1})


def test_text_that_latin_1_does_not_have(world: World, thing: Any) -> None:
    async def make() -> None:
        async with world.session():
            thing(octets='€' * 1000)

    with pytest.raises(UnicodeEncodeError) as raised:
        world.run(make())
    assert isinstance(raised.value, rom.InvalidColumnValue)
    assert str(raised.value).startswith("Thing.octets: '€€")
    assert len(str(raised.value)) < 500


def test_an_argument_of_a_wrong_kind_is_each_error_it_was(world: World, thing: Any) -> None:
    for kind in (TypeError, ValueError, rom.QueryError):
        with pytest.raises(kind, match=r"Thing.query.limit\(offset, count\) takes ints, not 'x'"):
            thing.query.limit('x')
