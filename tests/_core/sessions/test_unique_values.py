"""Unique values: what is equal collides, and nothing else does; data of rom 1.x as well."""

import decimal
from typing import Any

import pytest
import redis

import rom
import rom.maintenance
from tests.support.servers import dump
from tests.support.stories import both

pytestmark = pytest.mark.one_server


class PairOfValues(rom.Model):
    _namespace = '{pairs}pair'
    a = rom.Text()
    b = rom.Text()
    real = rom.Float()
    price = rom.Decimal()
    n = rom.Integer()
    unique_together = [('a', 'b'), ('n', 'real'), ('n', 'price')]


Pair = PairOfValues
HASHES = ('a:b', 'n:real', 'n:price')


def hashes(raw: redis.Redis) -> dict[bytes, Any]:
    return {key: value for key, value in dump(raw).items() if key.endswith(b':uidx')}


EQUAL: list[tuple[str, Any, Any]] = [
    ('real', 1, 1.0),
    ('real', 0.0, -0.0),
    ('real', 2**60, 2.0**60),
    ('price', decimal.Decimal('1.0'), decimal.Decimal('1.00')),
    ('price', decimal.Decimal(100), decimal.Decimal('1E+2')),
    ('price', 0, decimal.Decimal('-0.00')),
]


@pytest.mark.parametrize(('name', 'one', 'two'), EQUAL, ids=repr)
@both(whole=False)
async def test_equal_numbers_collide(
    s: Any, raw: redis.Redis, name: str, one: Any, two: Any
) -> None:
    """Whichever comes first; and are found, given up with the row, and free then."""
    for first, second in ((one, two), (two, one)):
        kept = Pair(n=1, **{name: first})
        await s.commit()
        Pair(n=1, **{name: second})
        with pytest.raises(rom.UniqueKeyViolation):
            await s.commit()
        s.rollback()
        assert (await s.get_or_create(Pair, n=1, **{name: second}))[0].id == kept.id
        assert (await s.upsert(Pair, {'b': 'seen'}, n=1, **{name: second}))[0].id == kept.id
        kept = await s.get(Pair, kept.id)
        setattr(kept, name, second)
        await s.commit()
        assert {*map(str, await check(raw))} == set()
        setattr(kept, name, 7)
        await s.commit()
        new = Pair(n=1, **{name: first})
        await s.commit()
        await s.delete(new)
        await s.delete(kept)
        assert hashes(raw) == {}


async def check(raw: redis.Redis) -> list[Any]:
    rom.util.CONNECTION = raw
    found = [*rom.maintenance.check(Pair)]
    rom.util.CONNECTION = None
    return found


@both(whole=False)
async def test_values_with_nuls_do_not_collide(s: Any, raw: redis.Redis) -> None:
    one, two = Pair(a='x', b='y\0\0\0z'), Pair(a='x\0\0\0y', b='z')
    await s.commit()
    Pair(a='x', b='y\0\0\0z')
    with pytest.raises(rom.UniqueKeyViolation):
        await s.commit()
    s.rollback()
    assert (await s.get_or_create(Pair, a='x\0\0\0y', b='z'))[0].id == two.id
    await s.delete(await s.get(Pair, one.id))
    assert (await s.get_or_create(Pair, a='x\0\0\0y', b='z'))[0].id == two.id
    assert await check(raw) == []


OLD = b'\0\0%b\0\0\0%b'


def old_row(raw: redis.Redis, id: int, group: str, **values: bytes) -> None:
    """A row as rom 1.x wrote it, with the unique value that it gave it."""
    raw.hset(f'{{pairs}}pair:{id}', mapping={'id': id, **values})
    value = OLD % tuple(values[name] for name in group.split(':'))
    raw.hset(f'{{pairs}}pair:{group}:uidx', value, id)
    raw.set('{pairs}pair:id:', 9)


@pytest.mark.parametrize(
    ('name', 'stored', 'same'),
    [
        ('real', b'1', 1), ('real', b'1', 1.0), ('real', b'1.0', 1), ('real', b'0.5', 0.5),
        ('price', b'1.50', decimal.Decimal('1.50')), ('price', b'1.5', decimal.Decimal('1.500')),
        ('price', b'100', decimal.Decimal('1E2')),
    ],
)  # fmt: skip
@both(whole=False)
async def test_numbers_of_rom_1_are_found_in_place(
    s: Any, raw: redis.Redis, name: str, stored: bytes, same: Any
) -> None:
    old_row(raw, 5, f'n:{name}', n=b'1', **{name: stored})
    Pair(n=1, **{name: same})
    with pytest.raises(rom.UniqueKeyViolation):
        await s.commit()
    s.rollback()
    assert (await s.get_or_create(Pair, n=1, **{name: same}))[0].id == 5
    assert (await s.upsert(Pair, {'b': 'seen'}, n=1, **{name: same}))[0].id == 5
    old = await s.get(Pair, 5)
    await s.delete(old)
    assert hashes(raw) == {}


@both(whole=False)
async def test_other_forms_of_rom_1_collide_after_a_reindex(s: Any, raw: redis.Redis) -> None:
    old_row(raw, 5, 'n:price', n=b'1', price=b'1.50')
    rom.util.CONNECTION = raw
    for _ in rom.util.refresh_indices(Pair):
        pass
    rom.util.CONNECTION = None
    Pair(n=1, price=decimal.Decimal('1.5'))
    with pytest.raises(rom.UniqueKeyViolation):
        await s.commit()
    s.rollback()
    assert await check(raw) == []


@both(whole=False)
async def test_values_with_nuls_of_rom_1_are_given_up(s: Any, raw: redis.Redis) -> None:
    old_row(raw, 5, 'a:b', a=b'x', b=b'y\0\0\0z')
    Pair(a='x\0\0\0y', b='z')
    await s.commit()
    old = await s.get(Pair, 5)
    old.b = 'other'
    await s.commit()
    value = {b'\0\0x\0\0\0other', b'\x015:x\0\0\0y1:z'}
    assert {*hashes(raw)[b'{pairs}pair:a:b:uidx']} == value
    assert await check(raw) == []


class RequiredWord(rom.Model):
    _namespace = '{pairs}word'
    word = rom.Text(unique=True, required=True)
    n = rom.Integer(index=True)


@both(RequiredWord)
async def test_an_empty_string_is_no_unique_value(s: Any) -> None:
    """As in rom 1.x, and as the reference says; required or not."""
    RequiredWord(word='')
    RequiredWord(word='')
    await s.commit()
    assert await s.get_by(RequiredWord, word='') is None
    with pytest.raises(rom.QueryError):
        await s.get_or_create(RequiredWord, word='')


@both(RequiredWord)
async def test_ids_of_one_value_come_as_text_and_pages_as_numbers(s: Any) -> None:
    """As the documents say."""
    for n in range(11):
        RequiredWord(word=f'w{n}', n=1)
    await s.commit()
    query = RequiredWord.query.filter(n=1)
    assert await s.ids(query) == sorted(range(1, 12), key=str)
    page = await s.page(query, 20)
    assert [found.id for found in page.items] == [*range(1, 12)]
    assert await s.ids(RequiredWord.query) == [*range(1, 12)]
