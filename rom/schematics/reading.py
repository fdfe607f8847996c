"""Reading: from what is stored to objects. Operations, as in `rom.ops`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from schematics.exceptions import BaseError

from rom.encoding.text import as_text
from rom.exceptions import CorruptRowError, ORMError, ServerError
from rom.ops.requests import Operation
from rom.schematics.conditions import EQUAL, Condition
from rom.schematics.exceptions import StrictPerformanceException
from rom.schematics.homes import Home
from rom.schematics.layers.base import Layer, Primitive, Raw, is_own
from rom.schematics.shapes import corrupt, shape_of
from rom.schematics.states import Batch, state_of

Found = list[tuple[str, Raw]]


def load(layer: Layer, home: Home, pks: Sequence[str]) -> Operation[list[Any]]:
    """The objects with these primary keys, in order; None for those that are not there.

    Raises:
        CorruptRowError: something else is stored there.
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
    """What a server's error means for an object: a key of it may be of another type."""
    if 'WRONGTYPE' not in str(error):
        return error
    key = as_text(home.key(pk))
    return CorruptRowError(
        f'{key}, or a key that belongs to it, holds another type than a {home.model.__name__} '
        'would; look at it with TYPE, and rename or delete it',
        key=key,
    )


def search(layer: Layer, home: Home, conditions: Sequence[Condition]) -> Operation[list[Any]]:
    """The objects for which all conditions hold.

    Raises:
        StrictPerformanceException: all would have to be read, and the model forbids that.
        CorruptRowError: one does not decode; its `entities` are the others that were found.
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
    """The objects that were found, in that order."""
    return [one for one in _made(layer, home, found, ()) if one is not None]


def _asked_pk(conditions: Sequence[Condition]) -> str | None:
    for condition in conditions:
        if condition.field.name == 'pk' and condition.sign == EQUAL and condition.value:
            return str(condition.field.type.to_primitive(condition.value))
    return None


def _all_hold(conditions: Sequence[Condition], instance: Any) -> bool:
    return all(c.holds(instance._data.get(c.field.name)) for c in conditions)


def refuse_scans(model: Any) -> None:
    """Raise where a model wants no reading of all its objects.

    Raises:
        StrictPerformanceException: it does not.
    """
    if model.__strict_performance__:
        raise StrictPerformanceException(
            f'{model.__name__} has __strict_performance__ = True, and this would read every object '
            'of it; match by primary key, or let IndexedRedisMixin have an index of the field'
        )


def scan(layer: Layer, home: Home) -> Operation[Found]:
    """All objects, as they are stored: page by page, each once."""
    found: dict[str, Raw] = {}
    cursor = -1
    while cursor != 0:
        page, cursor = yield from layer.page(home, max(cursor, 0))
        found.update(page)
    return list(found.items())


def _made(layer: Layer, home: Home, there: Found, conditions: Sequence[Condition]) -> list[Any]:
    """An object for each that is stored; None for those for which a condition does not hold.

    Most of the time goes into making objects, so the fields asked for are looked at before.
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
    """An object of what is stored. Fields that the model has no more are left out.

    Raises:
        CorruptRowError: a value that the field's type does not take.
    """
    try:
        return model(primitive, strict=False)
    except BaseError as error:
        shown = str(error.to_primitive())
        raise corrupt(key, None, repr(primitive).encode(), shown) from None
