"""Layer: how objects are laid out in Redis. One protocol, a small class each.

A layer says in pure data which commands store an object, remove it, or look whether it is still
what it was; and it has three operations that read. Everything else (atomic writes, transactions,
filters, relations) is built on that, once. So a layer of one's own is a subclass of :class:`Layer`
with the methods that are abstract here, and a mixin that names it::

    class ShoutingMixin(BaseRedisMixin):
        __layer__ = ShoutingLayer()
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from rom.changes import Change
from rom.encoding.text import show
from rom.exceptions import DataRaceError, ORMError
from rom.ops.requests import Operation
from rom.ops.steps import Check, Step
from rom.schematics.conditions import Condition
from rom.schematics.exceptions import NotFound
from rom.schematics.homes import Home
from rom.schematics.shapes import Field, Shape, shape_of

#: An object as it is stored: parts by name. A layer that does not take objects apart has one part.
Raw: TypeAlias = Mapping[str, 'bytes | None']
#: An object as schematics exports it.
Primitive: TypeAlias = dict[str, Any]

# Objects read at once, and what SCAN and HSCAN are asked to look at.
PAGE = 1000


@dataclass(slots=True)
class Task:
    """One object that is to be stored or removed.

    Attributes:
        layer: whose it is.
        home: where it is.
        pk: its primary key.
        raw: what is to be stored; None: it is to be removed.
        is_partial: `raw` has just the parts to write, of an object that must be there.
        is_careful: nobody may have changed it since it was seen.
        seen: the parts that it had when it was read; None: it was not there.
        expire: it goes after so many milliseconds; None: it stays.
    """

    layer: Layer
    home: Home
    pk: str
    raw: Raw | None = None
    is_partial: bool = False
    is_careful: bool = False
    seen: Raw | None = None
    expire: int | None = None

    @property
    def name(self) -> str:
        """How an error calls it."""
        return f'{self.home.model.__name__} {show(self.pk)}'


@dataclass(slots=True)
class Plan:
    """How tasks are carried out.

    Attributes:
        steps: commands.
        checks: what must be stored for that, and the task it is about.
        changes: rows to write, of a layer that has rom's own rows.
    """

    steps: list[Step] = field(default_factory=list)
    checks: list[tuple[Check, Task]] = field(default_factory=list)
    changes: list[tuple[Change, Task]] = field(default_factory=list)

    def add(self, other: Plan) -> None:
        """Have all that another plan has."""
        self.steps += other.steps
        self.checks += other.checks
        self.changes += other.changes


class Layer(ABC):
    """How objects are laid out in Redis."""

    #: A field can be written without the others.
    has_parts = True
    #: Conditions can be answered by an index.
    has_indexes = False

    # Into bytes, and back.

    def encode(self, shape: Shape, primitive: Primitive) -> dict[str, bytes | None]:
        """An object's parts."""
        fields = shape.stored.items()
        return {name: part.encode(primitive.get(name)) for name, part in fields}

    def decode(self, shape: Shape, raw: Raw, key: str) -> Primitive:
        """The object that was taken apart.

        Raises:
            CorruptRowError: a part does not decode.
        """
        fields = shape.stored.items()
        return {name: part.decode(raw.get(name), key) for name, part in fields}

    def value_of(self, shape: Shape, field: Field, raw: Raw, key: str) -> Any:
        """The primitive of one field, of an object in parts.

        Raises:
            CorruptRowError: it does not decode.
        """
        return field.decode(raw.get(field.stored), key)

    def part_of(self, shape: Shape, name: str) -> str:
        """What the part is called that has a field."""
        return shape.fields[name].stored

    # What to write.

    @abstractmethod
    def write(self, task: Task) -> list[Step]:
        """The commands that store an object, and have it expire if it is to."""

    @abstractmethod
    def remove(self, home: Home, pk: str) -> list[Step]:
        """The commands that remove an object. The reply of the last is 0 if it was not there."""

    @abstractmethod
    def expect(self, home: Home, pk: str, raw: Raw) -> list[Check]:
        """That these parts are what is stored; None for those that are not."""

    def nothing(self, shape: Shape) -> Raw:
        """The parts of an object that is not there."""
        return dict.fromkeys(self.encode(shape, {}))

    def plan(self, tasks: Sequence[Task]) -> Operation[Plan]:
        """How tasks of this layer are carried out.

        Args:
            tasks: in order; one object may occur several times.
        """
        plan = Plan()
        for task in tasks:
            expected = self._expected(task)
            if expected:
                checks = self.expect(task.home, task.pk, expected)
                plan.checks += [(check, task) for check in checks]
            plan.steps += self.remove(task.home, task.pk) if task.raw is None else self.write(task)
        return plan
        yield  # an operation, like those of layers that have to look first

    def may_try_again(self, task: Task | None, error: Exception) -> bool:
        """A plan that failed like this may be made again."""
        return False

    def _expected(self, task: Task) -> Raw:
        """What must be stored before."""
        shape = shape_of(task.home.model)
        expected: dict[str, bytes | None] = {}
        if task.is_careful:
            seen = self.nothing(shape) if task.seen is None else task.seen
            wanted = task.raw if task.is_partial and task.raw else seen
            expected = {name: seen.get(name) for name in wanted}
        if task.is_partial:
            expected[shape.pk.stored] = shape.pk.encode(task.pk)
        return expected

    # Reading.

    @abstractmethod
    def load(self, home: Home, pks: Sequence[str]) -> Operation[list[Raw | None]]:
        """Objects by primary key, each of them as it was at one moment. One trip."""

    @abstractmethod
    def page(self, home: Home, cursor: int) -> Operation[tuple[dict[str, Raw], int]]:
        """Some of all objects by primary key, and the next cursor; the first and the last is 0.

        An object may come twice; one that is there all the time comes once at least.
        """

    def owns(self, home: Home, pk: str, raw: Raw) -> bool:
        """What `page` found is an object of this model, and not of one whose keys look alike.

        Raises:
            CorruptRowError: that cannot be told.
        """
        return True

    def find(
        self, home: Home, conditions: Sequence[Condition]
    ) -> Operation[tuple[list[tuple[str, Raw]], Sequence[Condition]] | None]:
        """What an index finds, and the conditions still to be looked at; None: no index helps."""
        return None
        yield

    def clear(self, home: Home) -> Operation[int] | None:
        """Remove all objects at once, where that can be done; returns how many there were."""
        return None


def is_own(shape: Shape, pk: str, primitive: Primitive) -> bool:
    """Keys of another model may have the form of ours: the primary key in the object tells."""
    own = primitive.get(shape.pk.stored)
    return own is None or str(own) == pk


def chunked(command: bytes, key: bytes, values: Sequence[bytes]) -> Iterator[Step]:
    """A command with many values, as several; of pairs, an even number in each."""
    for start in range(0, len(values), PAGE):
        yield (command, key, *values[start : start + PAGE])


def raced(task: Task) -> ORMError:
    """The error for an object that is not as it must be for its task."""
    if task.is_careful:
        what = 'stored it' if task.seen is None else 'changed or removed it'
        return DataRaceError(
            f'{task.name}: another writer {what} since it was read; nothing was written. '
            'refresh() takes what is stored; set() without if_unchanged overwrites it',
            task.home.prefix,
            None,
            ['pk'],
        )
    return NotFound(
        f'{task.name} is not stored, so a part of it cannot be written: set() it without only=...'
    )
