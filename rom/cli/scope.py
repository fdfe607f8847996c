"""The names that an expression or a program on the command line has."""

from __future__ import annotations

import datetime
import decimal
from collections.abc import Sequence
from typing import Any

import rom
from rom._core.model import Model


def scope_of(models: Sequence[type[Model]]) -> dict[str, Any]:
    """The models by their names, `rom`, and what values are often made with."""
    given = {'rom': rom, 'datetime': datetime, 'decimal': decimal}
    return {**given, **{model.__name__: model for model in models}}
