"""Models by name and namespace, and the other registries of rom 1.x.

Programs and their tests read these dicts and clear them.
"""

from __future__ import annotations

from typing import Any

from rom.exceptions import ORMError

#: Models by class name and by namespace.
MODELS: dict[str, Any] = {}
#: Relations that refer to a model, as (model, column), by its name or namespace.
MODELS_REFERENCED: dict[str, Any] = {}
#: Links that lead to a model, as (model, column), by its name or namespace.
MODELS_LINKED: dict[str, Any] = {}
#: Kept for programs of rom 1.x; rom itself does not read it.
SKIP_ON_DELETE: dict[str, Any] = {}


def register(name: str, namespace: str, model: Any) -> None:
    """Add a model to the registries.

    Raises:
        ORMError: the name or the namespace belongs to another model, or keys of one could be
            keys of the other.
    """
    for key, what in ((name, 'name'), (namespace, 'namespace')):
        other = MODELS.get(key)
        if other is not None:
            raise ORMError(
                f'two models have the {what} {key!r}: {other.__module__}.{other.__qualname__} and '
                f'{model.__module__}.{model.__qualname__}; rename one, or give it a _namespace of '
                'its own'
            )
    for other in {id(other): other for other in MODELS.values()}.values():
        _check_apart(model, other)
        _check_apart(other, model)
    MODELS[name] = MODELS[namespace] = model
    for column in model._schema.relations:
        referring = MODELS_REFERENCED.setdefault(model._columns[column].ftable, [])
        referring.append((model, column))
    for column in model._schema.links:
        linking = MODELS_LINKED.setdefault(model._columns[column].ftable, [])
        linking.append((model, column))


def _check_apart(outer: Any, inner: Any) -> None:
    """Refuse a namespace within that of another model, where keys of the two could meet.

    The index of a word is NAMESPACE:COLUMN:WORD:idx. With a model 'shop' that has a column 'order',
    and a model 'shop:order', a word from a user could be the key of an index of the other model.

    Raises:
        ORMError: keys of both could be equal.
    """
    own, other = getattr(outer, '_namespace', None), getattr(inner, '_namespace', None)
    if not own or not other or not other.startswith(own + ':'):
        return
    part = other[len(own) + 1 :].partition(':')[0]
    is_row = not part or part.isdigit()
    if not is_row and part not in _open_names(outer._schema):
        return
    what = 'rows' if is_row else f'column {part!r}'
    raise ORMError(
        f'the namespace {other!r} of {inner.__module__}.{inner.__qualname__} lies within {own!r} '
        f'of {outer.__module__}.{outer.__qualname__}, whose {what} has keys that begin in the same '
        'way, so that one could overwrite the other; give one of them another _namespace'
    )


def _open_names(schema: Any) -> set[str]:
    """Return the columns whose keys have a further part: words, or the columns of a group."""
    words = {
        name
        for name, column in schema.columns.items()
        if column.index and (column.keygen or column.keygen2 or column.is_links)
    }
    groups = {min(unique.columns) for unique in schema.uniques if len(unique.columns) > 1}
    return {schema.primary} | words | groups


def references_to(model: Any) -> list[tuple[Any, str]]:
    """Return the relations that refer to a model, as (model, column)."""
    return _leading_to(model, MODELS_REFERENCED)


def links_to(model: Any) -> list[tuple[Any, str]]:
    """Return the columns of links to a model, as (model, column)."""
    return _leading_to(model, MODELS_LINKED)


def _leading_to(model: Any, registry: dict[str, Any]) -> list[tuple[Any, str]]:
    names = dict.fromkeys((model.__name__, model._namespace))
    found = [pair for name in names for pair in registry.get(name, ())]
    # Ignore a model that another one has replaced: MODELS was cleared, this dict was not.
    return [
        (referring, column)
        for referring, column in found
        if MODELS.get(referring._namespace, referring) is referring
    ]
