"""Patch of ``json.dumps`` for objects with a ``__json__`` method."""

from __future__ import annotations

import json
from typing import Any

_original = json.JSONEncoder.default


def patch_json() -> None:
    """Make ``json.dumps`` call ``__json__()`` of objects that it cannot encode itself.

    It affects the whole program. Repeated calls change nothing.

    Example::

        patch_json()
        json.dumps({'vanilla': vanilla})
    """
    json.JSONEncoder.default = _default  # type: ignore[method-assign, assignment]


def _default(self: json.JSONEncoder, value: Any) -> Any:
    as_json = getattr(type(value), '__json__', None)
    return _original(self, value) if as_json is None else as_json(value)
