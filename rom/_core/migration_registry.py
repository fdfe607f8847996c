"""The migrations of each namespace: those that this program declares, and those that are recorded.

A stored value that does not decode may be of a row that a migration has changed, or has not changed
yet. The error then names the migration. A row has no version for this, so that rows take not a byte
more. The record of migrations beside the data is read with the first operation on a model, and only
if the program declares migrations of it.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Protocol


class Declared(Protocol):
    """A migration, as far as this module needs it."""

    name: str

    @property
    def namespace(self) -> str:
        """The namespace of the migrated model."""


# Characters of a name in a message.
_LONGEST = 60

_numbers = count()
# Migrations by the order in which they were declared.
_declared: weakref.WeakValueDictionary[int, Declared] = weakref.WeakValueDictionary()
# For each namespace: the names that are recorded, and whether that migration is done.
_recorded: dict[str, dict[str, bool]] = {}


def declare(migration: Declared) -> None:
    """Enter a migration that the program declares."""
    _declared[next(_numbers)] = migration


def declared(namespace: str) -> list[str]:
    """Return the names of the migrations that the program declares for a namespace, in order."""
    return list(dict.fromkeys(each.name for each in _entered() if each.namespace == namespace))


def _entered() -> Iterator[Declared]:
    return (migration for _, migration in sorted(_declared.items()))


def has_declared(namespace: str) -> bool:
    """Return whether the program declares a migration for a namespace."""
    return bool(_declared) and bool(declared(namespace))


def note_recorded(namespace: str, states: Mapping[str, bool]) -> None:
    """Note the recorded migrations of a namespace, and which of them are done."""
    _recorded[namespace] = dict(states)


def forget() -> None:
    """Forget all migrations, declared and recorded, as in a program that begins."""
    _declared.clear()
    _recorded.clear()


def difference(namespace: str) -> str:
    """Return how the recorded migrations differ from the declared ones, as a sentence; or ''."""
    known, states = declared(namespace), _recorded.get(namespace)
    if states is None:
        return ''
    newer = [name for name in states if name not in known]
    missing = [name for name in known if not states.get(name)]
    if newer:
        return (
            f'The data was migrated by {_shown(newer)}, which this program does not have: it may '
            'be older than the row'
        )
    if missing:
        return (
            f'The migration {_shown(missing)} was not finished when this program first used the '
            'model: run rom migrate'
        )
    return ''


def advice(key: str) -> str:
    """Return the end of an error about a row that may lack a migration; '' without migrations.

    Args:
        key: the key of the row.
    """
    namespace = key.rpartition(':')[0]
    if namespace in _recorded:
        found = difference(namespace)
    elif has_declared(namespace):
        found = 'The model has migrations: rom migrate --status shows which of them are missing'
    else:
        return ''
    return found and f'. {found}'


def _shown(names: Sequence[str]) -> str:
    others = f' (and {len(names) - 1} more)' if len(names) > 1 else ''
    return f'{names[0][:_LONGEST]!r}{others}'
