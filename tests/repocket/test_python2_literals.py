"""Values as Python 2 wrote them."""

from typing import Any

import pytest

from rom.repocket.python2_literals import read_value


@pytest.mark.parametrize(
    ('text', 'value'),
    [
        ('{"a": [1, 2.5, true, null]}', {'a': [1, 2.5, True, None]}),
        ("{'a': u'b'}", {'a': 'b'}),
        ("{u'a': [u'b', 1, 2L, -3L, 1.5, True, None]}", {'a': ['b', 1, 2, -3, 1.5, True, None]}),
        ("u'x'", 'x'),
        ("'x'", 'x'),
        (r"u'caf\xe9 \u20ac'", 'café €'),
        (r"'caf\xc3\xa9'", 'café'),
        (r"'caf\xe9'", 'café'),
        (r"""{"it's": 'say "5L"', u'\'': "a\\"}""", {"it's": 'say "5L"', "'": 'a\\'}),
        ("{1: 'a'}", {1: 'a'}),
        ("(1, 'a')", (1, 'a')),
        ('None', None),
        ('10L', 10),
        ('"10L"', '10L'),
        ("'é'", 'é'),
        ('""', ''),
        ("''", ''),
    ],
)
def test_values(text: str, value: Any) -> None:
    assert read_value(text) == value


@pytest.mark.parametrize(
    'text', ['', 'hello', "{'a': ", '__import__("os")', 'x + 1', '(' * 5000, "u'"]
)
def test_neither(text: str) -> None:
    with pytest.raises(ValueError, match='expected JSON or a Python 2 literal'):
        read_value(text)
