"""How a field stands in a record's hash: a JSON object of type, value and module.

The three keys come in this order, as repocket wrote them, and the module is repocket's, so that old
data and new are one. Bytes that are no UTF-8 have a fourth key: ``"encoding": "base64"``.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

MODULE = 'repocket.attributes'
BASE64 = 'base64'


def as_python(kind: str, text: bytes | None) -> dict[str, Any]:
    """A field as a dict that JSON can say.

    Args:
        kind: the attribute's class.
        text: the value, written; None: no value.

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
    """The written value in such a dict; None where it says that there is none.

    Raises:
        ValueError: this is no such dict.

    >>> text_of({'type': 'Bytes', 'value': '/w==', 'encoding': 'base64'})
    b'\\xff'
    """
    if not isinstance(found, Mapping) or 'value' not in found:
        raise ValueError('it has no "value"')
    value = found['value']
    if value is None:
        return None
    if not isinstance(value, str):
        # Not as repocket wrote it, but as somebody might by hand.
        value = json.dumps(value)
    if found.get('encoding') == BASE64:
        try:
            return base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            raise ValueError('its "value" is no base64') from None
    return value.encode('utf-8', 'surrogatepass')


def as_json(field: Mapping[str, Any]) -> str:
    """The text in the hash.

    >>> as_json(as_python('Unicode', 'é'.encode()))
    '{"type": "Unicode", "value": "\\\\u00e9", "module": "repocket.attributes"}'
    """
    return json.dumps(field)


def from_json(raw: str | bytes) -> Any:
    """What the text in the hash says.

    Raises:
        ValueError: it is no JSON.
    """
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        raise ValueError('it is no JSON') from None
