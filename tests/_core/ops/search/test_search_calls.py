"""Operations of queries without a server: what they send, and what they make of the replies."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import msgpack
import pytest

from rom._core.encoding import keygens as kg
from rom._core.ops.requests import Pipeline, Script
from rom._core.ops.search import queries
from rom._core.ops.search.bounds import Bounds
from rom.columns import Integer, Text
from rom.exceptions import CorruptRowError, QueryError
from rom.query import Query
from tests._core.ops.search.search_support import model_of
from tests.support.packed import packed_rows

MODEL = model_of(
    age=Integer(index=True),
    words=Text(index=True, prefix=True, keygen=kg.FULL_TEXT),
    tag=Text(prefix=True, keygen=kg.IDENTITY_CI),
)
QUERY = Query(MODEL)
FIELDS = len(MODEL._schema.names)


def asked(request: Any) -> dict[str, Any]:
    assert isinstance(request, Script)
    found: dict[str, Any] = msgpack.unpackb(request.request, raw=True)
    return {name.decode(): value for name, value in found.items()}


def reply(
    *ids: int, position: bytes = b'', further: tuple[int, ...] = (), skipped: int = 0,
    status: bytes = b'ok', broken: tuple[int, ...] = (),
) -> list[Any]:  # fmt: skip
    return [
        status, position, b'%d' % skipped, b'%d' % (len(ids) + len(further)),
        *loaded(*ids, broken=broken), [b'%d' % id for id in further],
    ]  # fmt: skip


def loaded(*ids: int, broken: tuple[int, ...] = ()) -> list[Any]:
    packed = packed_rows([b'%d' % (id % 10), *[False] * (FIELDS - 2)] for id in ids)
    return [[b'%d' % id for id in ids], packed, [b'%d' % id for id in broken]]


def finish(operation: Generator[Any, Any, Any], answer: Any) -> Any:
    with pytest.raises(StopIteration) as end:
        operation.send(answer)
    return end.value.value


def ids(rows: Any) -> list[int]:
    return [row.id for row in rows]


def test_one_request() -> None:
    query = QUERY.filter(age=5).order_by('-age').limit(2, 3)
    operation = queries.search(query)
    request = next(operation)
    sent = asked(request)
    assert (request.name, request.key) == ('search', b'Thing:id:')
    assert (sent['skip'], sent['need'], sent['want']) == (2, 3, b'rows')
    assert (sent['head'], sent['live'], sent['counter']) == (
        b'Thing:', b'Thing:id:live', b'Thing:id:',
    )  # fmt: skip
    assert sent['where'][b'kind'] == b'range'
    assert sent['orders'][0][b'reverse'] is True
    assert not {'position', 'mark', 'tally', 'chunk', 'expiry'} & sent.keys()
    assert sent['fields'] == list(MODEL._schema.fields)
    assert ids(finish(operation, reply(7, 8))) == [7, 8]


def test_no_request_for_nothing() -> None:
    for operation in (queries.search(QUERY.limit(0, 0)), queries.block(QUERY.limit(0, 0), None, 5)):
        with pytest.raises(StopIteration):
            next(operation)


def test_the_rest_is_loaded_in_pages_of_one_trip() -> None:
    operation = queries.search(QUERY, Bounds(page=2))
    assert asked(next(operation))['page'] == 2
    request = operation.send(reply(1, 2, further=(3, 4, 5)))
    assert isinstance(request, Pipeline)
    assert [asked(one)['ids'] for one in request.requests] == [[b'3', b'4'], [b'5']]
    assert ids(finish(operation, [[*loaded(3), []], [*loaded(5), []]])) == [1, 2, 3, 5]


def test_it_goes_on() -> None:
    operation = queries.search(QUERY.limit(5, 4))
    next(operation)
    sent = asked(operation.send(reply(1, position=b'here', skipped=5)))
    assert (sent['position'], sent['skip'], sent['need']) == (b'here', 0, 3)
    sent = asked(operation.send(reply(position=b'there')))
    assert (sent['position'], sent['skip'], sent['need']) == (b'there', 0, 3)
    assert ids(finish(operation, reply(2, 3, 4, position=b'more'))) == [1, 2, 3, 4]


def test_what_was_found_before_is_left_out() -> None:
    """A text may be found by several of its words."""
    operation = queries.search(QUERY.startswith(words='a').limit(0, 4))
    assert asked(next(operation))['need'] == 4
    sent = asked(operation.send(reply(1, 2, position=b'here')))
    # Of those that come, as many may be known already as were found before.
    assert sent['need'] == 2 + 2
    request = operation.send(reply(2, 3, further=(1, 4), position=b'there'))
    assert isinstance(request, Pipeline)
    assert [asked(one)['ids'] for one in request.requests] == [[b'4']]
    assert ids(finish(operation, [[*loaded(4), []]])) == [1, 2, 3, 4]
    operation = queries.search(QUERY.startswith(words='a').limit(0, 4))
    next(operation)
    operation.send(reply(1, 2, position=b'here'))
    assert ids(finish(operation, reply(3, 4, 5, 6))) == [1, 2, 3, 4]


def test_counts_add_up() -> None:
    operation = queries.count(QUERY.filter(age=5).order_by('age').limit(5, 5))
    sent = asked(next(operation))
    assert (sent['want'], sent['skip']) == (b'count', 0)
    assert not {'need', 'orders', 'fields'} & sent.keys()
    operation.send([b'ok', b'here', b'0', b'7', [], [], [], []])
    assert finish(operation, [b'ok', b'', b'0', b'3', [], [], [], []]) == 10


def test_a_count_of_words_counts_ids() -> None:
    operation = queries.count(QUERY.startswith(words='a'))
    assert asked(next(operation))['want'] == b'ids'
    operation.send(reply(position=b'here', further=(1, 2)))
    assert finish(operation, reply(further=(2, 3))) == 3


def test_few_strings_are_sorted_here() -> None:
    operation = queries.search(QUERY.filter(age=(0, 9)).order_by('tag').limit(1, 2).select('age'))
    sent = asked(next(operation))
    assert sent['fields'] == [b'age', b'tag']
    rows = packed_rows([[b'1', b'c'], [b'2', b'B'], [b'3'], [b'4', b'a']])
    answer = [b'unsorted', b'', b'0', b'4', [b'1', b'2', b'3', b'4'], rows, [], []]
    assert ids(finish(operation, answer)) == [2, 1]


def test_many_strings_are_sorted_by_their_column_alone() -> None:
    operation = queries.search(
        QUERY.filter(age=(0, 9)).order_by('-tag').limit(0, 2), Bounds(page=1)
    )
    next(operation)
    request = operation.send(reply(1, further=(2, 3), status=b'unsorted'))
    assert [asked(one)['fields'] for one in request.requests] == [[b'tag']] * 2
    request = operation.send(
        [[[b'2'], packed_rows([[b'a']]), [], []], [[b'3'], packed_rows([[b'b']]), [], []]]
    )
    assert [asked(one)['ids'] for one in request.requests] == [[b'3'], [b'2']]
    assert ids(finish(operation, [[*loaded(3), []], [*loaded(2), []]])) == [3, 2]


def test_pages() -> None:
    operation = queries.block(QUERY.limit(0, 4), None, 2)
    assert asked(next(operation))['page'] == 2
    rows, cursor = finish(operation, reply(1, 2, further=(3,), position=b'here'))
    assert ids(rows) == [1, 2]
    operation = queries.block(QUERY.limit(0, 4), cursor, 2)
    [script] = next(operation).requests
    assert asked(script)['ids'] == [b'3']
    rows, cursor = finish(operation, [[*loaded(3), []]])
    assert ids(rows) == [3]
    operation = queries.block(QUERY.limit(0, 4), cursor, 2)
    sent = asked(next(operation))
    assert (sent['position'], sent['need']) == (b'here', 1)
    assert finish(operation, reply(4)) == (rows.__class__(finish_row(4)), None)


def finish_row(id: int) -> Any:
    operation = queries.search(QUERY)
    next(operation)
    return finish(operation, reply(id))


def test_a_page_is_not_empty_before_the_end() -> None:
    operation = queries.block(QUERY, None, 2)
    next(operation)
    operation.send(reply(position=b'here'))
    operation.send(reply(position=b'there'))
    assert finish(operation, reply()) == ([], None)


def test_broken_rows_come_last_with_the_others() -> None:
    operation = queries.search(QUERY)
    next(operation)
    operation.send(reply(1, broken=(2,), position=b'here'))
    with pytest.raises(CorruptRowError, match='Thing:2 should hold a hash') as error:
        operation.send(reply(3, broken=(4,)))
    assert ids(error.value.entities) == [1, 3]


@pytest.mark.parametrize(
    ('answer', 'kind', 'says'),
    [
        ([b'wrong type', b'Thing:age:idx'], CorruptRowError, 'Thing:age:idx should be an index'),
        ([b'too many ids', b'4294967297'], QueryError, 'go up to 4294967297'),
    ],
)
def test_what_the_script_refuses(answer: Any, kind: type[Exception], says: str) -> None:
    for operation in (queries.search(QUERY), queries.count(QUERY), queries.block(QUERY, None, 1)):
        next(operation)
        with pytest.raises(kind, match=says):
            operation.send(answer)


def test_searches_of_a_model_pack_what_they_have_in_common_once() -> None:
    def first_request(number: int) -> dict[str, Any]:
        query = QUERY.filter(age=number).limit(number, 10)
        found = asked(next(queries.find(query, Bounds()._replace(page=number))))
        assert asked(next(queries.find(query))) == {**found, 'page': 1000}
        return found

    first = first_request(1)
    kept = len(MODEL._schema.memo)
    for number in range(2, 20):
        score = b'%d.0' % number
        assert first_request(number) == {
            **first, 'page': number, 'skip': number,
            'where': {**first['where'], b'low': score, b'high': score},
        }  # fmt: skip
    assert len(MODEL._schema.memo) == kept
