"""Attribute for JSON values."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from rom._core.encoding.text import as_bytes
from rom.exceptions import InvalidOperation
from rom.repocket.attributes.base import Attribute
from rom.repocket.python2_literals import read_value


class JSON(Attribute):
    """Attribute of lists, dicts with str keys, str, numbers and booleans, up to 200 levels deep.

    A save notices changes inside a value. A tuple is loaded as a list. Python literals in old data
    are read; the next save that changes them writes JSON.
    """

    base_type = object
    empty = None
    can_be_indexed = False

    def _cast(self, value: Any) -> Any:
        self._write(value)
        return value

    def _write(self, value: Any) -> bytes:
        _check(self, value, 0)
        return as_bytes(json.dumps(value))

    def _read(self, text: bytes) -> Any:
        return read_value(text.decode('utf-8'))

    def column(self) -> NoReturn:
        raise InvalidOperation(f'{self.name}: a JSON attribute has no index')


_DEEPEST = 200


def _check(attribute: JSON, value: Any, depth: int) -> None:
    """Raise for values that JSON would change, such as keys that are not str."""
    if depth > _DEEPEST:
        attribute.refuse(value, f'at most {_DEEPEST} levels of lists and dicts')
    if isinstance(value, dict):
        for name, item in value.items():
            if not isinstance(name, str):
                attribute.refuse(name, 'a str as key')
            _check(attribute, item, depth + 1)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _check(attribute, item, depth + 1)
    elif not (value is None or isinstance(value, (str, int, float))):
        attribute.refuse(value, 'dict, list, str, int, float, bool or None')
