"""Findings of a check, and their totals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias

from rom._core.ops.maintenance.progress import Progress
from rom._core.support.public_names import publish

Kind: TypeAlias = Literal[
    'dangling', 'missing', 'doubled', 'score', 'expiry', 'live', 'unique', 'unclaimed', 'shared',
    'counter', 'undeclared', 'corrupt', 'unlinked', 'directory', 'leftover', 'unfinished',
]  # fmt: skip

#: The meaning of each kind of finding.
KINDS: Mapping[Kind, str] = MappingProxyType(
    {
        'dangling': 'an index entry whose row is deleted, or does not imply it',
        'missing': 'an index entry that a row implies is missing',
        'doubled': 'a row has its index entry, and a second one that it does not imply',
        'score': 'an index entry has another score than its row implies',
        'expiry': 'the index of an ExpireAt has another time than the row',
        'live': 'the bitmap of live ids has a bit without a row, or lacks the bit of a row',
        'unique': 'a unique value is registered to a deleted entity, or to one without it',
        'unclaimed': "a row's unique value is not registered, or to an entity without it",
        'shared': 'two rows have the same unique value',
        'counter': 'the id counter is behind the ids in use',
        'undeclared': 'an index that the model does not declare',
        'unlinked': 'links to a row that does not exist',
        'directory': 'the directory of unique values names another partition than that of the row',
        'leftover': 'an entry in the directory of unique values that no row needs',
        'unfinished': 'a commit over several partitions was left behind',
        'corrupt': 'a value, or a key, of a form that rom does not write',
    }
)
#: Kinds that a repair leaves alone, because only the program or a reindex can decide them.
BEYOND_REPAIR: frozenset[Kind] = frozenset(('shared', 'undeclared', 'corrupt', 'unlinked'))


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault in the stored data of a model.

    Attributes:
        model: the name of the model.
        kind: one of ``KINDS``.
        key: the key in Redis that has the fault.
        id: the id of the entity; None if the fault concerns no entity, or something that is not a
            valid id.
        message: the fault; and the remedy, where a repair has none.
        repaired: True if a repair has repaired it.
    """

    model: str
    kind: Kind
    key: str
    id: int | None
    message: str
    repaired: bool = False

    def __str__(self) -> str:
        whose = '' if self.id is None else f' (id {self.id})'
        done = ': repaired' if self.repaired else ''
        return f'{self.model}: {self.kind}: {self.key}{whose}: {self.message}{done}'


@dataclass(frozen=True, slots=True)
class Checked(Progress):
    """Progress of a check, with its findings since the last report."""

    findings: tuple[Finding, ...] = ()


class CheckTotals:
    """Running totals of a check.

    Attributes:
        done: the number of entities that were checked.
        total: the number of entities to check, as far as it is known.
        counts: the number of findings of each kind.
        unrepaired: the number of findings that are not repaired.
    """

    def __init__(self) -> None:
        self.done = self.total = self.unrepaired = 0
        self.counts: Counter[Kind] = Counter()

    def note(self, step: Progress) -> tuple[Finding, ...]:
        """Take a progress report into the totals, and return its findings."""
        self.done, self.total = step.done, step.total
        findings = step.findings if isinstance(step, Checked) else ()
        for finding in findings:
            self.counts[finding.kind] += 1
            self.unrepaired += not finding.repaired
        return findings


publish('rom.maintenance', Finding)
