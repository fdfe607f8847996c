"""Sort orders: which of them may need rows."""

import pytest

from rom._core.query.sort_order import Order


@pytest.mark.parametrize(
    ('order', 'may_need_rows'),
    [
        (Order('age', False, 'score', b'k'), False),
        (Order('own', False, 'score', b'k', or_stored=True), True),
        (Order('name', True, 'text', b'k'), True),
        (Order('name', True, 'stored'), True),
    ],
)
def test_orders(order: Order, may_need_rows: bool) -> None:
    assert order.may_need_rows is may_need_rows
    assert order.as_map()['key'] == order.key
