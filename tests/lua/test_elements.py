"""lua/lib/elements.lua, as a part of lua/tally.lua: the elements of JSON arrays, as they are."""

from __future__ import annotations

import json

import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st

from rom._core.drivers.scripts import loaded
from rom._core.encoding.wire import pack

ELEMENTS = (
    st.text(st.characters(codec='utf-8'), max_size=6)
    | st.sampled_from(['"', '\\', '\\"', '],[', ' ', ',', ']', '\n', '\x7f', '\0'])
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.booleans()
)


def elements(raw: redis.Redis, *texts: bytes) -> dict[bytes, int]:
    """The elements that the script counts in these values, with their number."""
    for id, text in enumerate(texts, 1):
        raw.hset(f'N:{id}', 'a', text)
    ids = [str(id) for id in range(1, len(texts) + 1)]
    request = pack({'head': 'N:', 'tally': {'field': 'a', 'way': 'elements'}, 'ids': ids})
    [[without, parts, rest], broken, left] = raw.execute_command(
        'EVAL', loaded('tally').source, 1, 'N:id:', request
    )
    assert (without, rest, broken, left) == (b'0', [], [], [])
    return {parts[at]: int(parts[at + 1]) for at in range(0, len(parts), 3)}


@settings(max_examples=100)
@given(values=st.lists(ELEMENTS, max_size=5), spaces=st.booleans(), is_ascii=st.booleans())
def test_elements_are_those_of_json(
    raw: redis.Redis, values: list[object], spaces: bool, is_ascii: bool
) -> None:
    separators = (' , ', ': ') if spaces else (',', ':')
    text = json.dumps(values, ensure_ascii=is_ascii, separators=separators)
    text = f' [ {text[1:-1]} ] ' if spaces else text
    found = elements(raw, text.encode())
    expected = {json.dumps([value], ensure_ascii=is_ascii).encode() for value in values}
    assert found == dict.fromkeys(expected, 1)


@pytest.mark.parametrize(
    'text',
    [
        '', '[', ']', '"a"', '5', 'x', '{"a":1}', '[1', '["a', '["a\\"]', '[1,]', '[,1]', '[1 2]',
        '["a""b"]', '["a"x]', '[[1]]', '[{}]', '[1]]', '[1],', 'null',
    ],
)  # fmt: skip
@pytest.mark.one_server
def test_any_other_text_is_returned_whole(raw: redis.Redis, text: str) -> None:
    assert elements(raw, text.encode()) == {text.encode(): 1}


@pytest.mark.one_server
def test_each_row_counts_once(raw: redis.Redis) -> None:
    found = elements(raw, b'["a","a","b"]', b'["a"]', b'[]')
    assert found == {b'["a"]': 2, b'["b"]': 1}
