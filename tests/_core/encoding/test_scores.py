"""Scores: the numbers of rom 1.x, bit for bit, and that they sort as strings do."""

import math
from typing import Any

import pytest
import redis
from hypothesis import example, given
from hypothesis import strategies as st

from rom._core.encoding.scores import (
    PREFIX_BYTES,
    nearest_double,
    prefix_score,
    write_score,
    written_prefix_score,
)
from rom.exceptions import InvalidColumnValue
from tests.support.golden import golden

CASES = golden('prefix score')


def string(typed: dict[str, str]) -> str | bytes:
    [(kind, content)] = typed.items()
    return content.encode('latin-1') if kind == 'bytes' else content


@pytest.mark.parametrize('case', CASES, ids=lambda case: ascii(case['value']))
def test_prefix_scores_are_those_of_rom_1(case: dict[str, Any]) -> None:
    assert repr(prefix_score(string(case['value']))) == case['scores']['']


def test_the_golden_cases_are_there() -> None:
    assert len(CASES) >= 54


@given(st.binary(max_size=12), st.binary(max_size=12))
@example(b'', b'\0')
@example(b'a', b'a\0')
@example(b'\xff' * 7, b'\xff' * 6)
@example(b'abcdefg', b'abcdefgh')
def test_prefix_scores_compare_as_the_first_seven_bytes_do(one: bytes, other: bytes) -> None:
    assert (prefix_score(one) < prefix_score(other)) == (one[:7] < other[:7])
    assert (prefix_score(one) == prefix_score(other)) == (one[:7] == other[:7])


@given(st.text(st.characters(codec='utf-8'), max_size=9))
def test_text_has_the_score_of_its_utf_8(text: str) -> None:
    assert prefix_score(text) == prefix_score(text.encode())


@given(st.binary(max_size=9))
def test_prefix_scores_are_positive_finite_and_no_denormals(value: bytes) -> None:
    assert 2.0**-1022 <= prefix_score(value) < math.inf


@given(st.binary(max_size=PREFIX_BYTES))
@example(b'')
@example(b'\0' * PREFIX_BYTES)
@example(b'\xff' * PREFIX_BYTES)
def test_written_prefix_scores_are_read_back_bit_for_bit(head: bytes) -> None:
    assert float(written_prefix_score(head)).hex() == prefix_score(head).hex()


def test_so_are_those_of_every_first_byte_and_so_of_every_exponent() -> None:
    for first in range(256):
        for rest in (b'', b'\0' * 6, b'\x7f' * 6, b'\xff' * 6):
            head = bytes([first]) + rest
            assert float(written_prefix_score(head)).hex() == prefix_score(head).hex()


def test_a_server_reads_them_back_bit_for_bit(raw: redis.Redis) -> None:
    rests = (b'', b'mnopqr', b'\xff' * 6)
    heads = [bytes([first]) + rest for first in range(256) for rest in rests]
    for head in heads:
        raw.execute_command('ZADD', 'z', written_prefix_score(head), head)
    assert dict(raw.zrange('z', 0, -1, withscores=True)) == {h: prefix_score(h) for h in heads}


def test_the_score_of_a_lone_surrogate_is_refused() -> None:
    with pytest.raises(InvalidColumnValue, match='surrogate at position 1'):
        prefix_score('a\ud800')


@pytest.mark.parametrize(
    ('number', 'score'),
    [
        (0, 0.0),
        (-1, -1.0),
        (2**53 + 1, 2.0**53),
        (2**63, 2.0**63),
        (2**256, 2.0**256),
        (-(2**256), -(2.0**256)),
        (2**1023, 2.0**1023),
    ],
)
def test_integers_have_the_nearest_double(number: int, score: float) -> None:
    assert nearest_double(number) == score


@pytest.mark.parametrize('number', [2**1024, 2**2000, 10**5000], ids=int.bit_length)
def test_integers_past_the_doubles_have_an_infinite_score(number: int) -> None:
    """Ours: rom 1.x could not index them at all."""
    assert nearest_double(number) == math.inf
    assert nearest_double(-number) == -math.inf


@given(st.integers(), st.integers())
def test_the_doubles_of_integers_keep_their_order(one: int, other: int) -> None:
    if one <= other:
        assert nearest_double(one) <= nearest_double(other)


@given(st.floats(allow_nan=False))
@example(5e-324)
@example(2.2250738585072014e-308)
@example(-0.0)
@example(math.inf)
@example(-math.inf)
@example(1.7976931348623157e308)
def test_a_written_score_reads_back_bit_for_bit(score: float) -> None:
    assert float(write_score(score)).hex() == score.hex()


@pytest.mark.parametrize(
    ('score', 'written'),
    [(3, b'3.0'), (1e22, b'1e+22'), (math.inf, b'inf'), (-math.inf, b'-inf'), (True, b'1.0')],
)
def test_scores_are_written_as_repr_does(score: float, written: bytes) -> None:
    assert write_score(score) == written
