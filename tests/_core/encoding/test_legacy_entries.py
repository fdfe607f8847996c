"""`-index-data-`: what a list of rom 1.x names, and the list that we write for it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rom._core.encoding.keys import Keys
from rom._core.encoding.legacy_entries import list_entries, listed_entries
from tests.support.golden import golden

KEYS = Keys('N', 'id')
LISTS = {json.dumps(lists) for case in golden() for lists in case.get('index_data', {}).values()}
TEXT = st.text(st.characters(codec='utf-8'), max_size=6)
NAMES = st.sampled_from(['c', 'd', 'ü'])


def listed(*lists: Any) -> dict[tuple[bytes, bytes], bytes | None]:
    return listed_entries(KEYS, json.dumps(lists).encode())


def test_every_kind_of_entry() -> None:
    assert listed(['c:cat'], ['n', 'c:x'], [['c', 'cat']], [['c', 'tac']], ['home']) == {
        (b'N:c:cat:idx', b''): None,
        (b'N:n:idx', b''): b'',
        (b'N:c:x:idx', b''): b'',
        (b'N:c:pre', b'cat\0'): b'',
        (b'N:c:suf', b'tac\0'): b'',
        (b'N:home:geo', b''): b'',
    }


def test_an_empty_list_may_be_a_map() -> None:
    """A Lua table does not know which of the two it is."""
    assert listed({}, {}, {}, {}, {}) == {}
    assert listed({}, ['n'], {}, {}, {}) == {(b'N:n:idx', b''): b''}


def test_geo_names_filed_under_the_suffixes() -> None:
    """A known fault of rom 1.x."""
    assert listed([], [], [], ['home', ['c', 'tac']], {}) == {
        (b'N:home:geo', b''): b'',
        (b'N:c:suf', b'tac\0'): b'',
    }


@pytest.mark.parametrize('word', ['', '\0', 'a:b', 'é', '€😀', 'a b'])
def test_words_and_values_of_any_text(word: str) -> None:
    assert listed([f'c:{word}'], [], [['c', word]], [['c', word[::-1]]], []) == {
        (b'N:c:' + word.encode() + b':idx', b''): None,
        (b'N:c:pre', word.encode() + b'\0'): b'',
        (b'N:c:suf', word[::-1].encode() + b'\0'): b'',
    }


@pytest.mark.parametrize(
    'raw',
    [b'', b'null', b'5', b'"abcde"x', b'[', b'[]', b'[[], [], [], []]', b'[[],[],[],[],[],[]]',
     b'\xff', b'\0'],
)  # fmt: skip
def test_what_is_no_list_of_five_names_nothing(raw: bytes) -> None:
    assert listed_entries(KEYS, raw) == {}


@pytest.mark.parametrize(
    'raw',
    [
        b'[1, 2, 3, 4, 5]',
        b'[[5], [], [], [], []]',
        b'[[], [null], [], [], []]',
        b'[[], [], [["c"]], [], []]',
        b'[[], [], [["c", 5]], [], []]',
        b'[[], [], [5], [], []]',
        b'[[], [], [], [], [[]]]',
        b'["\\ud800", [], [], [], []]',
        b'[' * 100_000,
    ],
    ids=lambda raw: raw[:30].decode(),
)
def test_lists_of_another_shape_name_nothing(raw: bytes) -> None:
    assert listed_entries(KEYS, raw) == {}


@pytest.mark.parametrize('raw', [b'"abcde"', b'{"a": 1, "b": 1, "c": [], "d": [], "e": []}'])
def test_five_of_something_else_names_nothing(raw: bytes) -> None:
    assert listed_entries(KEYS, raw) == {}


@pytest.mark.parametrize('lists', sorted(LISTS), ids=ascii)
def test_the_lists_of_rom_1_come_back_as_they_were(lists: str) -> None:
    entries = listed_entries(KEYS, lists.encode())
    written = [sorted(part) for part in json.loads(list_entries(KEYS, entries))]
    assert written == json.loads(lists)


def test_the_golden_lists_are_there() -> None:
    assert len(LISTS) > 100


@given(
    words=st.sets(st.tuples(NAMES, TEXT), max_size=3),
    scored=st.sets(NAMES, max_size=2),
    prefixes=st.sets(st.tuples(NAMES, TEXT), max_size=3),
    suffixes=st.sets(st.tuples(NAMES, TEXT), max_size=3),
)
def test_a_list_that_we_write_names_the_entries_it_was_made_of(
    words: set[tuple[str, str]],
    scored: set[str],
    prefixes: set[tuple[str, str]],
    suffixes: set[tuple[str, str]],
) -> None:
    entries: dict[tuple[bytes, bytes], bytes | None] = {
        (KEYS.word(name, word), b''): None for name, word in words
    }
    entries |= {(KEYS.scores(name), b''): b'1.0' for name in scored}
    entries |= {(KEYS.prefixes(name), word.encode() + b'\0'): b'1.0' for name, word in prefixes}
    entries |= {(KEYS.suffixes(name), word.encode() + b'\0'): b'1.0' for name, word in suffixes}
    written = list_entries(KEYS, entries)
    unscored = {entry: score and b'' for entry, score in entries.items()}
    assert listed_entries(KEYS, written) == unscored
    written.decode('ascii')


def test_a_list_has_five_parts_even_when_empty() -> None:
    assert list_entries(KEYS, {}) == b'[[], [], [], [], []]'


def test_bytes_that_rom_1_could_not_have_are_written_all_the_same() -> None:
    """Ours: 1.x failed on them. The list stays JSON, so that 1.x can read the row."""
    entries = {(KEYS.word('c', b'\xff'), b''): None}
    assert json.loads(list_entries(KEYS, entries)) == [['c:ÿ'], [], [], [], []]
