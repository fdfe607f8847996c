"""The models that are known, by what their keys call them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rom.repocket.record import ActiveRecord

#: ``module:Class`` to the class. One that is declared again, as in a shell, takes its place.
MODELS: dict[str, type[ActiveRecord]] = {}
