"""Reading records: the requests, and what is made of replies, without a server."""

from typing import Any

import pytest

from rom._core.encoding.wire import unpack
from rom._core.ops.requests import Command, Pipeline, Script
from rom.repocket import ActiveRecord, attributes, loading
from tests.support.packed import packed_rows


class LoadedThing(ActiveRecord):
    name = attributes.Unicode()


SCHEMA = LoadedThing._record_schema
IDS = [b'5f3c6f38-9d4b-11ee-b962-0242ac12%04d' % n for n in range(2500)]


def shown(request: Any) -> list[Any]:
    assert isinstance(request, Pipeline)
    return [
        len(unpack(one.request)['ids']) if isinstance(one, Script) else one.args[0]
        for one in request.requests
    ]


def reply(ids: list[bytes]) -> list[Any]:
    return [ids, packed_rows([b'{}'] for _ in ids), []]


def test_many_pages_are_one_trip() -> None:
    operation = loading.load(SCHEMA, IDS)
    assert shown(next(operation)) == [1000, 1000, 500]
    with pytest.raises(StopIteration) as end:
        operation.send(
            [reply(IDS[:1000]), reply(IDS[1000:2000]), [[], packed_rows(()), IDS[2000:]]]
        )
    found = end.value.value
    assert [id for id, _ in found.rows] == IDS[:2000]
    assert found.rows[0][1] == {'id': b'{}'}
    assert found.broken == IDS[2000:]


def test_nothing_is_no_trip() -> None:
    with pytest.raises(StopIteration) as end:
        next(loading.load(SCHEMA, []))
    assert end.value.value.rows == []


def test_a_scan_reads_while_it_looks_on() -> None:
    """What SCAN names twice is read once, and what is no record is left out."""
    keys = [SCHEMA.head + id for id in IDS[:3]]
    operation = loading.scan(SCHEMA)
    first = next(operation)
    assert shown(first) == ['SCAN']
    assert isinstance(first, Pipeline) and isinstance(first.requests[0], Command)
    assert first.requests[0].args[1:3] == (0, 'MATCH')
    assert shown(operation.send([[b'17', [keys[0], keys[0], SCHEMA.head + b'x' * 36]]])) == [
        'SCAN', 1,
    ]  # fmt: skip
    assert shown(operation.send([[b'0', keys], reply(IDS[:1])])) == [2]
    with pytest.raises(StopIteration) as end:
        operation.send([reply(IDS[1:3])])
    assert [id for id, _ in end.value.value.rows] == IDS[:3]
