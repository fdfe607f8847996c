"""A program that is interrupted at any line of a write, and goes on: each write is there once.

The interrupt is raised by a trace function, at each line in turn of everything that prepares a
write, sends it, and notes its outcome. In a loop it is raised the first two times that a line is
run for one caller: when nothing of the kind was done before, and when something was. The driver
itself has tests of its own, in tests/_core/drivers.
"""

import functools
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from types import CodeType, FrameType
from typing import Any

import pytest
import redis

import rom
from tests.support.implied import assert_consistent

PARTS = (
    '/_core/sessions/', '/_core/ops/', '/_core/entities/entity', '/_core/writes/changes.py',
    '/_core/writes/planner.py', '/_core/writes/row_values.py', '/_core/writes/entry_changes.py',
    '/_core/writes/unique_changes.py',
)  # fmt: skip
MOST = 3000
TURNS = 2


class InterruptedTeam(rom.Model):
    name = rom.Text(unique=True)


class InterruptedUser(rom.Model):
    name = rom.Text(unique=True, index=True, keygen=rom.IDENTITY)
    n = rom.Integer(index=True)
    data = rom.Json()
    team = rom.ManyToOne('InterruptedTeam', on_delete='set null')


class InterruptedTrade(rom.Model):
    done = rom.Boolean()


MODELS = (InterruptedTeam, InterruptedUser, InterruptedTrade)


class Interrupt(KeyboardInterrupt):
    """One that no other can be taken for."""


class Lines:
    """Counts the lines that are run, TURNS times each by a caller, and raises at one of them.

    Args:
        at: the place of the line, from 1 on.
    """

    def __init__(self, at: int) -> None:
        self.left = at
        self.turns: Counter[tuple[CodeType, int, CodeType | None]] = Counter()

    def trace(self, frame: FrameType, event: str, arg: Any) -> Any:
        if not is_traced(frame.f_code.co_filename):
            return None
        if event == 'line':
            caller = frame.f_back and frame.f_back.f_code
            line = (frame.f_code, frame.f_lineno, caller)
            self.turns[line] += 1
            self.left -= self.turns[line] <= TURNS
            if self.left == 0:
                raise Interrupt
        return self.trace


@functools.cache
def is_traced(filename: str) -> bool:
    """Say whether a file is one of PARTS."""
    return any(part in filename for part in PARTS)


def at_each_line(act: Callable[[], Callable[[], None]], again: Callable[[], None]) -> None:
    """Do something over and over, interrupted at each of its lines in turn.

    Args:
        act: prepares it, and returns what does it.
        again: is done after each interrupt, while the traceback still holds what was going on.
    """
    before = sys.gettrace()
    for at in range(1, MOST):
        call, lines = act(), Lines(at)
        try:
            sys.settrace(lines.trace)
            call()
        except Interrupt:
            sys.settrace(before)
            again()
        else:
            sys.settrace(before)
            again()
            return
        finally:
            sys.settrace(before)
    raise AssertionError(f'more than {MOST} lines')


@pytest.fixture
def program(client: redis.Redis) -> Iterator[redis.Redis]:
    rom.util.CONNECTION = client
    yield client
    rom.session.rollback()


def users(raw: redis.Redis) -> list[dict[bytes, bytes]]:
    assert_consistent(raw, *MODELS)
    keys = raw.scan_iter(b'InterruptedUser:[0-9]*')
    return [raw.hgetall(key) for key in keys]


@pytest.mark.one_server
def test_a_new_entity(program: redis.Redis, raw: redis.Redis) -> None:
    made: list[InterruptedUser] = []

    def act() -> Callable[[], None]:
        made.append(InterruptedUser(n=len(made), name=f'u{len(made)}', data={'a': 1}))
        return lambda: made[-1].save() and None

    def again() -> None:
        user = made[-1]
        user.save()
        assert not user._modified
        assert rom.session.commit() == 0
        assert raw.hget(f'InterruptedUser:{user.id}', 'n') == b'%d' % user.n
        rom.session.rollback()

    at_each_line(act, again)
    assert len(users(raw)) == len(made) > 100


@pytest.mark.one_server
def test_a_change(program: redis.Redis, raw: redis.Redis) -> None:
    user = InterruptedUser(n=0, name='a', data={'n': 0})
    user.save()

    def act() -> Callable[[], None]:
        user.n += 1
        user.data['n'] = user.n
        return lambda: rom.session.commit() and None

    def again() -> None:
        rom.session.commit()
        row = raw.hgetall(f'InterruptedUser:{user.id}')
        assert (row[b'n'], row[b'data']) == (b'%d' % user.n, b'{"n": %d}' % user.n)

    at_each_line(act, again)
    assert len(users(raw)) == 1
    assert user.n > 100


@pytest.mark.one_server
def test_a_commit_of_several(program: redis.Redis, raw: redis.Redis) -> None:
    made: list[InterruptedUser] = []

    def act() -> Callable[[], None]:
        at = len(made)
        if made:
            made[-1].n = -at
        team = InterruptedTeam(name=f't{at}')
        made.append(InterruptedUser(n=at, name=f'u{at}', team=team))
        return lambda: rom.session.commit() and None

    def again() -> None:
        rom.session.commit()
        user = made[-1]
        row = raw.hgetall(f'InterruptedUser:{user.id}')
        assert row[b'team'] == b'%d' % user.team.id
        if len(made) > 1:
            assert raw.hget(f'InterruptedUser:{made[-2].id}', 'n') == b'%d' % made[-2].n
        rom.session.rollback()

    at_each_line(act, again)
    assert len(users(raw)) == len(made)
    assert len([*raw.scan_iter(b'InterruptedTeam:[0-9]*')]) == len(made)


@pytest.mark.one_server
def test_a_delete(program: redis.Redis, raw: redis.Redis) -> None:
    current: list[Any] = []

    def act() -> Callable[[], None]:
        team = InterruptedTeam(name='t')
        user = InterruptedUser(n=1, name='u', team=team)
        rom.session.commit()
        current[:] = [team, user]
        return team.delete

    def again() -> None:
        team, user = current
        team.delete()
        assert raw.exists(f'InterruptedTeam:{team.id}') == 0
        assert raw.hexists(f'InterruptedUser:{user.id}', 'team') is False
        user.n = 2
        rom.session.commit()
        user.delete()
        rom.session.rollback()

    at_each_line(act, again)
    assert users(raw) == []


@pytest.mark.one_server
def test_a_transfer(program: redis.Redis, raw: redis.Redis) -> None:
    ann, bob = InterruptedUser(n=10_000), InterruptedUser(n=0)
    rom.session.commit()
    trades: list[InterruptedTrade] = []

    def act() -> Callable[[], None]:
        trade = InterruptedTrade()
        trade.save()
        trades.append(trade)
        return lambda: ann.transfer(bob, 'n', 1, trade, 'done')

    def again() -> None:
        try:
            ann.transfer(bob, 'n', 1, trades[-1], 'done')
        except ValueError as error:
            assert 'already sent' in str(error)
        ann.refresh()
        bob.refresh()
        assert bob.n == len(trades)
        assert ann.n + bob.n == 10_000
        rom.session.rollback()

    at_each_line(act, again)
