"""Keygens: what rom 1.x's return, then what is ours."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rom._core.encoding.keygens import (
    CASE_INSENSITIVE,
    FULL_TEXT,
    IDENTITY,
    IDENTITY_CI,
    IDENTITY_STRING,
    IDENTITY_STRING_CI,
    SIMPLE,
    SIMPLE_CI,
    TRAITS,
    Traits,
    traits,
)
from rom._core.encoding.scores import prefix_score
from tests.support.golden import golden

ALL = {
    'FULL_TEXT': FULL_TEXT,
    'IDENTITY': IDENTITY,
    'IDENTITY_CI': IDENTITY_CI,
    'IDENTITY_STRING': IDENTITY_STRING,
    'IDENTITY_STRING_CI': IDENTITY_STRING_CI,
    'SIMPLE': SIMPLE,
    'SIMPLE_CI': SIMPLE_CI,
    'CASE_INSENSITIVE': CASE_INSENSITIVE,
}
MAKE: dict[str, Any] = {
    'str': str,
    'bytes': lambda text: text.encode('latin-1'),
    'list': lambda items: [made(item) for item in items],
    'dict': dict,
}
CASES = golden('keygen')
TEXT = st.text(st.characters(codec='utf-8'))


def made(typed: dict[str, Any] | None) -> Any:
    """The Python value of a golden one."""
    if typed is None:
        return None
    [(kind, content)] = typed.items()
    return MAKE[kind](content)


def plain(keys: Any) -> Any:
    """The same for rom 1.x's results and ours: words in any order, nothing is nothing."""
    if not keys:
        return None
    return dict(keys) if isinstance(keys, dict) else sorted(keys)


def name(case: dict[str, Any]) -> str:
    return f'{case["keygen"]}-{case["value"]!a}'


@pytest.mark.parametrize('case', [case for case in CASES if 'errors' not in case], ids=name)
def test_keygens_return_what_those_of_rom_1_do(case: dict[str, Any]) -> None:
    assert plain(ALL[case['keygen']](made(case['value']))) == plain(made(case['returns']))


@pytest.mark.parametrize('case', [case for case in CASES if 'errors' in case], ids=name)
def test_where_keygens_of_rom_1_fail(case: dict[str, Any]) -> None:
    keygen, value = ALL[case['keygen']], made(case['value'])
    if value is None:
        # Ours: no value has no entries, with any keygen.
        assert keygen(value) is None
    else:
        with pytest.raises(UnicodeEncodeError):
            keygen(value)


def test_the_golden_cases_are_there() -> None:
    assert len(CASES) >= 280


@pytest.mark.parametrize('keygen', ALL.values(), ids=ALL)
@pytest.mark.parametrize('value', [None, '', b''])
def test_nothing_has_no_entries(keygen: Any, value: Any) -> None:
    assert not keygen(value)


@pytest.mark.parametrize('value', ['\0', 'a\0b', b'\0', b'\xff\xfe'])
@pytest.mark.parametrize('keygen', [IDENTITY, IDENTITY_CI])
def test_identity_keeps_every_character(keygen: Any, value: str | bytes) -> None:
    assert keygen(value) == [value]


@given(TEXT)
def test_full_text_words_are_clean_and_their_own_words(text: str) -> None:
    words = FULL_TEXT(text) or []
    assert words == sorted(set(words))
    assert '' not in words
    for word in words:
        assert word.split() == [word]
        # A character may lower-case into two (İ), and then once more.
        assert (FULL_TEXT(word) or [word.lower()]) == [word.lower()]


@given(st.binary())
def test_full_text_of_bytes_is_that_of_latin_1(value: bytes) -> None:
    assert (FULL_TEXT(value) or []) == (FULL_TEXT(value.decode('latin-1')) or [])


@given(TEXT)
def test_case_insensitive_keygens_see_lower_case_only(text: str) -> None:
    assert IDENTITY_CI(text) == IDENTITY(text.lower())
    assert SIMPLE_CI(text) == SIMPLE(text.lower())


@given(st.binary(min_size=1))
def test_identity_string_is_bytes(value: bytes) -> None:
    assert IDENTITY_STRING(value) == [value] == IDENTITY_STRING(value.decode('latin-1'))


@given(TEXT.filter(bool), TEXT.filter(bool))
def test_simple_sorts_as_the_first_seven_bytes_do(one: str, other: str) -> None:
    first, second = SIMPLE(one), SIMPLE(other)
    assert first and second
    assert (float(first['']) < float(second[''])) == (one.encode()[:7] < other.encode()[:7])


@given(st.binary(min_size=1))
def test_simple_takes_bytes_as_latin_1(value: bytes) -> None:
    assert SIMPLE(value) == {'': repr(prefix_score(value.decode('latin-1')))}


def test_simple_ci_has_an_older_name() -> None:
    assert CASE_INSENSITIVE is SIMPLE_CI


def test_the_traits_of_our_own() -> None:
    assert set(TRAITS) == set(ALL.values())
    lowering = {FULL_TEXT, IDENTITY_CI, IDENTITY_STRING_CI, SIMPLE_CI}
    assert {keygen for keygen in TRAITS if traits(keygen).lowers} == lowering
    assert {keygen for keygen in TRAITS if traits(keygen).sorts} == {SIMPLE, SIMPLE_CI}
    assert {keygen for keygen in TRAITS if traits(keygen).splits} == {FULL_TEXT}
    reading = {IDENTITY_STRING, IDENTITY_STRING_CI}
    assert {keygen for keygen in TRAITS if traits(keygen).reads_bytes} == reading


@given(TEXT.filter(bool))
def test_the_traits_tell_the_truth(text: str) -> None:
    for keygen, known in TRAITS.items():
        if known.reads_bytes:
            text = text.encode('latin-1', 'replace').decode('latin-1')
        keys = keygen(text)
        assert isinstance(keys, dict) == known.sorts
        if known.lowers:
            # Bytes have a lower case in ASCII only, and so has text that becomes bytes.
            given = text.encode('latin-1').lower() if known.reads_bytes else text.lower()
            assert keys == keygen(given) or text.lower().lower() != text.lower()
        if not known.splits and not known.sorts:
            assert len(keys) == 1


def test_nothing_is_known_of_a_program_s_own_keygen_but_that_it_may_split() -> None:
    assert traits(lambda value: [value]) == Traits(splits=True)
    assert traits(None) == Traits()


def test_a_callable_that_is_not_hashable_is_a_keygen_too() -> None:
    class Words:
        __hash__ = None  # type: ignore[assignment]

        def __call__(self, value: str) -> list[str]:
            return [value]

    assert traits(Words()) == Traits(splits=True)
