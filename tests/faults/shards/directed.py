"""Directed schedules: for each safety measure, the turns of which something goes wrong without it.

A schedule of the name of a mutant returns what is wrong in the end: nothing, or with the mutant
something. Most of these turns come up at random as well, but in one of many schedules.
"""

import random
from collections.abc import Callable, Generator
from typing import Any

import redis

from rom._core.ops.id_counters import take_ids
from rom._core.ops.load_rows import load
from rom._core.ops.requests import Pipeline, Script
from rom._core.ops.shards.recover import recover
from rom._core.ops.shards.strict_reads import find_unique
from rom._core.ops.shards.transact import transact
from rom._core.writes.changes import Change
from rom.exceptions import ORMError, UniqueKeyViolation
from tests.faults.shards.group import (
    ACCOUNTS,
    GOLD,
    PARTITIONS,
    SCHEMAS,
    SIZE,
    account,
    change,
    collect,
    row_of,
    transaction_of,
    unique_key,
)
from tests.faults.shards.links import LINKS
from tests.faults.shards.oracle import problems
from tests.faults.shards.world import Chances, Luck, World, token_of

Parts = dict[int, list[Change]]


class Turns:
    """An operation that goes on when it is told to."""

    def __init__(self, world: World, operation: Generator[Any, Any, Any]) -> None:
        self._world, self._operation = world, operation
        self.error: ORMError | None = None
        self.request = next(operation)

    def until(self, script: str) -> Script:
        """Go on until the next trip calls a script; return that call, which is not sent yet."""
        while True:
            for one in _requests(self.request):
                if isinstance(one, Script) and one.name == script:
                    return one
            self.request = self._operation.send(self._world.all_of(self.request))

    def end(self) -> None:
        """Go on to the end, and note the error in `error`."""
        try:
            while True:
                self.request = self._operation.send(self._world.all_of(self.request))
        except StopIteration:
            pass
        except ORMError as error:
            self.error = error


def _requests(request: Any) -> tuple[Any, ...]:
    return request.requests if isinstance(request, Pipeline) else (request,)


class Stage:
    """A world without faults, and the commits of it."""

    def __init__(self, connection: redis.Redis) -> None:
        connection.flushall()
        luck = random.Random(1)
        self.connection = connection
        self.world = World(connection, luck, Chances())
        self._patience = Luck(luck, 1.0)
        for schema in SCHEMAS:
            self.world.straight(take_ids({schema: 9}))
        parts: Parts = {number: [] for number in range(SIZE)}
        for place in range(ACCOUNTS):
            number, id = account(place)
            parts[number].append(
                change(number, 'insert', id, {}, kind='account', gold=GOLD, grants=0)
            )
        self.commit(parts)
        self.outcomes: dict[str, str] = {}

    def begin(self, parts: Parts) -> Turns:
        """A commit that goes on when it is told to; it fences whatever it meets."""
        return Turns(self.world, transact(transaction_of(parts), patience=self._patience))

    def commit(self, parts: Parts) -> ORMError | None:
        """Commit, and return the error, if any."""
        turns = self.begin(parts)
        turns.end()
        return turns.error

    def user(self, number: int, id: int, email: str) -> list[Change]:
        """The insert of a user."""
        return [change(number, 'insert', id, {}, kind='user', email=email)]

    def update(self, number: int, id: int, forced: bool = False, **wanted: Any) -> Change:
        """The update of a row, from what it holds now."""
        stored = row_of(self.connection, number, id)
        return change(number, 'update', id, stored, **wanted)._replace(forced=forced)

    def delete(self, number: int, id: int) -> Parts:
        """The delete of a row."""
        return {number: [change(number, 'delete', id, row_of(self.connection, number, id))]}

    def grant(self, place: int, gold: int = 3) -> Parts:
        """Gold for one account."""
        number, id = account(place)
        row = row_of(self.connection, number, id)
        update = self.update(
            number, id, gold=int(row['gold']) + gold, grants=int(row['grants']) + gold
        )
        return {number: [update]}

    def trade(self) -> Parts:
        """A trade between the accounts of partitions 0 and 1, written down in partition 0."""
        row = change(0, 'insert', 20, {}, kind='trade', ref='trade0', one=0, other=1, delta=5)
        self.outcomes['trade0'] = 'unknown'
        one, other = account(0), account(1)
        return {
            0: [self.update(*one, gold=GOLD - 5, trades='trade0 '), row],
            1: [self.update(*other, gold=GOLD + 5, trades='trade0 ')],
        }

    def forget_notes(self) -> None:
        """Let all notes expire, and the requests of their transactions grow old."""
        for note in self.connection.scan_iter(b'*:done:*'):
            self.world.dead.add(token_of(note))
            self.connection.delete(note)

    def wrong(self) -> list[str]:
        """What is wrong once all is recovered."""
        self.world.straight(recover(PARTITIONS, older=-1))
        return problems(self.connection, self.outcomes)


def _refused_copy(stage: Stage) -> list[str]:
    """A copy of a refused commit arrives when nothing would refuse it any more."""
    stage.commit({0: stage.user(0, 11, 'e1')})
    turns = stage.begin({0: [stage.update(0, 11, email='e4')]})
    copy = turns.until('shard_commit')
    stage.commit({0: [stage.update(0, 11, email='e2')]})
    turns.end()
    assert turns.error is not None
    stage.commit({0: [stage.update(0, 11, email='e1')]})
    stage.world.run(copy)
    stage.commit({1: stage.user(1, 12, 'e4')})
    return stage.wrong()


def _slow_claim(stage: Stage) -> list[str]:
    """A commit that has claimed a value is slow; another one takes the value meanwhile."""
    turns = stage.begin({0: stage.user(0, 11, 'e1')})
    turns.until('shard_commit')
    stage.commit({1: stage.user(1, 12, 'e1')})
    turns.end()
    return stage.wrong()


def _slow_release(stage: Stage) -> list[str]:
    """A value is given up and taken again before its entry is released."""
    stage.commit({0: stage.user(0, 11, 'e1')})
    turns = stage.begin(stage.delete(0, 11))
    turns.until('shard_release')
    stage.commit({1: stage.user(1, 12, 'e1')})
    turns.end()
    return stage.wrong()


def _refused_swap(stage: Stage) -> list[str]:
    """A commit takes the claim of a row that it writes over, and is refused."""
    stage.commit({0: stage.user(0, 11, 'e1')})
    stage.commit({0: stage.user(0, 12, 'e2')})
    swap = [stage.update(0, 11, email='e2'), stage.update(0, 12, email='e1')]
    turns = stage.begin({0: swap})
    turns.until('shard_commit')
    stage.commit({0: [stage.update(0, 12, email='e3')]})
    turns.end()
    return stage.wrong()


def _lost_apply(stage: Stage) -> list[str]:
    """A client dies when its commit is decided, and all notes expire."""
    stage.begin(stage.trade()).until('shard_apply')
    stage.forget_notes()
    return stage.wrong()


def _writer_of_a_locked_row(stage: Stage) -> list[str]:
    """Another commit writes a row that is prepared."""
    turns = stage.begin(stage.trade())
    turns.until('shard_commit')
    stage.commit(stage.grant(1))
    turns.end()
    return stage.wrong()


def _old_copy(stage: Stage) -> list[str]:
    """A copy arrives when the fence against it has expired."""
    copy = stage.begin({0: stage.user(0, 11, 'e1')}).until('shard_commit')
    stage.commit({1: stage.user(1, 12, 'e1')})
    stage.forget_notes()
    stage.world.run(copy)
    return stage.wrong()


def _claims_at_once(stage: Stage) -> list[str]:
    """Two commits claim a value before either is decided."""
    one = stage.begin({0: stage.user(0, 11, 'e1')})
    other = stage.begin({1: stage.user(1, 12, 'e1')})
    one.until('shard_commit')
    other.until('shard_commit')
    one.end()
    other.end()
    return stage.wrong()


def _taken(stage: Stage) -> list[str]:
    """A value is claimed that a row of another partition has."""
    stage.commit({0: stage.user(0, 11, 'e1')})
    error = stage.commit({1: stage.user(1, 12, 'e1')})
    is_refused = isinstance(error, UniqueKeyViolation)
    return stage.wrong() + ([] if is_refused else [f'not refused: {error}'])


def _claim_of_prepared(stage: Stage) -> list[str]:
    """A value is claimed that a commit gives to a row; it is decided, and not applied yet."""
    parts = {**stage.grant(0), 1: stage.user(1, 11, 'e1')}
    stage.begin(parts).until('shard_apply')
    stage.commit({2: stage.user(2, 12, 'e1')})
    return stage.wrong()


def _twice(stage: Stage) -> list[str]:
    """A commit that takes an id arrives twice."""
    turns = stage.begin({0: [change(0, 'insert', None, {}, kind='user')]})
    copy = turns.until('shard_commit')
    turns.end()
    stage.world.run(copy)
    rows = sum(stage.connection.exists(SCHEMAS[0].keys.row(id)) for id in (10, 11))
    return [] if rows == 1 else [f'{rows} rows']


def _copy_over(stage: Stage, *places: int) -> list[str]:
    """A copy of a commit arrives when another commit has restored what it changed."""
    rows = [account(place) for place in places]
    turns = stage.begin({0: [stage.update(*row, trades='x') for row in rows]})
    copy = turns.until('shard_commit')
    turns.end()
    stage.commit({0: [stage.update(*row, trades=None) for row in rows]})
    stage.world.run(copy)
    found = [row_of(stage.connection, *row).get('trades') for row in rows]
    return [] if not any(found) else [f'changed again: {found}']


def _late_prepare(stage: Stage) -> list[str]:
    """A request to prepare arrives when its transaction was undone."""
    late = stage.begin(stage.trade()).until('shard_prepare')
    stage.world.run(PARTITIONS.call('shard_abort', 1, token_of(late.key)))
    stage.world.run(late)
    locked = stage.connection.exists(PARTITIONS.intents(1))
    return ['a row is locked'] if locked else []


def _early_read(stage: Stage) -> list[str]:
    """A read meets a commit that is decided and not applied."""
    stage.begin(stage.trade()).until('shard_apply')
    number, id = account(1)
    [row] = stage.world.straight(load(SCHEMAS[number], [id]))
    return [] if 'trades' in row.stored else ['an old row']


def _early_look(stage: Stage) -> list[str]:
    """A read by a unique value meets a row that is decided and not applied."""
    parts = {**stage.grant(0), 1: stage.user(1, 11, 'e1')}
    stage.begin(parts).until('shard_apply')
    found = stage.world.straight(
        find_unique(PARTITIONS, 0, SCHEMAS[0], unique_key(0, 'email'), b'e1')
    )
    return [] if found is not None and found[:2] == (1, 11) else [f'found {found}']


def _id_of_prepared(stage: Stage) -> list[str]:
    """An insert takes an id while another one with an id of its own is prepared."""
    parts = {**stage.grant(0), 1: stage.user(1, 10, 'e1')}
    turns = stage.begin(parts)
    turns.until('shard_commit')
    stage.commit({1: [change(1, 'insert', None, {}, kind='user', email='e2')]})
    turns.end()
    emails = [row_of(stage.connection, 1, id).get('email') for id in (10, 11)]
    return [] if emails == [b'e1', b'e2'] else [f'rows {emails}']


def _collected_claim(stage: Stage) -> list[str]:
    """The entry of a commit that is under way is collected."""
    turns = stage.begin({0: stage.user(0, 11, 'e1')})
    turns.until('shard_commit')
    name = PARTITIONS.name(0, unique_key(0, 'email'))
    for number in range(SIZE):
        stage.world.straight(collect(number, name, lambda _: True))
    turns.end()
    return stage.wrong()


#: The schedules, by the name of the mutant that each must find.
DIRECTED: dict[str, Callable[[Stage], list[str]]] = {
    'a collection takes what is not decided': _collected_claim,
    'a refusal does not fence': _refused_copy,
    'a look frees without a fence': _slow_claim,
    'a release does not compare': _slow_release,
    'a claim is withdrawn without comparing': _slow_claim,
    'a claim is withdrawn that a row relies on': _refused_swap,
    'the coordinator forgets before all have applied': _lost_apply,
    'rows are not locked': _writer_of_a_locked_row,
    'requests are never too late': _old_copy,
    'claims do not compare': _claims_at_once,
    'a look does not look at the row': _taken,
    'declared dead without a fence': _writer_of_a_locked_row,
    'prepared counts as decided': _claim_of_prepared,
    'a commit runs twice': lambda stage: _copy_over(stage, 0, SIZE),
    'an insert of one row runs twice': _twice,
    'an update of one row runs twice': lambda stage: _copy_over(stage, 0),
    'a commit of one row ignores intents': _writer_of_a_locked_row,
    'an abort does not fence': _late_prepare,
    'a prepared insert leaves its id to others': _id_of_prepared,
    'a read ignores intents': _early_read,
    'a read by a unique value ignores intents': _early_look,
    **LINKS,
}
