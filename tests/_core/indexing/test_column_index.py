"""Entries: those of rom 1.x, member by member and score by score, then what is ours."""

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rom._core.encoding import keygens
from rom._core.encoding.keygens import FULL_TEXT, IDENTITY, IDENTITY_CI, IDENTITY_STRING, SIMPLE
from rom._core.encoding.keys import Keys
from rom._core.encoding.scores import written_prefix_score
from rom._core.indexing.column_index import (
    ColumnIndex,
    Entries,
)
from rom._core.indexing.entry_lists import Members
from rom.columns import Boolean, Column, Decimal, Float, Integer, Json, PrimaryKey, String, Text
from rom.exceptions import InvalidColumnValue
from tests.support.golden import golden

KEYS = Keys('N', 'id')
OPTIONS = ('index', 'prefix', 'suffix')
STRINGS = golden('string index')
CUSTOM = golden('custom keygen')
SCALARS = [
    case
    for case in golden('column')
    if case['column'] in ('Integer', 'Float', 'Decimal', 'Boolean')
]
MAKE: dict[str, Callable[[Any], Any]] = {
    'str': str,
    'bytes': lambda text: text.encode('latin-1'),
    'list': lambda items: [made(item) for item in items],
    'tuple': lambda items: tuple(made(item) for item in items),
    'dict': dict,
    'int': int,
    'float': float,
    'bool': bool,
    'Decimal': str,
}


def made(typed: dict[str, Any] | None) -> Any:
    """The Python value of a golden one."""
    if typed is None:
        return None
    [(kind, content)] = typed.items()
    return MAKE[kind](content)


def name(case: dict[str, Any]) -> str:
    what = case.get('keygen') or case['what']
    return f'{case.get("column")}-{what}-{ascii(case.get("value", case.get("returns")))[:60]}'


def index_of(column: Column[Any], called: str = 'c') -> ColumnIndex:
    column.name = called
    return ColumnIndex(column, KEYS)


def entries(column: Column[Any], value: Any) -> Entries:
    """The entries of a value, which are the same of one row and of many."""
    index, row = index_of(column), {'c': column.check(value)}
    found = index.entries(row)
    if not index.depends_on_others:
        many = Members()
        index.add_rows((b'',), (row,), many)
        assert many.entries() == found
    return found


def observed(found: Entries, step: str) -> dict[str, Any]:
    """Entries in the terms of the golden cases, whose id is 1."""

    def text(raw: bytes) -> str:
        return raw.decode('latin-1')

    if step == 'index':
        names = {text(key[len(KEYS.head) : -len(b':idx')]): s for (key, _), s in found.items()}
        return {
            'words': sorted(name for name, score in names.items() if score is None),
            'scores': {name: float(score) for name, score in names.items() if score is not None},
        }
    assert {key for key, _ in found} <= {
        KEYS.prefixes('c') if step == 'prefix' else KEYS.suffixes('c')
    }
    members = {text(stem + b'1'): score for (_, stem), score in found.items()}
    return {
        f'{step}es': sorted(members),
        f'{step}_scores': {member: float(score or b'nan') for member, score in members.items()},
    }


def recorded(case: dict[str, Any], step: str) -> dict[str, Any]:
    if step == 'index':
        scores = case['scores'].items()
        return {
            'words': sorted(case['words']),
            'scores': {name: float(score) for name, score in scores},
        }
    scores = case[f'{step}_scores'].items()
    return {
        f'{step}es': sorted(case[f'{step}es']),
        f'{step}_scores': {member: float(score) for member, score in scores},
    }


def steps(cases: list[dict[str, Any]], failed: bool) -> list[Any]:
    return [
        pytest.param(case, step, id=f'{name(case)}-{step}')
        for case in cases
        for step in OPTIONS
        if (step in case.get('errors', {})) is failed
    ]


# Golden.


@pytest.mark.parametrize(('case', 'step'), steps(STRINGS, failed=False))
def test_strings_are_indexed_as_by_rom_1(case: dict[str, Any], step: str) -> None:
    kind = {'Text': Text, 'String': String}[case['column']]
    column = kind(keygen=getattr(keygens, case['keygen']), **{step: True})
    assert observed(entries(column, made(case['value'])), step) == recorded(case, step)


@pytest.mark.parametrize(('case', 'step'), steps(STRINGS, failed=True))
def test_where_rom_1_cannot_index_strings(case: dict[str, Any], step: str) -> None:
    """Ours: bytes that are no UTF-8 can be indexed. Text beyond latin-1 cannot be bytes."""
    kind = {'Text': Text, 'String': String}[case['column']]
    column = kind(keygen=getattr(keygens, case['keygen']), **{step: True})
    value = made(case['value'])
    if case['errors'][step] == 'UnicodeDecodeError':
        assert entries(column, value)
    else:
        assert case['errors'][step] == 'UnicodeEncodeError'
        with pytest.raises(InvalidColumnValue, match=r'^N\.c: the keygen failed on .*latin-1'):
            entries(column, value)


@pytest.mark.parametrize(('case', 'step'), steps(CUSTOM, failed=False))
def test_custom_keygens_are_taken_as_by_rom_1(case: dict[str, Any], step: str) -> None:
    column = Text(keygen=lambda value: made(case['returns']), **{step: True})
    assert observed(entries(column, 'x'), step) == recorded(case, step)


@pytest.mark.parametrize('case', [case for case in SCALARS if 'errors' not in case], ids=name)
def test_numbers_and_booleans_are_indexed_as_by_rom_1(case: dict[str, Any]) -> None:
    kind = {'Integer': Integer, 'Float': Float, 'Decimal': Decimal, 'Boolean': Boolean}
    column = kind[case['column']](index=True)
    assert observed(entries(column, made(case['value'])), 'index') == recorded(case, 'index')


@pytest.mark.parametrize('case', [case for case in SCALARS if 'errors' in case], ids=name)
def test_where_rom_1_cannot_index_numbers(case: dict[str, Any]) -> None:
    """Ours: integers of any size have a score; NaN is refused with an error of ours."""
    if case['column'] == 'Integer':
        [score] = entries(Integer(index=True), made(case['value'])).values()
        assert score in (b'inf', b'-inf')
    else:
        kind = {'Float': Float, 'Decimal': Decimal}[case['column']]
        with pytest.raises(InvalidColumnValue, match='an indexed column cannot hold NaN'):
            entries(kind(index=True), made(case['value']))


def test_the_golden_cases_are_there() -> None:
    assert len(STRINGS) >= 272
    assert len(CUSTOM) >= 12


# Forms of entries.


def test_every_form() -> None:
    column = Text(index=True, prefix=True, suffix=True, keygen=FULL_TEXT)
    assert entries(column, 'né') == {
        (b'N:c:n\xc3\xa9:idx', b''): None,
        (b'N:c:pre', b'n\xc3\xa9\0'): written_prefix_score('né'.encode()),
        (b'N:c:suf', b'\xc3\xa9n\0'): written_prefix_score('én'.encode()),
    }
    assert entries(Integer(index=True), 5) == {(b'N:c:idx', b''): b'5.0'}


@pytest.mark.parametrize('column', [
    Text(index=True, prefix=True, suffix=True, keygen=IDENTITY),
    Integer(index=True),
    Boolean(index=True),
    Json(index=True, keygen=lambda value: 1 // 0),
])  # fmt: skip
def test_no_value_has_no_entries_and_no_keygen_is_asked(column: Column[Any]) -> None:
    assert index_of(column).entries({'c': None}) == {}


@pytest.mark.parametrize('keygen', [FULL_TEXT, IDENTITY, IDENTITY_CI, SIMPLE])
def test_an_empty_string_has_no_entries(keygen: Any) -> None:
    column = Text(index=True, prefix=True, suffix=True, keygen=keygen)
    assert entries(column, '') == {}


@pytest.mark.parametrize('raw', [b'\xff', b'\xff\0\xfe', b'\x80' * 9])
def test_bytes_that_are_no_utf_8_are_indexed_as_they_are(raw: bytes) -> None:
    """Ours: rom 1.x failed to index and to prefix them. Reversed ones it wrote as latin-1 text."""
    column = String(index=True, prefix=True, suffix=True, keygen=IDENTITY_STRING)
    reversed_text = raw[::-1].decode('latin-1').encode()
    assert entries(column, raw) == {
        (b'N:c:' + raw + b':idx', b''): None,
        (b'N:c:pre', raw + b'\0'): written_prefix_score(raw),
        (b'N:c:suf', reversed_text + b'\0'): written_prefix_score(raw[::-1]),
    }


def test_values_with_nuls_keep_them() -> None:
    found = entries(Text(index=True, prefix=True, keygen=IDENTITY), 'a\0\0')
    assert found.keys() == {(b'N:c:a\0\0:idx', b''), (b'N:c:pre', b'a\0\0\0')}


@pytest.mark.parametrize(
    ('value', 'score'),
    [
        (2**63, b'9.223372036854776e+18'),
        (2**256, b'1.157920892373162e+77'),
        (10**4200, b'inf'),
        (-(10**4200), b'-inf'),
    ],
    ids=['2**63', '2**256', '10**4200', '-10**4200'],
)
def test_integers_of_any_size_have_a_score(value: int, score: bytes) -> None:
    assert entries(Integer(index=True), value) == {(b'N:c:idx', b''): score}
    assert entries_of_primary(value) == {(b'N:c:idx', b''): score}


def entries_of_primary(value: int) -> Entries:
    return index_of(PrimaryKey(index=True)).entries({'c': value})


@pytest.mark.parametrize('value', [5e-324, -5e-324, math.inf, -math.inf, 1e308, 0.1])
def test_floats_have_themselves_as_score(value: float) -> None:
    [score] = entries(Float(index=True), value).values()
    assert float(score or b'nan') == value


def test_a_boolean_s_words() -> None:
    assert entries(Boolean(index=True), True) == {(b'N:c:True:idx', b''): None}
    assert entries(Boolean(index=True), False) == {(b'N:c:False:idx', b''): None}


# What keygens return.


@pytest.mark.parametrize(
    'words',
    [
        ['a', 'b'],
        ('b', 'a'),
        {'a', 'b'},
        frozenset('ab'),
        ['a', 'b', 'a'],
        [b'a', 'b'],
        {'a': None, 'b': None},
    ],
)
def test_words_come_in_any_collection(words: Any) -> None:
    column = Text(index=True, keygen=lambda value: words)
    assert entries(column, 'x').keys() == {(b'N:c:a:idx', b''), (b'N:c:b:idx', b'')}


def test_a_dict_has_numbers_by_sub_index_and_words() -> None:
    column = Text(index=True, keygen=lambda value: {'': 1, 'x': '2.5', 'y': None, 'z': 0})
    assert entries(column, 'v') == {
        (b'N:c:idx', b''): b'1.0',
        (b'N:c:x:idx', b''): b'2.5',
        (b'N:c:y:idx', b''): None,
        (b'N:c:z:idx', b''): b'0.0',
    }


@pytest.mark.parametrize('nothing', [None, [], (), {}, set(), frozenset()])
def test_nothing_returned_means_no_entries(nothing: Any) -> None:
    column = Text(index=True, prefix=True, suffix=True, keygen=lambda value: nothing)
    assert entries(column, 'x') == {}


@pytest.mark.parametrize('option', OPTIONS)
@pytest.mark.parametrize(
    'nonsense',
    ['abc', b'abc', 5, 1.5, object(), [1], [None], [['a']], ('a', 5), iter('ab')],
    ids=lambda value: type(value).__name__,
)
def test_nonsense_is_refused_by_name(option: str, nonsense: Any) -> None:
    column = Text(keygen=lambda value: nonsense, **{option: True})
    with pytest.raises(InvalidColumnValue) as caught:
        entries(column, 'x')
    message = str(caught.value)
    assert message.startswith('N.c: its keygen returned ')
    assert repr(nonsense) in message
    assert 'expected a list of words' in message


def test_a_keygen_that_raises_is_named_with_the_value_and_the_cause() -> None:
    column = Text(index=True, keygen=lambda value: 1 // 0)  # type: ignore[arg-type,return-value]
    with pytest.raises(InvalidColumnValue) as caught:
        entries(column, 'some value')
    assert "N.c: the keygen failed on 'some value': ZeroDivisionError" in str(caught.value)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_nan_from_a_keygen_is_refused() -> None:
    column = Text(index=True, keygen=lambda value: {'x': math.nan})
    with pytest.raises(InvalidColumnValue, match=r'^N\.c: expected a number to index, got nan'):
        entries(column, 'x')


@pytest.mark.parametrize('number', ['abc', [], 1j, b'\xff', object, ''], ids=repr)
def test_a_number_that_is_none_is_refused_by_name(number: Any) -> None:
    column = Text(index=True, keygen=lambda value: {'x': number})
    with pytest.raises(InvalidColumnValue, match=r'^N\.c: expected a number to index'):
        entries(column, 'x')


@pytest.mark.parametrize('result', [{5: None}, {5: 1.0}, {('a',): 1.0}], ids=repr)
def test_a_dict_of_nonsense_is_refused_by_name(result: Any) -> None:
    column = Text(index=True, keygen=lambda value: result)
    with pytest.raises(InvalidColumnValue, match=r'^N\.c: '):
        entries(column, 'x')


def test_the_name_of_a_sub_index_may_be_bytes() -> None:
    column = Text(index=True, keygen=lambda value: {b'x': 1.0})  # type: ignore[dict-item]
    assert entries(column, 'x') == {(b'N:c:x:idx', b''): b'1.0'}


def test_an_empty_name_without_a_number_is_the_empty_word() -> None:
    column = Text(index=True, keygen=lambda value: {'': None})
    assert entries(column, 'x') == {(b'N:c::idx', b''): None}


def test_a_huge_number_from_a_keygen_has_an_infinite_score() -> None:
    column = Text(index=True, keygen=lambda value: {'': 10**400, 'x': -(10**400)})
    assert list(entries(column, 'x').values()) == [b'inf', b'-inf']


@pytest.mark.parametrize('option', OPTIONS)
def test_a_word_with_a_lone_surrogate_is_refused_by_name(option: str) -> None:
    column = Text(keygen=lambda value: ['\ud800'], **{option: True})
    with pytest.raises(InvalidColumnValue, match=r'^N\.c: .*surrogate'):
        entries(column, 'x')


@pytest.mark.parametrize('value', ['x', '', 'é', 'x' * 300])
def test_a_whole_text_is_a_word(value: str) -> None:
    expected = {(b'N:c:' + value.encode() + b':idx', b''): None} if value else {}
    assert entries(Text(index=True, keygen=IDENTITY), value) == expected


def test_a_whole_text_with_a_lone_surrogate_is_refused_by_name() -> None:
    index = index_of(Text(index=True, keygen=IDENTITY))
    with pytest.raises(InvalidColumnValue, match=r'^N\.c: .*surrogate'):
        index.add_values((b'1', b'2'), ('x', '\ud800'), Members())


def test_a_keygen_that_is_not_hashable_works() -> None:
    class Words:
        __hash__ = None  # type: ignore[assignment]

        def __call__(self, value: str) -> list[str]:
            return [value]

    assert entries(Text(index=True, keygen=Words()), 'x') == {(b'N:c:x:idx', b''): None}


def test_prefixes_of_a_dict_are_none() -> None:
    column = Text(prefix=True, suffix=True, keygen=lambda value: {'': 1.0, 'x': None})
    assert entries(column, 'x') == {}


def test_a_sorting_keygen_has_the_whole_value_in_prefixes_and_suffixes() -> None:
    column = String(prefix=True, suffix=True, keygen=SIMPLE)
    assert {stem for _, stem in entries(column, b'a\xff')} == {b'a\xc3\xbf\0', b'\xc3\xbfa\0'}


# keygen2.


def test_keygen2_gets_the_name_and_all_values() -> None:
    seen: list[Any] = []

    def keygen2(name: str, values: Any) -> list[str]:
        seen.append((name, dict(values)))
        return [values['a'] + values['c']]

    index = index_of(Text(index=True, keygen2=keygen2))
    assert index.depends_on_others
    assert index.entries({'a': 'x', 'c': 'y'}) == {(b'N:c:xy:idx', b''): None}
    assert seen == [('c', {'a': 'x', 'c': 'y'})]


def test_keygen2_is_asked_only_about_a_value_that_is_there() -> None:
    """As in rom 1.1.2 (seen by running it), unless the column stores nothing."""

    class OnlyIndexed(Text):
        is_stored = False

    for kind, entries in ((Text, {}), (OnlyIndexed, {(b'N:c:x:idx', b''): None})):
        index = index_of(kind(index=True, keygen2=lambda name, values: [values['a']]))
        assert index.entries({'a': 'x', 'c': None}) == entries


def test_keygen2_that_raises_is_named() -> None:
    index = index_of(Text(index=True, keygen2=lambda name, values: [values['nope']]))
    with pytest.raises(InvalidColumnValue, match=r"^N\.c: the keygen failed on 'x': KeyError"):
        index.entries({'c': 'x'})


def test_a_keygen_does_not_depend_on_others() -> None:
    assert not index_of(Text(index=True, keygen=IDENTITY)).depends_on_others


@given(st.lists(st.text(st.characters(codec='utf-8'), min_size=1), max_size=5))
def test_entries_are_the_same_each_time(words: list[str]) -> None:
    column = Text(index=True, prefix=True, suffix=True, keygen=FULL_TEXT)
    assert entries(column, ' '.join(words)) == entries(column, ' '.join(reversed(words)))
