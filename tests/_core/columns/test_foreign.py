"""ForeignModel (contract, section 4): any object with `.id` and a class-level `get(id)`."""

from typing import Any, ClassVar

import pytest
import redis

import rom
from rom.exceptions import ColumnError, CorruptRowError, InvalidColumnValue, MissingColumn
from tests.support.implied import assert_consistent


class Customer:
    """Kept elsewhere."""

    all: ClassVar[dict[int, 'Customer']] = {}
    asked: ClassVar[list[int]] = []

    def __init__(self, id: Any) -> None:
        self.id = id
        self.all[id] = self

    @classmethod
    def get(cls, id: int) -> 'Customer | None':
        cls.asked.append(id)
        return cls.all.get(id)


@pytest.fixture(autouse=True)
def nobody() -> None:
    Customer.all.clear()
    Customer.asked.clear()


class ForeignOrder(rom.Model):
    customer = rom.ForeignModel(Customer)
    payer = rom.ForeignModel(Customer)
    note = rom.Text(index=True, keygen2=lambda name, row: [f'{row["note"]}{row["customer"].id}'])


@pytest.mark.parametrize(
    'wrong', [None, 'Customer', 5, object, Customer(1).__dict__.__class__.keys]
)
def test_a_class_without_get(wrong: Any) -> None:
    with pytest.raises(ColumnError, match=r'class-level get\(id\)'):
        rom.ForeignModel(wrong)


def test_values() -> None:
    ann = Customer(7)
    order = ForeignOrder(customer=ann)
    assert order.customer is ann and order.payer is None
    order.customer = 7  # as in 1.1.2, an id is looked up
    assert order.customer is ann
    order.customer = None
    assert order.customer is None
    for wrong in ('7', 7.0, True, object(), Customer(None), Customer('x'), 9):
        with pytest.raises(InvalidColumnValue, match=r'ForeignOrder\.customer: '):
            order.customer = wrong


def test_required_and_default() -> None:
    ann = Customer(7)

    class Bill(rom.Model):
        customer = rom.ForeignModel(Customer, required=True)
        payer = rom.ForeignModel(Customer, default=ann)

    assert Bill(customer=ann).payer is ann
    with pytest.raises(MissingColumn):
        Bill()


def test_write_query_update_delete(client: redis.Redis, raw: redis.Redis) -> None:
    rom.util.CONNECTION = client
    ann, bob = Customer(7), Customer(2**60 + 1)
    ForeignOrder(customer=ann, note='n').save()
    ForeignOrder(customer=bob, payer=ann).save()
    keyspace = assert_consistent(raw, ForeignOrder)
    assert keyspace[b'ForeignOrder:1'] == {b'id': b'1', b'customer': b'7', b'note': b'n'}
    assert keyspace[b'ForeignOrder:customer:idx'] == {b'1': 7.0, b'2': 2.0**60}
    rom.session.rollback()
    first, second = ForeignOrder.get([1, 2])
    assert Customer.asked == [], 'it is looked up when it is read'
    assert first.customer is ann and first.customer is ann and first.payer is None
    assert Customer.asked == [7]
    assert (
        ForeignOrder.query.filter(customer=ann).all() == [first] == ForeignOrder.get_by(customer=7)
    )
    assert ForeignOrder.query.filter(customer=bob).all() == [second]
    assert ForeignOrder.query.filter(customer=2**60).all() == []
    assert ForeignOrder.query.filter(customer=[7, bob]).count() == 2
    assert ForeignOrder.query.filter(customer=(None, 100)).all() == [first]
    assert ForeignOrder.query.filter(payer=rom.NOT_NULL).all() == [second]
    assert ForeignOrder.query.order_by('-customer').all() == [second, first]
    selected = ForeignOrder.query.select('customer').all()
    assert [row['customer'].id for row in selected] == [7, 2**60 + 1]
    with pytest.raises(rom.QueryError):
        ForeignOrder.query.filter(customer='x')
    first.customer = bob
    assert first.save() == 1
    assert_consistent(raw, ForeignOrder)
    assert ForeignOrder.query.filter(note=f'n{bob.id}').all() == [first], (
        'a keygen2 sees the new id'
    )
    second.payer = None
    assert rom.session.commit() == 1
    assert first.copy().customer is bob
    rom.session.rollback()
    ForeignOrder.get(1).delete()
    ForeignOrder.get(2).delete()
    assert_consistent(raw, ForeignOrder)


@pytest.mark.one_server
def test_one_that_is_gone_reads_as_none_and_stays_in_the_row(client: Any, raw: Any) -> None:
    rom.util.CONNECTION = client
    ForeignOrder(customer=Customer(7)).save()
    rom.session.rollback()
    Customer.all.clear()
    order = ForeignOrder.get(1)
    assert order is not None and order.customer is None
    assert order.save() == 0
    assert order.save(full=True) == 4
    assert raw.hget('ForeignOrder:1', 'customer') == b'7'
    assert_consistent(raw, ForeignOrder)


@pytest.mark.one_server
def test_what_does_not_decode(client: redis.Redis, raw: redis.Redis) -> None:
    rom.util.CONNECTION = client
    raw.hset('ForeignOrder:1', mapping={'id': '1', 'customer': 'x'})
    order = ForeignOrder.get(1)
    assert order is not None
    with pytest.raises(CorruptRowError, match='customer'):
        order.customer
