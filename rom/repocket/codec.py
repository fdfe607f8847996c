"""Encoding of a field in a record's hash: a JSON object of type, value and module.

The three keys have the same order and the same module name as in repocket, so that old and new data
look the same. Bytes that are not UTF-8 add a fourth key: ``"encoding": "base64"``.

Under Python 2, repocket wrote the ``repr`` of a value instead of JSON; `read_value` reads both. In
Python 2, a string literal without ``u`` is bytes. So its escapes stand for bytes, in UTF-8 most of
the time. Large integers end in ``L``.
"""

from __future__ import annotations

import ast
import base64
import binascii
import json
import re
from collections.abc import Mapping
from typing import Any

MODULE = 'repocket.attributes'
BASE64 = 'base64'


def as_python(kind: str, text: bytes | None) -> dict[str, Any]:
    """Return a field as a dict for JSON.

    Args:
        kind: the name of the attribute's class.
        text: the encoded value, or None.

    >>> as_python('Unicode', b'x')
    {'type': 'Unicode', 'value': 'x', 'module': 'repocket.attributes'}
    """
    if text is None:
        return {'type': kind, 'value': None, 'module': MODULE}
    try:
        return {'type': kind, 'value': text.decode('utf-8'), 'module': MODULE}
    except UnicodeDecodeError:
        value = base64.b64encode(text).decode('ascii')
        return {'type': kind, 'value': value, 'module': MODULE, 'encoding': BASE64}


def text_of(found: Any) -> bytes | None:
    """Return the encoded value in such a dict, or None.

    Raises:
        ValueError: the argument is not such a dict.

    >>> text_of({'type': 'Bytes', 'value': '/w==', 'encoding': 'base64'})
    b'\\xff'
    """
    if not isinstance(found, Mapping) or 'value' not in found:
        raise ValueError('expected an object with a "value"')
    value = found['value']
    if value is None:
        return None
    if not isinstance(value, str):
        # repocket writes strings only, but a value that was written by hand may be a JSON number.
        value = json.dumps(value)
    if found.get('encoding') == BASE64:
        try:
            return base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            raise ValueError('expected base64 in "value"') from None
    return value.encode('utf-8', 'surrogatepass')


def as_json(field: Mapping[str, Any]) -> str:
    """Return the text to store in the hash.

    >>> as_json(as_python('Unicode', 'é'.encode()))
    '{"type": "Unicode", "value": "\\\\u00e9", "module": "repocket.attributes"}'
    """
    return json.dumps(field)


def from_json(raw: str | bytes) -> Any:
    """Return the data of the text in the hash.

    Raises:
        ValueError: the text is not JSON.
    """
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        raise ValueError('expected JSON') from None


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
