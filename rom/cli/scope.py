"""The names that are defined for an expression or a program on the command line."""

from __future__ import annotations

import datetime
import decimal
from collections.abc import Sequence
from typing import Any

import rom
from rom._core.model import Model


def scope_of(models: Sequence[type[Model]]) -> dict[str, Any]:
    """Return the models by their names, `rom`, `datetime` and `decimal`."""
    given = {'rom': rom, 'datetime': datetime, 'decimal': decimal}
    return {**given, **{model.__name__: model for model in models}}
