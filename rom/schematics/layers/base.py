"""Layer: a layout of objects in Redis, as a small class.

A layer returns, as pure data, the commands that store an object, remove it, or check that it is
unchanged. It also has two operations that read. Everything else (atomic writes, transactions,
filters, references) is built on these. To write a layer of your own, subclass :class:`Layer`,
implement its abstract methods, and name the layer in a mixin::

    class ShoutingMixin(BaseRedisMixin):
        __layer__ = ShoutingLayer()
"""

from __future__ import annotations

import decimal
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from rom._core.encoding.plain_values import plain
from rom._core.encoding.text import show
from rom._core.ops.commits.raw_commands import Check, Step
from rom._core.ops.requests import Operation
from rom._core.writes.changes import Change
from rom.exceptions import DataRaceError, InvalidOperation, ORMError
from rom.schematics.conditions import Condition, unknown_field
from rom.schematics.exceptions import ClauseError, NotFound
from rom.schematics.fields import Field, ModelFields, fields_of
from rom.schematics.keys import ModelKeys

#: A stored object: its parts by name. A layer that stores objects as a whole has one part.
Raw: TypeAlias = Mapping[str, 'bytes | None']
#: An object as schematics exports it.
Primitive: TypeAlias = dict[str, Any]

# The number of objects read at once, and the COUNT of SCAN and HSCAN.
PAGE = 1000

# The longest time to live: three thousand years, because a datetime ends with the year 9999.
_MOST_SECONDS = 10**11


@dataclass(slots=True)
class Task:
    """Write or removal of one object.

    Attributes:
        layer: the layer of the object.
        keys: its keys.
        pk: its primary key.
        raw: the parts to store; None to remove the object.
        is_partial: `raw` has only some parts, and the object must be stored already.
        is_careful: the task fails if another writer changed the object since it was read.
        seen: the parts as last read; None if the object was not stored.
        expire: the milliseconds after which the object expires; None: never.
    """

    layer: Layer
    keys: ModelKeys
    pk: str
    raw: Raw | None = None
    is_partial: bool = False
    is_careful: bool = False
    seen: Raw | None = None
    expire: int | None = None

    @property
    def name(self) -> str:
        """The object's name in errors."""
        return f'{self.keys.model.__name__} {show(self.pk)}'


@dataclass(slots=True)
class Plan:
    """Requests that carry out tasks.

    Attributes:
        steps: the commands.
        checks: the preconditions, each with its task.
        changes: the rows to write, for a layer that stores rom rows, each with its task.
    """

    steps: list[Step] = field(default_factory=list)
    checks: list[tuple[Check, Task]] = field(default_factory=list)
    changes: list[tuple[Change, Task]] = field(default_factory=list)

    def add(self, other: Plan) -> None:
        """Add the contents of another plan."""
        self.steps += other.steps
        self.checks += other.checks
        self.changes += other.changes


class Layer(ABC):
    """Layout of objects in Redis."""

    #: Each field is stored by itself, and can be written without the others.
    has_parts = True
    #: Indexes can answer conditions.
    has_indexes = False

    # Encoding and decoding.

    def encode(self, fields: ModelFields, primitive: Primitive) -> dict[str, bytes | None]:
        """Encode an object as parts."""
        return {
            name: field.encode(primitive.get(name)) for name, field in fields.by_stored_name.items()
        }

    def decode(self, fields: ModelFields, raw: Raw, key: str) -> Primitive:
        """Decode the parts of an object.

        Raises:
            CorruptRowError: a part does not decode.
        """
        return {
            name: field.decode(raw.get(name), key) for name, field in fields.by_stored_name.items()
        }

    def value_of(self, fields: ModelFields, field: Field, raw: Raw, key: str) -> Any:
        """Decode one field of an object in parts.

        Raises:
            CorruptRowError: the field does not decode.
        """
        return field.decode(raw.get(field.stored), key)

    def part_of(self, fields: ModelFields, name: str) -> str:
        """Return the name of the part that has a field."""
        return fields.by_name[name].stored

    # Writing.

    @abstractmethod
    def write(self, task: Task) -> list[Step]:
        """Return the commands that store an object and set its expiry."""

    @abstractmethod
    def remove(self, keys: ModelKeys, pk: str) -> list[Step]:
        """Return the commands that remove an object; the last replies 0 if it was not stored."""

    @abstractmethod
    def expect(self, keys: ModelKeys, pk: str, raw: Raw) -> list[Check]:
        """Return the checks that these parts are stored; a part of None must not be stored."""

    def nothing(self, fields: ModelFields) -> Raw:
        """Return the parts of an object that is not stored: None for each."""
        return dict.fromkeys(self.encode(fields, {}))

    def plan(self, tasks: Sequence[Task]) -> Operation[Plan]:
        """Return the plan for tasks of this layer.

        Args:
            tasks: the tasks, in order; one object may occur several times.
        """
        plan = Plan()
        for task in tasks:
            expected = self._expected(task)
            if expected:
                checks = self.expect(task.keys, task.pk, expected)
                plan.checks += [(check, task) for check in checks]
            plan.steps += self.remove(task.keys, task.pk) if task.raw is None else self.write(task)
        return plan
        yield  # never reached; makes this a generator, as in layers that must read first

    def can_retry(self, task: Task | None, error: Exception) -> bool:
        """Return whether to plan and try again after this error."""
        return False

    def _expected(self, task: Task) -> Raw:
        """Return the parts that must be stored for the task to go ahead."""
        fields = fields_of(task.keys.model)
        expected: dict[str, bytes | None] = {}
        if task.is_careful:
            seen = self.nothing(fields) if task.seen is None else task.seen
            wanted = task.raw if task.is_partial and task.raw else seen
            expected = {name: seen.get(name) for name in wanted}
        if task.is_partial:
            expected[fields.pk.stored] = fields.pk.encode(task.pk)
        return expected

    # Reading.

    @abstractmethod
    def load(self, keys: ModelKeys, pks: Sequence[str]) -> Operation[list[Raw | None]]:
        """Load objects by primary key, in one round trip; each object is read atomically."""

    @abstractmethod
    def page(self, keys: ModelKeys, cursor: int) -> Operation[tuple[dict[str, Raw], int]]:
        """Return some of all objects by primary key, and the next cursor.

        The first and the last cursor is 0. An object may be returned twice. One that is stored
        during the whole scan is returned at least once.
        """

    def owns(self, keys: ModelKeys, pk: str, raw: Raw) -> bool:
        """Return whether a result of `page` is of this model, not of one with similar keys.

        Raises:
            CorruptRowError: the object does not decode.
        """
        return True

    def find(
        self, keys: ModelKeys, conditions: Sequence[Condition]
    ) -> Operation[tuple[list[tuple[str, Raw]], Sequence[Condition]] | None]:
        """Return what an index finds and the conditions left to test, or None if no index helps."""
        return None
        yield

    def clear(self, keys: ModelKeys) -> Operation[int] | None:
        """Remove all objects at once and return their number; None if the layer cannot do that."""
        return None


def is_own(fields: ModelFields, pk: str, primitive: Primitive) -> bool:
    """Return whether an object has this primary key; one of a model with similar keys has not."""
    own = primitive.get(fields.pk.stored)
    return own is None or str(own) == pk


def parts_with(layer: Layer, fields: ModelFields, only: Iterable[str]) -> list[str]:
    """Return the names of the parts that have these fields, without the primary key.

    Raises:
        InvalidOperation: the layer stores an object as a whole.
        ClauseError: the model has no such field.
    """
    model = fields.model.__name__
    if not layer.has_parts:
        raise InvalidOperation(
            f'{model} is stored as a whole, so it does not support set(only=...); use set(), or a '
            'layer that stores each field by itself, such as FieldRedisMixin'
        )
    if not isinstance(only, (str, Iterable)):
        raise ClauseError(f'{model}.set(only=...): expected names of fields, got {show(only)}')
    names = [only] if isinstance(only, str) else list(only)
    for name in names:
        if not isinstance(name, str) or name not in fields.by_name:
            raise ClauseError(unknown_field(fields, name, ' to set'))
    return [layer.part_of(fields, name) for name in names if name != 'pk']


def milliseconds_of(model: type[Any], seconds: Any) -> int | None:
    """Return the time to live in milliseconds; None: the objects do not expire.

    Args:
        model: the model, for the error.
        seconds: its `__expire__`.

    Raises:
        ClauseError: not a number of seconds above 0, or too many.
    """
    if seconds is None:
        return None
    given = plain(seconds)
    is_number = isinstance(given, (int, float, decimal.Decimal)) and not isinstance(given, bool)
    try:
        found = int(given * 1000) if is_number else 0
    except (ValueError, ArithmeticError):  # NaN, or an infinite number
        found = 0
    if not 0 < found <= _MOST_SECONDS * 1000:
        raise ClauseError(
            f'{model.__name__}.__expire__: expected more than 0 and at most {_MOST_SECONDS:,} '
            f'seconds, or None, got {show(seconds)}'
        )
    return found


def chunked(command: bytes, key: bytes, values: Sequence[bytes]) -> Iterator[Step]:
    """Yield a command with many values as several ones; PAGE is even, so pairs stay together."""
    for start in range(0, len(values), PAGE):
        yield (command, key, *values[start : start + PAGE])


def race_error(task: Task) -> ORMError:
    """Return the error for a task whose precondition does not hold."""
    if task.is_careful:
        action = 'stored it' if task.seen is None else 'changed or removed it'
        return DataRaceError(
            f'{task.name}: another writer {action} since it was read; nothing was written. '
            'refresh() loads the stored values; set() without if_unchanged overwrites them',
            task.keys.prefix,
            None,
            ['pk'],
        )
    return NotFound(
        f'{task.name} is not stored, so set(only=...) cannot write a part of it; call set()'
    )
