"""The names of the keys: contract, section 8."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rom._core.encoding.keys import Keys
from rom.exceptions import InvalidColumnValue

KEYS = Keys('users', 'number')


def test_the_layout() -> None:
    """Fixed: rom 1.x reads and writes the same keys (all but `live`, `done` and `epochs`)."""
    assert KEYS.head == b'users:'
    assert KEYS.counter == b'users:number:'
    assert KEYS.live == b'users:number:live'
    assert KEYS.attempts == b'users:number:done:'
    assert KEYS.epochs == b'users:number:epochs'
    assert KEYS.row(5) == KEYS.row(b'5') == b'users:5'
    assert KEYS.scores('age') == b'users:age:idx'
    assert KEYS.scores('age:x') == b'users:age:x:idx'
    assert KEYS.word('name', 'cat') == b'users:name:cat:idx'
    assert KEYS.unique(['email']) == b'users:email:uidx'
    assert KEYS.prefixes('name') == b'users:name:pre'
    assert KEYS.suffixes('name') == b'users:name:suf'
    assert KEYS.geo('home') == b'users:home:geo'


def test_a_group_of_unique_columns_is_sorted() -> None:
    assert KEYS.unique(['b', 'a']) == KEYS.unique(('a', 'b')) == b'users:a:b:uidx'


def test_a_sub_index_has_the_key_of_a_word() -> None:
    assert KEYS.scores('col:x') == KEYS.word('col', 'x')


@pytest.mark.parametrize('word', ['', '\0', 'a:b', 'é', b'\xff\0', 'a b'])
def test_any_word_goes_in_as_it_is(word: str | bytes) -> None:
    raw = word if isinstance(word, bytes) else word.encode()
    assert KEYS.word('c', word) == b'users:c:' + raw + b':idx'


@pytest.mark.parametrize('id', [1, 2**63, 2**256])
def test_ids_keep_their_digits(id: int) -> None:
    assert KEYS.row(id) == f'users:{id}'.encode()


def test_names_that_are_not_ascii_are_utf_8() -> None:
    german = Keys('Bücher', 'schlüssel')
    assert german.counter == 'Bücher:schlüssel:'.encode()
    assert german.scores('größe') == 'Bücher:größe:idx'.encode()


def test_a_hash_tag_stays_a_hash_tag() -> None:
    tagged = Keys('{users}', 'id')
    assert {key.partition(b'}')[0] for key in (tagged.row(1), tagged.counter, tagged.live)} == {
        b'{users'
    }


def test_a_word_that_is_no_utf_8_is_refused() -> None:
    with pytest.raises(InvalidColumnValue, match='surrogate'):
        KEYS.word('c', '\ud800')


@given(st.integers(1), st.integers(1))
def test_different_ids_have_different_rows(one: int, other: int) -> None:
    assert (KEYS.row(one) == KEYS.row(other)) == (one == other)


def test_keys_are_values() -> None:
    assert Keys('a', 'id') == Keys('a', 'id') != Keys('a', 'number')
    with pytest.raises(AttributeError):
        KEYS.namespace = 'x'  # type: ignore[misc]
