"""Pages by cursor, while rows are inserted and deleted."""

from __future__ import annotations

import base64
import warnings
from typing import Any

import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st

from rom._core.ops.rows import Row
from rom._core.ops.search.bounds import Bounds
from rom._core.ops.search.pagination import (
    page,
    read_cursor,
    write_cursor,
    write_open_cursor,
)
from rom._core.query.sort_order import SortCursor, SortKey
from rom.exceptions import QueryError
from tests._core.ops.search.oracle import CLAUSES, MODEL, ROWS, Clause, Values, in_order, with_ids
from tests._core.ops.search.search_support import Store
from tests._core.ops.search.test_queries_random import BOUNDS, EXAMPLES, ORDER, Orders, asked
from tests.support.servers import Server


@pytest.fixture
def store(server: Server, raw: redis.Redis) -> Store:
    return Store(raw, raw, MODEL)


# What happens after a page: rows that go, by their place among the ids, and rows that come.
MEANWHILE = st.lists(
    st.tuples(st.lists(st.integers(0, 30), max_size=3), ROWS.map(lambda rows: dict(rows))),
    max_size=4,
)


@settings(max_examples=EXAMPLES)
@given(
    rows=ROWS,
    clauses=st.lists(CLAUSES, max_size=1),
    order=ORDER,
    bounds=BOUNDS,
    size=st.integers(1, 5),
    meanwhile=MEANWHILE,
    is_back=st.booleans(),
)
def test_what_stays_comes_once(
    server: Server,
    store: Store,
    rows: dict[int, Values],
    clauses: list[Clause],
    order: Orders,
    bounds: Bounds,
    size: int,
    meanwhile: list[tuple[list[int], dict[int, Values]]],
    is_back: bool,
) -> None:
    server.flush()
    store.write(rows)
    query = asked(clauses, order, None)
    present, ever, gone = dict(rows), dict(rows), set[int]()
    found: list[int] = []
    after, before = None, write_open_cursor(query) if is_back else None
    while True:
        got, after, before = store.driver.run(page(query, size, after, before, bounds))
        ids = [row.id for row in got]
        found = [*ids, *found] if is_back else [*found, *ids]
        after, before = (None, before) if is_back else (after, None)
        assert len(got) == size or after is before is None
        if after is before is None:
            break
        leaving, coming = meanwhile.pop() if meanwhile else ([], {})
        for place in leaving:
            if place < len(present):
                id = sorted(present)[place]
                store.remove(id)
                del present[id]
                gone.add(id)
        coming = with_ids({id + 200 * len(ever): values for id, values in coming.items()})
        store.write(coming)
        present.update(coming)
        ever.update(coming)
    matching = {id: row for id, row in ever.items() if all(c.holds(row) for c in clauses)}
    assert found == [id for id in in_order(order, matching) if id in found]
    stayed = {id for id in matching if id in rows and id not in gone}
    assert stayed <= set(found) <= set(matching)


@pytest.mark.one_server
def test_a_page_is_a_trip(store: Store) -> None:
    """Whole pages come in order, each with the next one's cursor, and the last one has none."""
    store.write({id: {'age': id % 3, 'price': float(-id)} for id in range(1, 8)})
    query = asked([], ['age', 'price'], None)
    operation = page(query, 3, None)
    request = next(operation)
    with pytest.raises(StopIteration) as end:
        operation.send(store.driver.perform(request))
    rows, after, before = end.value.value
    assert before is None
    assert [row.id for row in rows] == [6, 3, 7]
    assert isinstance(after, str) and after.isascii()
    assert store.pages(query, 3) == [[6, 3, 7], [4, 1, 5], [2]]
    assert store.pages(query, 7) == [[6, 3, 7, 4, 1, 5, 2]]


@pytest.mark.one_server
def test_a_page_knows_the_one_before(store: Store) -> None:
    store.write({id: {'age': id % 3, 'price': float(-id)} for id in range(1, 8)})
    for order in (['age', 'price'], []):
        query = asked([], order, None)
        every = store.ids(query)
        _, after, before = store.driver.run(page(query, 3))
        assert before is None
        _, after, _ = store.driver.run(page(query, 3, after))
        rows, after, before = store.driver.run(page(query, 3, after))
        assert ([row.id for row in rows], after) == (every[6:], None)
        for expected, is_first in ((every[3:6], False), (every[:3], True)):
            operation = page(query, 3, before=before)
            request = next(operation)
            with pytest.raises(StopIteration) as end:
                operation.send(store.driver.perform(request))
            rows, after, before = end.value.value
            assert ([row.id for row in rows], before is None) == (expected, is_first)
            again, _, back = store.driver.run(page(query, 3, after))
            assert [row.id for row in again] == every[every.index(expected[2]) + 1 :][:3]
            assert back is not None


@pytest.mark.one_server
def test_a_neighbour_may_be_gone(store: Store) -> None:
    """A page without results leads back to those that are left."""
    for order in (['age'], ['-id'], []):
        store.write({id: {'age': id} for id in range(1, 10)})
        query = asked([], order, None)
        every = store.ids(query)
        _, after, _ = store.driver.run(page(query, 3))
        _, last, before = store.driver.run(page(query, 3, after))
        for id in every[6:]:
            store.remove(id)
        rows, following, back = store.driver.run(page(query, 3, last))
        assert (rows, following) == ([], None)
        rows, following, _ = store.driver.run(page(query, 3, before=back))
        assert ([row.id for row in rows], following) == (every[3:6], None)
        for id in every[:3]:
            store.remove(id)
        rows, following, back = store.driver.run(page(query, 3, before=before))
        assert (rows, back) == ([], None)
        rows, _, back = store.driver.run(page(query, 2, following))
        assert ([row.id for row in rows], back) == (every[3:5], None)
        for id in every[3:6]:
            store.remove(id)


@pytest.mark.one_server
def test_a_page_has_one_neighbour(store: Store) -> None:
    cursor = write_open_cursor(QUERY)
    with pytest.raises(QueryError, match='after= or before=, and not both'):
        next(page(QUERY, 5, cursor, cursor))
    with pytest.raises(QueryError, match=r'page\(before=5\): .* gave as its `previous`'):
        next(page(QUERY, 5, before=5))  # type: ignore[arg-type]


@pytest.mark.one_server
def test_rows_that_are_gone_end_no_page(store: Store) -> None:
    """An index may have entries whose row is gone: they fill no page."""
    store.write({id: {'age': id} for id in range(1, 31)})
    for id in range(1, 26):
        store.raw.delete(f'Thing:{id}')
    for order in (['age'], ['-age'], ['flag', 'age'], ['label', 'age']):
        found = store.pages(asked([], order, None), 3)
        expected = range(30, 25, -1) if order == ['-age'] else range(26, 31)
        assert [id for page in found for id in page] == list(expected)
        back = store.pages_back(asked([], order, None), 3)
        assert [id for page in reversed(back) for id in page] == list(expected)


@pytest.mark.one_server
def test_a_large_group_is_walked_by_the_next_order(store: Store) -> None:
    rows = {id: {'age': id % 2, 'price': float(id * 7919 % 3001)} for id in range(1, 3001)}
    rows |= {id: {'age': 1} for id in range(3001, 3101)}
    rows |= {id: {'price': float(id)} for id in range(3101, 3201)}
    store.write(rows)
    for order in (['age', 'price'], ['-age', 'price'], ['age', '-price'], ['-age', '-price']):
        full = {id: {'age': None, 'price': None, **row} for id, row in rows.items()}
        expected = in_order(order, full)
        query = asked([], order, None)
        operation = page(query, 20, None)
        sent = next(operation)
        reply = store.driver.perform(sent)
        with pytest.raises(StopIteration) as end:
            operation.send(reply)
        assert [row.id for row in end.value.value[0]] == expected[:20]
        few = Bounds(budget=500, small=100)
        found = [id for page in store.pages(query, 97, few) for id in page]
        assert found == expected
        back = store.pages_back(query, 397, few)
        assert [id for page in reversed(back) for id in page] == expected


@pytest.mark.one_server
def test_few_matches_that_are_sorted_by_strings(store: Store) -> None:
    """They are sorted here, and some whose id is below the mark's come after it."""
    rows: dict[int, Values] = {
        8: {'words': 'A'},
        9: {'words': 'A', 'price': 0.0},
        10: {'words': 'A', 'price': 0.0},
        11: {'words': 'A', 'blob': b'x'},
    }
    store.write(rows | {id: {} for id in range(1, 8)}, live=False)
    query = store.query.startswith(words='A').order_by('blob', 'price')
    for size in (1, 2, 3):
        found = [id for page in store.pages(query, size) for id in page]
        assert found == [11, 9, 10, 8]
        back = store.pages_back(query, size)
        assert [id for page in reversed(back) for id in page] == [11, 9, 10, 8]


# --- cursors -------------------------------------------------------------------------------------

QUERY = asked([], ['age', '-name'], None)


def test_a_cursor_says_where() -> None:
    row = Row(7, {'age': b'3', 'name': 'né\0'.encode()})
    mark = read_cursor(QUERY, write_cursor(QUERY, row))
    assert mark.id == 7
    assert mark.places[0] == SortKey(b'3.0', b'3')
    assert mark.places[1].raw == 'né\0'.encode()
    nothing = read_cursor(QUERY, write_cursor(QUERY, Row(2**63, {})))
    assert nothing == SortCursor(2**63, (SortKey(None, None), SortKey(None, None)))


@pytest.mark.parametrize(
    ('after', 'says'),
    [
        ('', 'damaged'),
        ('a', 'damaged'),
        ('ä', 'an earlier page gave'),
        (b'AAAA', 'an earlier page gave'),
        (5, 'an earlier page gave'),
        ('AAAAAAAA', 'damaged'),
        (base64.urlsafe_b64encode(b'abcd\x81\xa2id\xa3abc').decode(), 'damaged'),
        (base64.urlsafe_b64encode(b'abcd\x82\xa2id\xa11\xa6places\x91\xc0').decode(), 'damaged'),
        (
            base64.urlsafe_b64encode(b'abcd\x82\xa2id\xa11\xa6places\x91\x92\xa1x\xc0').decode(),
            'damaged',
        ),
        (write_cursor(asked([], ['age'], None), Row(1, {})), 'another order_by'),
        (write_cursor(asked([], ['age', 'name'], None), Row(1, {})), 'another order_by'),
    ],
)
def test_what_is_no_cursor(after: Any, says: str) -> None:
    with pytest.raises(QueryError, match=says):
        next(page(QUERY, 5, after))


@given(text=st.text(max_size=40) | st.binary(max_size=40).map(base64.urlsafe_b64encode))
def test_no_text_does_harm(text: Any) -> None:
    with pytest.raises(QueryError):
        read_cursor(QUERY, text.decode() if isinstance(text, bytes) else text)


@pytest.mark.parametrize('size', [0, -1, None, 2.0, True, '5'])
def test_a_page_has_a_size(size: Any) -> None:
    with pytest.raises(QueryError, match='expected an int of at least 1, got'):
        next(page(QUERY, size, None))


def test_a_page_has_no_limit() -> None:
    for query in (QUERY.limit(0, 5), QUERY.limit(2, 5), QUERY.first_only()):
        with pytest.raises(QueryError, match=r'leave limit\(\) out'):
            next(page(query, 5, None))


def test_filters_may_change_between_pages() -> None:
    """A cursor is a place in an order, and no more."""
    cursor = write_cursor(QUERY, Row(1, {'age': b'3'}))
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        assert read_cursor(QUERY.filter(age=5), cursor).id == 1
