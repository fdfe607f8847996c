"""Registry of the declared models, by their name in keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rom.repocket.record import ActiveRecord

#: ``module:Class`` to the class. A class that is declared again, as in a shell, replaces the first.
MODELS: dict[str, type[ActiveRecord]] = {}
