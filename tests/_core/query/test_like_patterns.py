"""Patterns, taken apart."""

import pytest

from rom._core.query.like_patterns import Token, parse

NOTHING_MORE: list[Token] = []


@pytest.mark.parametrize(
    ('pattern', 'head', 'tokens'),
    [
        ('', '', NOTHING_MORE),
        ('ab', 'ab', NOTHING_MORE),
        ('ab*', 'ab', NOTHING_MORE),
        ('ab?', 'ab', NOTHING_MORE),
        ('*?*', '', NOTHING_MORE),
        ('ab+', 'ab', [Token(1, None, '')]),
        ('ab!!', 'ab', [Token(2, 2, '')]),
        ('!?*b', '', [Token(1, None, 'b')]),
        ('a??b!c', 'a', [Token(0, 2, 'b'), Token(1, 1, 'c')]),
        ('a*b*', 'a', [Token(0, None, 'b')]),
        ('%d.[x]-^$\\', '%d.[x]-^$\\', NOTHING_MORE),
        ('a\n*\0', 'a\n', [Token(0, None, '\0')]),
    ],
)
def test_parse(pattern: str, head: str, tokens: list[Token]) -> None:
    assert parse(pattern) == (head, tokens)
