"""Reading stored objects. The generators here are operations, as in `rom._core.ops`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from schematics.exceptions import BaseError

from rom._core.encoding.text import as_text
from rom._core.ops.requests import Operation
from rom.exceptions import CorruptRowError, ORMError, ServerError
from rom.schematics.conditions import EQUAL, Condition
from rom.schematics.exceptions import StrictPerformanceException
from rom.schematics.fields import corrupt, shape_of
from rom.schematics.keys import Home
from rom.schematics.layers.base import Layer, Primitive, Raw, is_own
from rom.schematics.states import Batch, state_of

Found = list[tuple[str, Raw]]


def load(layer: Layer, home: Home, pks: Sequence[str]) -> Operation[list[Any]]:
    """Return the objects with these primary keys, in order; None for those that are not stored.

    Raises:
        CorruptRowError: a key holds something other than an object of the model.
    """
    try:
        raws = yield from layer.load(home, pks)
    except ServerError as error:
        raise misplaced(error, home, pks[0]) from None
    there = [(pk, raw) for pk, raw in zip(pks, raws, strict=True) if raw is not None]
    found = _made(layer, home, there, ())
    by_pk = {pk: instance for (pk, _), instance in zip(there, found, strict=True)}
    return [by_pk.get(pk) for pk in pks]


def misplaced(error: ServerError, home: Home, pk: str) -> ORMError:
    """Return the error to raise for a server error, which may be about a key of another type."""
    if 'WRONGTYPE' not in str(error):
        return error
    key = as_text(home.key(pk))
    return CorruptRowError(
        f'{key}, or a key that belongs to it: expected the Redis type of a '
        f'{home.model.__name__}, got another one; look at it with TYPE, and rename or delete it',
        key=key,
    )


def search(layer: Layer, home: Home, conditions: Sequence[Condition]) -> Operation[list[Any]]:
    """Return the objects that meet all conditions.

    Raises:
        StrictPerformanceException: all objects would have to be read, and the model forbids that.
        CorruptRowError: an object does not decode. The `entities` of the error are the other
            matches.
    """
    asked = _asked_pk(conditions)
    if asked is not None:
        found = yield from load(layer, home, [asked])
        return [one for one in found if one is not None and _all_hold(conditions, one)]
    indexed = yield from layer.find(home, conditions)
    if indexed is not None:
        there, rest = indexed
    else:
        refuse_scans(home.model)
        there, rest = (yield from scan(layer, home)), conditions
    return [one for one in _made(layer, home, there, rest) if one is not None]


def made_in_turn(layer: Layer, home: Home, found: Found) -> list[Any]:
    """Return objects of what was found, in the same order."""
    return [one for one in _made(layer, home, found, ()) if one is not None]


def _asked_pk(conditions: Sequence[Condition]) -> str | None:
    for condition in conditions:
        if condition.field.name == 'pk' and condition.sign == EQUAL and condition.value:
            return str(condition.field.type.to_primitive(condition.value))
    return None


def _all_hold(conditions: Sequence[Condition], instance: Any) -> bool:
    return all(c.holds(instance._data.get(c.field.name)) for c in conditions)


def refuse_scans(model: Any) -> None:
    """Refuse to read all objects of a model that forbids it.

    Raises:
        StrictPerformanceException: the model forbids it.
    """
    if model.__strict_performance__:
        raise StrictPerformanceException(
            f'{model.__name__} has __strict_performance__ = True, and this call would read all of '
            'its objects; match by primary key, or use IndexedRedisMixin and index the field'
        )


def scan(layer: Layer, home: Home) -> Operation[Found]:
    """Return all objects as stored, each once; read page by page."""
    found: dict[str, Raw] = {}
    cursor = -1
    while cursor != 0:
        page, cursor = yield from layer.page(home, max(cursor, 0))
        found.update(page)
    return list(found.items())


def _made(layer: Layer, home: Home, there: Found, conditions: Sequence[Condition]) -> list[Any]:
    """Return the objects of what was found; None for those that do not meet the conditions.

    Making an object takes most of the time, so the conditions are tested on the stored fields
    before.
    """
    made: list[Any] = []
    broken: list[CorruptRowError] = []
    for pk, raw in there:
        try:
            made.append(_one(layer, home, pk, raw, conditions))
        except CorruptRowError as error:
            broken.append(error)
    batch = Batch(one for one in made if one is not None)
    for member in batch.members():
        state_of(member).batch = batch
    if broken:
        broken[0].entities = batch.members()
        raise broken[0]
    return made


def _one(
    layer: Layer, home: Home, pk: str, raw: Raw, conditions: Sequence[Condition]
) -> Any | None:
    shape = shape_of(home.model)
    key = as_text(home.key(pk))
    if layer.has_parts:
        for condition in conditions:
            value = layer.value_of(shape, condition.field, raw, key)
            if not condition.holds(_native(condition, value, key)):
                return None
    primitive = layer.decode(shape, raw, key)
    if not isinstance(primitive, dict) or not is_own(shape, pk, primitive):
        return None
    if not layer.has_parts:
        for condition in conditions:
            value = primitive.get(condition.field.stored)
            if not condition.holds(_native(condition, value, key)):
                return None
    instance = made_of(home.model, primitive, key)
    if instance.pk is None:
        instance.pk = pk
    state_of(instance).stored(pk, raw)
    return instance


def _native(condition: Condition, value: Any, key: str) -> Any:
    field = condition.field
    if value is None:
        return None
    try:
        return field.type.to_native(value)
    except Exception as error:
        raise corrupt(key, field.stored, repr(value).encode(), error) from None


def made_of(model: type[Any], primitive: Primitive, key: str) -> Any:
    """Return the object of a stored primitive, without fields that the model no longer has.

    Raises:
        CorruptRowError: a field does not accept its value.
    """
    try:
        return model(primitive, strict=False)
    except BaseError as error:
        shown = str(error.to_primitive())
        raise corrupt(key, None, repr(primitive).encode(), shown) from None
