"""Writing objects of any layers, all or none.

The generators here are operations, as in `rom._core.ops`.

Each layer plans its tasks as pure data; one call of a script carries out all plans.
"""

from __future__ import annotations

from collections.abc import Sequence

from rom._core.ops.commits import raw_commands
from rom._core.ops.commits.commit import MOST_TRIES, commit
from rom._core.ops.requests import Operation
from rom.exceptions import CorruptRowError, ORMError, ServerError
from rom.schematics.keys import Home
from rom.schematics.layers.base import PAGE, Layer, Plan, Task, raced
from rom.schematics.reading import misplaced, scan


def write(tasks: Sequence[Task]) -> Operation[None]:
    """Carry out tasks, all or none.

    Raises:
        DataRaceError: another writer changed an object that was set with `if_unchanged`.
        NotFound: a partial write of an object that is not stored.
        UniqueKeyViolation, CorruptRowError: nothing was written.
    """
    for _ in range(MOST_TRIES):
        plan = Plan()
        try:
            for layer, some in _by_layer(tasks).items():
                plan.add((yield from layer.plan(some)))
            return (yield from _carry_out(plan))
        except raw_commands.Differs as error:
            raise raced(plan.checks[error.place][1]) from None
        except ServerError as error:
            raise misplaced(error, tasks[0].home, tasks[0].pk) from None
        except ORMError as error:
            task = _subject(error, plan)
            if task is None or not task.layer.may_try_again(task, error):
                raise
    raise ServerError(
        f'{tasks[0].name}: another program changed it during each of {MOST_TRIES} tries to write '
        'it; find out which program writes it without pause'
    )


def _by_layer(tasks: Sequence[Task]) -> dict[Layer, list[Task]]:
    found: dict[Layer, list[Task]] = {}
    for task in tasks:
        found.setdefault(task.layer, []).append(task)
    return found


def _carry_out(plan: Plan) -> Operation[None]:
    checks = [check for check, _ in plan.checks]
    if not plan.changes:
        # Plain commands can be repeated safely. With checks, the commands must be an attempt,
        # because a repeated request would find its own writes, and fail.
        head = plan.checks[0][1].home.prefix if checks else None
        yield from raw_commands.take(plan.steps, checks, head)
        return
    changes = [change for change, _ in plan.changes]
    also = raw_commands.as_map(plan.steps, checks) if plan.steps or checks else None
    yield from commit(changes, also=also)


def _subject(error: ORMError, plan: Plan) -> Task | None:
    """Return the task that an error of the commit is about, or None."""
    place = (getattr(error, 'namespace', None), getattr(error, 'id', None))
    for change, task in plan.changes:
        if (change.schema.keys.namespace, change.id) == place:
            return task
    return None


def remove_all(layer: Layer, home: Home) -> Operation[int]:
    """Remove all objects of a model, and return their number.

    Raises:
        CorruptRowError: an object cannot be read, and may belong to another program. All others are
            removed.
    """
    clearing = layer.clear(home)
    if clearing is not None:
        return (yield from clearing)
    found = yield from scan(layer, home)
    broken: CorruptRowError | None = None
    count = 0
    for start in range(0, len(found), PAGE):
        tasks = []
        for pk, raw in found[start : start + PAGE]:
            try:
                if layer.owns(home, pk, raw):
                    tasks.append(Task(layer, home, pk))
            except CorruptRowError as error:
                broken = error
        yield from write(tasks)
        count += len(tasks)
    if broken is not None:
        raise broken
    return count
