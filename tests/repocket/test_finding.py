"""Finding records: a search that takes several calls, without a server."""

from typing import Any

import pytest

from rom._core.encoding.wire import unpack
from rom._core.ops.requests import Pipeline, Script
from rom.exceptions import CorruptRowError
from rom.repocket import ActiveRecord, attributes, finding
from rom.repocket.criteria import criteria_of
from tests.support.packed import packed_rows


class SoughtThing(ActiveRecord):
    n = attributes.Integer(index=True)


LAYOUT = SoughtThing._layout
IDS = [b'5f3c6f38-9d4b-11ee-b962-0242ac12%04d' % n for n in range(9)]


def values(n: int) -> list[bytes]:
    return [attributes.UUID.to_json(None).encode(), attributes.Integer.to_json(n).encode()]


def test_it_goes_on_where_the_script_ended() -> None:
    operation = finding.find(LAYOUT, criteria_of(LAYOUT, {'n__gt': 5}))
    first = next(operation)
    assert isinstance(first, Script) and first.name == 'search'
    asked = unpack(first.request)
    assert asked['position'] is None and asked['unnumbered'] is True
    # The script includes the bound; the records do not.
    answer = [
        b'ok',
        b'here',
        b'0',
        b'2',
        IDS[:2],
        packed_rows([values(5), values(6)]),
        [],
        IDS[2:3],
    ]
    second = operation.send(answer)
    assert isinstance(second, Script)
    assert unpack(second.request)['position'] == b'here'
    third = operation.send([b'ok', b'', b'0', b'0', [], packed_rows([]), [], []])
    assert isinstance(third, Pipeline)
    with pytest.raises(StopIteration) as end:
        operation.send([[IDS[2:3], packed_rows([values(7)]), []]])
    matches: Any = end.value.value
    assert [id for id, _ in matches.rows] == IDS[1:3]
    assert matches.scanned == 0 and matches.errors == []


def test_an_index_of_another_type() -> None:
    operation = finding.find(LAYOUT, criteria_of(LAYOUT, {'n': 5}))
    next(operation)
    with pytest.raises(CorruptRowError, match='the:key: expected an index') as error:
        operation.send([b'wrong type', b'the:key'])
    assert error.value.key == 'the:key'
