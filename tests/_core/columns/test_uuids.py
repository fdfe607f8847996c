"""UUID: its forms, its indexes, and what is refused."""

import uuid
from typing import Any

import pytest
import redis

import rom
from tests.support.stories import both

pytestmark = pytest.mark.one_server

ONE = uuid.UUID('3f2504e0-4f89-11d3-9a0c-0305e82c3301')
TWO = uuid.UUID('3f2504e0-4f89-41d3-9a0c-0305e82c3302')
OTHER = uuid.UUID(int=2**128 - 1)


class UuidOrder(rom.Model):
    _namespace = '{uuids}order'
    key = rom.UUID(required=True, unique=True, default=uuid.uuid4)
    batch = rom.UUID(index=True, prefix=True, suffix=True)
    kind = rom.UUID(index=True)
    number = rom.Integer()
    unique_together = [('kind', 'number')]


class Odd(uuid.UUID):
    def __str__(self) -> str:
        return 'odd'


@pytest.mark.parametrize(
    'given',
    [
        ONE, str(ONE), str(ONE).upper(), ONE.hex, f'{{{ONE}}}', ONE.urn, ONE.bytes, Odd(str(ONE)),
    ],
)  # fmt: skip
def test_every_form_is_the_same_value(on_client: Any, raw: redis.Redis, given: Any) -> None:
    order = UuidOrder(key=given)
    assert type(order.key) is uuid.UUID and order.key == ONE
    order.save()
    assert raw.hget('{uuids}order:1', 'key') == str(ONE).encode()
    assert UuidOrder.get_by(key=given) is order
    assert UuidOrder.query.filter(key=[given]).count() == 1


@pytest.mark.parametrize('given', ['x', str(ONE)[:-1], b'short', 5, ONE.int, None.__class__, ''])
def test_what_is_refused(on_client: Any, given: Any) -> None:
    with pytest.raises(rom.InvalidColumnValue, match='key: expected a UUID or its text, got'):
        UuidOrder(key=given)
    with pytest.raises(rom.QueryError, match='expected a UUID or its text'):
        UuidOrder.query.filter(kind=given)


@both(UuidOrder)
async def test_queries(s: Any) -> None:
    one = UuidOrder(batch=ONE, kind=ONE)
    two = UuidOrder(batch=str(TWO), kind=ONE)
    three = UuidOrder(batch=OTHER)
    await s.commit()
    ids = [one.id, two.id, three.id]
    s.rollback()
    query = UuidOrder.query
    for found, places in [
        (query.filter(batch=ONE), [0]),
        (query.filter(batch=[ONE, str(OTHER).upper()]), [0, 2]),
        (query.where(UuidOrder.kind == ONE), [0, 1]),
        (query.where(UuidOrder.batch != ONE), [1, 2]),
        (query.startswith(batch='3F2504E0-4f89-4'), [1]),
        (query.startswith(batch='3f25'), [0, 1]),
        (query.endswith(batch='3302'), [1]),
        (query.like(batch='*-41D3-*'), [1]),
        (query.where(UuidOrder.batch.is_none()), []),
    ]:
        assert sorted(await s.ids(found)) == [ids[place] for place in places], found
    assert await s.facets(query, 'kind') == {ONE: 2, None: 1}
    assert (await s.min(query, 'batch'), await s.max(query, 'batch')) == (ONE, OTHER)
    rows = await s.all(query.order_by('-batch').select('batch'))
    assert [row['batch'] for row in rows] == [OTHER, TWO, ONE]
    page = await s.page(query.order_by('batch'), 2)
    page = await s.page(query.order_by('batch'), 2, after=page.next)
    assert [order.batch for order in page.items] == [OTHER]
    assert await s.update_all(query.filter(batch=ONE), batch=TWO) == 1
    assert await s.count(query.filter(batch=TWO)) == 2


def test_a_value_belongs_to_one_entity(on_client: Any) -> None:
    UuidOrder(key=ONE, kind=TWO, number=1).save()
    with pytest.raises(rom.UniqueKeyViolation):
        UuidOrder(key=str(ONE).upper()).save()
    rom.session.rollback()
    with pytest.raises(rom.UniqueKeyViolation):
        UuidOrder(kind=TWO.hex, number=1).save()
    rom.session.rollback()


def test_rows_of_a_text_column_are_read(on_client: Any, raw: redis.Redis) -> None:
    UuidOrder(batch=ONE).save()
    rom.session.rollback()
    raw.hset('{uuids}order:1', 'batch', str(ONE).upper())
    assert UuidOrder.get(1).batch == ONE
    assert UuidOrder.query.startswith(batch='3f25').count() == 1
    rom.session.rollback()
    raw.hset('{uuids}order:1', 'batch', 'no uuid')
    with pytest.raises(rom.CorruptRowError, match=r"column 'batch'.*not a valid UUID"):
        UuidOrder.get(1).batch
