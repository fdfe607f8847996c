"""Values that repocket wrote under Python 2: the result of ``repr``, instead of JSON.

In Python 2, a string literal without ``u`` is bytes. So its escapes stand for bytes, in UTF-8 most
of the time. Large integers end in ``L``.
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
    """Return the value of JSON, or of the ``repr`` of Python 2.

    Raises:
        ValueError: the text is neither.

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
        raise ValueError('expected JSON or a Python 2 literal') from None


def _as_python_3(token: re.Match[str]) -> str:
    if token['long']:
        return token['long']
    # A bytes literal of Python 3 takes ASCII characters only; other strings are kept as text.
    is_bytes = not token['prefix'] and token['quoted'].isascii()
    return f'b{token["quoted"]}' if is_bytes else token[0]


def _as_text(value: Any) -> Any:
    """Return the value with all bytes in it decoded, to any depth."""
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
