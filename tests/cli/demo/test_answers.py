"""Every character is shown in a way that leaves the line around it alone."""

import sys
import unicodedata

import pytest

from rom.cli.demo.answers import shown

ISOLATES = {'\u2068': '\u2069'}
TURNING = ('R', 'AL', 'AN')


@pytest.mark.parametrize(
    ('text', 'wanted'),
    [
        ('plain text', 'plain text'),
        ('é', 'é'),
        ('🐱', '🐱'),
        ('\u0301', '◌\u0301'),
        ('א', '\u2068א\u2069'),
        ('\u05b0', '◌\u05b0'),
        ('\u00a0', '␣'),
        ('\u200f', '·'),
        ('\u2028', '·'),
        ('\U000e0041', '·'),
        ('\x1b[31m', '·[31m'),
        ('\ud800', '·'),
        ('\u1161', '◌\u1161'),
        ('aא!', 'a\u2068א\u2069!'),
    ],
)
def test_what_is_shown(text: str, wanted: str) -> None:
    assert shown(text) == wanted


def test_no_character_garbles_the_line() -> None:
    for point in range(sys.maxunicode + 1):
        char = chr(point)
        text = shown(char)
        inner = text
        if text[0] in ISOLATES:
            assert text[-1] == ISOLATES[text[0]]
            inner = text[1:-1]
        elif any(unicodedata.bidirectional(c) in TURNING for c in text):
            pytest.fail(f'U+{point:04X} turns its line')
        assert inner.isprintable(), f'U+{point:04X}'
        assert unicodedata.category(inner[0])[0] != 'M', f'U+{point:04X} joins what is before it'
