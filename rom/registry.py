"""The models by name and namespace, and rom 1.x's other registries.

Programs and their tests read these dicts and clear them.
"""

from __future__ import annotations

from typing import Any

from rom.exceptions import ORMError

#: Class by class name and by namespace.
MODELS: dict[str, Any] = {}
#: Name or namespace to the relations that refer to it, as (model, column).
MODELS_REFERENCED: dict[str, Any] = {}
#: What a delete need not look at.
SKIP_ON_DELETE: dict[str, Any] = {}


def register(name: str, namespace: str, model: Any) -> None:
    """Enter a model.

    Raises:
        ORMError: the name or the namespace belongs to another model.
    """
    for key, what in ((name, 'name'), (namespace, 'namespace')):
        other = MODELS.get(key)
        if other is not None:
            raise ORMError(
                f'two models have the {what} {key!r}: {other.__module__}.{other.__qualname__} and '
                f'{model.__module__}.{model.__qualname__}; rename one, or give it a _namespace of '
                'its own'
            )
    MODELS[name] = MODELS[namespace] = model
    for column in model._schema.relations:
        referring = MODELS_REFERENCED.setdefault(model._columns[column].ftable, [])
        referring.append((model, column))


def references_to(model: Any) -> list[tuple[Any, str]]:
    """The relations that refer to a model, as (model, column)."""
    found = [
        *MODELS_REFERENCED.get(model.__name__, ()),
        *(
            ()
            if model._namespace == model.__name__
            else MODELS_REFERENCED.get(model._namespace, ())
        ),
    ]
    # One whose place another model has taken (MODELS was cleared, this dict was not) is no more.
    return [
        (referring, column)
        for referring, column in found
        if MODELS.get(referring._namespace, referring) is referring
    ]
