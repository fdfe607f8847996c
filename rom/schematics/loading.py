"""Loading stored objects: by primary key, or those that meet conditions, also sorted.

The generators here are operations, as in `rom._core.ops`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from schematics.exceptions import BaseError

from rom._core.encoding.integers import check_count
from rom._core.encoding.text import as_text, show_names
from rom._core.ops.requests import Operation
from rom.exceptions import CorruptRowError, ORMError, ServerError
from rom.schematics.conditions import EQUAL, Condition, unknown_field
from rom.schematics.exceptions import ClauseError, StrictPerformanceException
from rom.schematics.fields import ModelFields, corrupt, fields_of
from rom.schematics.keys import ModelKeys
from rom.schematics.layers.base import Layer, Primitive, Raw, is_own
from rom.schematics.layers.indexed import IndexedLayer
from rom.schematics.state import PrefetchGroup, state_of

Found = list[tuple[str, Raw]]


def load(layer: Layer, keys: ModelKeys, pks: Sequence[str]) -> Operation[list[Any]]:
    """Return the objects with these primary keys, in order; None for those that are not stored.

    Raises:
        CorruptRowError: a key holds something other than an object of the model.
    """
    try:
        raws = yield from layer.load(keys, pks)
    except ServerError as error:
        raise wrong_type_error(error, keys, pks[0]) from None
    stored = [(pk, raw) for pk, raw in zip(pks, raws, strict=True) if raw is not None]
    found = _make_matches(layer, keys, stored, ())
    by_pk = {pk: instance for (pk, _), instance in zip(stored, found, strict=True)}
    return [by_pk.get(pk) for pk in pks]


def wrong_type_error(error: ServerError, keys: ModelKeys, pk: str) -> ORMError:
    """Return the error to raise for a server error, which may be about a key of another type."""
    if 'WRONGTYPE' not in str(error):
        return error
    key = as_text(keys.key(pk))
    return CorruptRowError(
        f'{key}, or a key that belongs to it: expected the Redis type of a '
        f'{keys.model.__name__}, got another one; look at it with TYPE, and rename or delete it',
        key=key,
    )


def search(layer: Layer, keys: ModelKeys, conditions: Sequence[Condition]) -> Operation[list[Any]]:
    """Return the objects that meet all conditions.

    Raises:
        StrictPerformanceException: all objects would have to be read, and the model forbids that.
        CorruptRowError: an object does not decode. The `entities` of the error are the other
            matches.
    """
    pk = _pk_of_conditions(conditions)
    if pk is not None:
        found = yield from load(layer, keys, [pk])
        return [one for one in found if one is not None and _all_hold(conditions, one)]
    indexed = yield from layer.find(keys, conditions)
    if indexed is not None:
        stored, rest = indexed
    else:
        refuse_scans(keys.model)
        stored, rest = (yield from scan(layer, keys)), conditions
    return [one for one in _make_matches(layer, keys, stored, rest) if one is not None]


def make_objects(layer: Layer, keys: ModelKeys, found: Found) -> list[Any]:
    """Return objects of what was found, in the same order."""
    return [one for one in _make_matches(layer, keys, found, ()) if one is not None]


def _pk_of_conditions(conditions: Sequence[Condition]) -> str | None:
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


def scan(layer: Layer, keys: ModelKeys) -> Operation[Found]:
    """Return all objects as stored, each once; read page by page."""
    found: dict[str, Raw] = {}
    cursor = -1
    while cursor != 0:
        page, cursor = yield from layer.page(keys, max(cursor, 0))
        found.update(page)
    return list(found.items())


def _make_matches(
    layer: Layer, keys: ModelKeys, stored: Found, conditions: Sequence[Condition]
) -> list[Any]:
    """Return the objects of what was found; None for those that do not meet the conditions.

    Making an object takes most of the time, so the conditions are tested on the stored fields
    before.
    """
    made: list[Any] = []
    broken: list[CorruptRowError] = []
    for pk, raw in stored:
        try:
            made.append(_make_match(layer, keys, pk, raw, conditions))
        except CorruptRowError as error:
            broken.append(error)
    group = PrefetchGroup(one for one in made if one is not None)
    for member in group.members():
        state_of(member).group = group
    if broken:
        broken[0].entities = group.members()
        raise broken[0]
    return made


def _make_match(
    layer: Layer, keys: ModelKeys, pk: str, raw: Raw, conditions: Sequence[Condition]
) -> Any | None:
    fields = fields_of(keys.model)
    key = as_text(keys.key(pk))
    if layer.has_parts:
        for condition in conditions:
            value = layer.value_of(fields, condition.field, raw, key)
            if not condition.holds(_native(condition, value, key)):
                return None
    primitive = layer.decode(fields, raw, key)
    if not isinstance(primitive, dict) or not is_own(fields, pk, primitive):
        return None
    if not layer.has_parts:
        for condition in conditions:
            value = primitive.get(condition.field.stored)
            if not condition.holds(_native(condition, value, key)):
                return None
    instance = make_object(keys.model, primitive, key)
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


def make_object(model: type[Any], primitive: Primitive, key: str) -> Any:
    """Return the object of a stored primitive, without fields that the model no longer has.

    Raises:
        CorruptRowError: a field does not accept its value.
    """
    try:
        return model(primitive, strict=False)
    except BaseError as error:
        shown = str(error.to_primitive())
        raise corrupt(key, None, repr(primitive).encode(), shown) from None


def search_sorted(
    layer: IndexedLayer,
    keys: ModelKeys,
    conditions: Sequence[Condition],
    orders: Sequence[str],
    offset: int,
    limit: int | None,
) -> Operation[list[Any]]:
    """Return the objects that meet all conditions, sorted, from `offset` up to `limit`.

    Raises:
        ValueError: an unknown field, or no field is given.
        StrictPerformanceException: all objects would have to be read.
    """
    where = f'{keys.model.__name__}.ordered'
    _check_orders(fields_of(keys.model), orders)
    offset = check_count(f'{where}(offset=...)', offset, 0, error=ClauseError)
    if limit is not None:
        limit = check_count(f'{where}(limit=...)', limit, 0, error=ClauseError)
    found = yield from layer.search_sorted(keys, conditions, orders, offset, limit)
    if found is not None:
        return make_objects(layer, keys, found)
    objects = yield from search(layer, keys, conditions)
    for order in reversed(orders):
        name = order.removeprefix('-')
        present = [one for one in objects if one[name] is not None]
        present.sort(key=lambda one, name=name: one[name], reverse=order != name)  # type: ignore[misc]
        objects = present + [one for one in objects if one[name] is None]
    return objects[offset : None if limit is None else offset + limit]


def _check_orders(fields: ModelFields, orders: Sequence[str]) -> None:
    names = [order.removeprefix('-') if isinstance(order, str) else order for order in orders]
    for name in names:
        if not isinstance(name, str) or name not in fields.by_name:
            raise ClauseError(unknown_field(fields, name, ' to sort by'))
    if not names or len(set(names)) < len(names):
        raise ClauseError(
            f'{fields.model.__name__}.ordered(): expected one or more fields to sort by, each '
            f'once, got {show_names(names)}'
        )
