"""Metaclass that checks a class body and makes it a model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rom._core.sharding.limits import objection_to_settings
from rom.exceptions import InvalidColumnValue
from rom.repocket.attributes import Attribute, AutoUUID
from rom.repocket.errors import RepocketActiveRecordDefinitionError
from rom.repocket.keys import name_of
from rom.repocket.manager import Manager
from rom.repocket.record_schema import RecordSchema
from rom.repocket.registry import MODELS


class ModelType(type):
    """Metaclass of models.

    Raises:
        RepocketActiveRecordDefinitionError: two AutoUUIDs, an `id` that is not one, a name that
            records use already, a default that the attribute does not accept, or settings of
            partitions.
    """

    _record_schema: RecordSchema
    objects: Manager[Any]

    def __init__(cls, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> None:
        super().__init__(name, bases, body)
        base = next((base for base in cls.__mro__[1:] if isinstance(base, ModelType)), None)
        if base is None:
            return
        if problem := objection_to_settings(name, body):
            raise RepocketActiveRecordDefinitionError(problem)
        attributes = _inherited(cls)
        _check_names(name, attributes, _root(cls))
        primary = _primary(cls, attributes)
        attributes = {primary: attributes[primary], **attributes}
        cls._record_schema = RecordSchema(name, name_of(cls), attributes, primary)
        _check_defaults(cls._record_schema)
        cls.objects = Manager(cls)
        for stream in cls._record_schema.streams:
            _add_append(cls, stream)
        MODELS[cls._record_schema.name] = cls  # type: ignore[assignment]


def _root(cls: type) -> type:
    return next(base for base in reversed(cls.__mro__) if isinstance(base, ModelType))


def _inherited(cls: type) -> dict[str, Attribute]:
    """Return the attributes, bases first; an assignment in a subclass replaces an inherited one."""
    found: dict[str, Attribute] = {}
    for base in reversed(cls.__mro__):
        for name, value in vars(base).items():
            if isinstance(value, Attribute):
                found[name] = value
            else:
                found.pop(name, None)
    return found


def _check_names(model: str, attributes: dict[str, Attribute], root: type) -> None:
    for name in attributes:
        if name.startswith('_') or hasattr(root, name) or name == 'objects':
            raise RepocketActiveRecordDefinitionError(
                f'{model}.{name}: records use this name already; choose another'
            )


def _check_defaults(schema: RecordSchema) -> None:
    for name, attribute in schema.attributes.items():
        if not callable(attribute.default):
            try:
                schema.missing(name)
            except InvalidColumnValue as error:
                raise RepocketActiveRecordDefinitionError(str(error)) from None


def _primary(cls: type, attributes: dict[str, Attribute]) -> str:
    """Return the name of the id attribute; add `id` if the class has none.

    Raises:
        RepocketActiveRecordDefinitionError: there are several, or `id` is not an AutoUUID.
    """
    found = [name for name, attribute in attributes.items() if isinstance(attribute, AutoUUID)]
    if len(found) > 1:
        raise RepocketActiveRecordDefinitionError(
            f'{cls.__name__}: expected one AutoUUID, got {len(found)} AutoUUIDs '
            f'({", ".join(found)}); keep one'
        )
    if found:
        return found[0]
    if 'id' in attributes:
        raise RepocketActiveRecordDefinitionError(
            f'{cls.__name__}.id: expected an AutoUUID, got {type(attributes["id"]).__name__}. '
            'Declare id = attributes.AutoUUID(), and rename the other attribute'
        )
    made = AutoUUID()
    made.__set_name__(cls, 'id')
    cls.id = made  # type: ignore[attr-defined]
    attributes['id'] = made
    return 'id'


def _add_append(cls: type, stream: str) -> None:
    """Add the method that appends to a stream, unless the class defines one itself."""
    name = f'append_{stream}'
    existing = getattr(cls, name, None)
    if isinstance(existing, Attribute):
        raise RepocketActiveRecordDefinitionError(
            f'{cls.__name__}.{name}: the method that appends to {stream} has this name; choose '
            'another'
        )
    if existing is None:
        setattr(cls, name, _append_to(stream, name))


def _append_to(stream: str, name: str) -> Callable[[Any, Any], str]:
    def append(self: Any, data: Any) -> str:
        key: str = self._append(stream, data)
        return key

    append.__name__ = name
    append.__doc__ = f'Append bytes to ``{stream}``, at once, and return its key.'
    return append
