"""Values as repocket wrote them under Python 2: what ``repr`` gave, not JSON.

There, a string without ``u`` was bytes, so that its escapes are those of bytes, in UTF-8 most of
the time; and a large integer ended in ``L``.
"""

from __future__ import annotations

import ast
import json
import re
from typing import Any

_TOKEN = re.compile(
    r"""(?P<prefix>\b[uUbB]?[rR]?)?(?P<quoted>'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")"""
    r"""|\b(?P<long>0x[0-9a-fA-F]+|\d+)[lL]\b""",
    re.DOTALL,
)


def read_value(text: str) -> Any:
    """The value that JSON, or Python 2's ``repr``, was written of.

    Raises:
        ValueError: it is neither.

    >>> read_value('{"a": null}'), read_value("{u'a': u'caf\\\\xe9', 'b': 'caf\\\\xc3\\\\xa9'}")
    ({'a': None}, {'a': 'café', 'b': 'café'})
    >>> read_value("[1L, 'x L', True]")
    [1, 'x L', True]
    """
    try:
        return json.loads(text)
    except ValueError:
        pass
    try:
        return _as_text(ast.literal_eval(_TOKEN.sub(_as_python_3, text)))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        raise ValueError('it is neither JSON nor a Python literal') from None


def _as_python_3(token: re.Match[str]) -> str:
    if token['long']:
        return token['long']
    # Bytes may not hold other characters than those of ASCII; such a string is text.
    is_bytes = not token['prefix'] and token['quoted'].isascii()
    return f'b{token["quoted"]}' if is_bytes else token[0]


def _as_text(value: Any) -> Any:
    """A value, with text for the bytes in it, to any depth."""
    if isinstance(value, bytes):
        try:
            return value.decode('utf-8')
        except UnicodeDecodeError:
            return value.decode('latin-1')
    if isinstance(value, dict):
        return {_as_text(name): _as_text(item) for name, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return type(value)(_as_text(item) for item in value)
    return value
