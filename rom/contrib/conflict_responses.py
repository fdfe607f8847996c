"""Conflicts: errors of requests that are valid, but that the stored data no longer allow.

The response describes the entity that the request was writing. It never names the entity that is
in the way, because the client may not be allowed to know of it.
"""

from __future__ import annotations

import json
from typing import Any

from rom._core.model_registry import MODELS
from rom.exceptions import (
    DataRaceError,
    EntityDeletedError,
    ORMError,
    RestrictError,
    UniqueKeyViolation,
)

STATUS = 409
REASON = 'Conflict'

_KINDS = {
    UniqueKeyViolation: ('unique', '{columns} must be unique, and the value is taken'),
    DataRaceError: ('race', 'it was changed meanwhile; load it again'),
    EntityDeletedError: ('gone', 'it was deleted meanwhile, or has expired'),
    RestrictError: ('restrict', 'others refer to it, so it cannot be deleted'),
}
#: The errors that are conflicts.
CONFLICTS: tuple[type[ORMError], ...] = tuple(_KINDS)


def conflict_data(error: ORMError) -> dict[str, Any]:
    """Return the description of a conflict for a client, as data for JSON.

    ``what`` is ``unique``, ``race``, ``gone`` or ``restrict``. ``model``, ``id``, ``columns`` and
    ``value`` are those of the entity, or None or an empty list if unknown. ``detail`` says it in
    words.

    Example::

        {'error': 'conflict', 'what': 'unique', 'model': 'User', 'id': None,
         'columns': ['email'], 'value': 'ann@example.org',
         'detail': 'email must be unique, and the value is taken'}
    """
    kind, detail = next(
        description for error_type, description in _KINDS.items() if isinstance(error, error_type)
    )
    columns = list(getattr(error, 'columns', ()))
    return {
        'error': 'conflict',
        'what': kind,
        'model': _model(getattr(error, 'namespace', None)),
        'id': getattr(error, 'id', None),
        'columns': columns,
        'value': _shown(getattr(error, 'value', None)) if len(columns) == 1 else None,
        'detail': detail.format(columns=' and '.join(columns)),
    }


def conflict_body(error: ORMError) -> bytes:
    """Return the body of the response to a conflict: JSON, in UTF-8."""
    return json.dumps(conflict_data(error)).encode()


def _model(namespace: str | None) -> str | None:
    if namespace is None:
        return None
    model = MODELS.get(namespace)
    return namespace if model is None else str(model.__name__)


def _shown(value: Any) -> Any:
    if value is None or isinstance(value, (str, int)):
        return value
    return value.decode('utf-8', 'replace') if isinstance(value, bytes) else str(value)
