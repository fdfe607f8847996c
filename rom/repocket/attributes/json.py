"""Values of JSON."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from rom.encoding.text import as_bytes
from rom.exceptions import InvalidOperation
from rom.repocket.attributes.base import Attribute
from rom.repocket.literals import read_value


class JSON(Attribute):
    """Lists, dicts with text for keys, text, numbers, True and False, to any depth.

    What is changed inside is saved as well. A tuple comes back as a list. Old data may hold Python
    literals; they are read, and written as JSON by the next save that changes them.
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
        raise InvalidOperation(f'{self.name}: JSON has no index')


_DEEPEST = 200


def _check(attribute: JSON, value: Any, depth: int) -> None:
    """Raise for what JSON would turn into something else."""
    if depth > _DEEPEST:
        attribute.refuse(value, f'a value of JSON: more than {_DEEPEST} lists and dicts deep')
    if isinstance(value, dict):
        for name, item in value.items():
            if not isinstance(name, str):
                attribute.refuse(name, 'a key of JSON, which are text')
            _check(attribute, item, depth + 1)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _check(attribute, item, depth + 1)
    elif not (value is None or isinstance(value, (str, int, float))):
        attribute.refuse(value, 'a value of JSON: dict, list, str, int, float, bool or None')
