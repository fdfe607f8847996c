"""Enum: what is stored, what is set and found, and what is refused."""

import asyncio
import enum
from typing import Any

import pytest
import redis

import rom
from tests.support.implied import assert_consistent
from tests.support.servers import Server
from tests.support.stories import both

pytestmark = pytest.mark.one_server


class State(enum.Enum):
    OPEN = 'open'
    DONE = 'done'


class Level(enum.IntEnum):
    LOW = 1
    MID = 5
    HIGH = 10


class Rank(enum.Enum):
    """No int itself."""

    FIRST = 1
    LAST = 9


class Right(enum.Flag):
    READ = 1
    WRITE = 2


class Mixed(enum.Enum):
    ONE = 1
    TWO = 'two'


class Share(float, enum.Enum):
    HALF = 0.5


class Label(enum.StrEnum):
    RED = 'red'
    BLUE = 'blue'


class Other(enum.StrEnum):
    RED = 'red'


class EnumTask(rom.Model):
    _namespace = '{enums}task'
    state = rom.Enum(State, index=True, default=State.OPEN)
    level = rom.Enum(Level, index=True)
    rank = rom.Enum(Rank, index=True)
    right = rom.Enum(Right, index=True)
    mixed = rom.Enum(Mixed, index=True, prefix=True, suffix=True)
    share = rom.Enum(Share)
    label = rom.Enum(Label, unique=True)
    first = rom.Enum(Label, index=True, keygen=lambda value: [value[0]])


@both(EnumTask)
async def test_a_member_is_found_as_its_value_is(s: Any) -> None:
    one = EnumTask(level=Level.LOW, rank=Rank.LAST, mixed=Mixed.ONE, label='red')
    two = EnumTask(
        state='done', level=10, rank=1, right=3, mixed='TWO', label=Label.BLUE, first=Label.BLUE
    )
    await s.commit()
    one_id, two_id = one.id, two.id
    s.rollback()
    query = EnumTask.query
    for found, ids in [
        (query.filter(state=State.OPEN), [one_id]),
        (query.filter(state='done'), [two_id]),
        (query.filter(state=[State.OPEN, 'done']), [one_id, two_id]),
        (query.where(EnumTask.state != State.OPEN), [two_id]),
        (query.where(EnumTask.state.in_(State)), [one_id, two_id]),
        (query.where(EnumTask.state.is_none()), []),
        (query.filter(level=Level.HIGH), [two_id]),
        (query.filter(level=(Level.LOW, Level.MID)), [one_id]),
        (query.where(EnumTask.level > Level.LOW), [two_id]),
        (query.where(EnumTask.level <= 7), [one_id]),
        (query.where(EnumTask.rank >= Rank.LAST), [one_id]),
        (query.filter(rank=[Rank.FIRST]), [two_id]),
        (query.filter(right=Right.READ | Right.WRITE), [two_id]),
        (query.where(EnumTask.right.is_none()), [one_id]),
        (query.filter(mixed=Mixed.TWO), [two_id]),
        (query.startswith(mixed='O'), [one_id]),
        (query.endswith(mixed='O'), [two_id]),
        (query.like(mixed='*N'), [one_id]),
        (query.filter(label=Label.RED), [one_id]),
        (query.filter(first='b'), [two_id]),
    ]:
        assert sorted(await s.ids(found)) == ids, found
    assert await s.facets(query, 'state') == {State.OPEN: 1, State.DONE: 1}
    assert await s.facets(query, 'right') == {Right.READ | Right.WRITE: 1, None: 1}
    assert (await s.min(query, 'level'), await s.max(query, 'rank')) == (Level.LOW, Rank.LAST)
    by_level = query.order_by('-level').select('level', 'state', 'mixed')
    assert [tuple(row.values()) for row in await s.all(by_level)] == [
        (Level.HIGH, State.DONE, Mixed.TWO),
        (Level.LOW, State.OPEN, Mixed.ONE),
    ]
    page = await s.page(query.order_by('-mixed'), 1)
    assert [task.mixed for task in page.items] == [Mixed.TWO]
    page = await s.page(query.order_by('-mixed'), 1, after=page.next)
    assert [task.mixed for task in page.items] == [Mixed.ONE]
    again = await s.get_by(EnumTask, label='blue')
    assert (again.state, again.level, again.right) == (State.DONE, Level.HIGH, Right(3))
    assert await s.update_all(query.filter(state='open'), state=State.DONE) == 1
    assert await s.count(query.filter(state=State.DONE)) == 2
    _, made = await s.upsert(EnumTask, {'state': State.OPEN}, label=Label.BLUE)
    assert not made and await s.count(query.filter(state='open')) == 1


@pytest.mark.parametrize(
    ('values', 'says'),
    [
        ({'state': 'x'}, r"state: expected a member of State or one of 'open', 'done', got 'x'"),
        ({'state': Level.LOW}, 'got <Level.LOW: 1>'),
        ({'state': 1}, r'got 1 \(int\)'),
        ({'level': 2}, r'expected a member of Level or one of 1, 5, 10, got 2'),
        ({'level': True}, r'got True \(bool\)'),
        ({'rank': Level.LOW}, 'got <Level.LOW: 1>'),
        ({'right': 8}, r'one of 1, 2, got 8'),
        ({'mixed': 'two'}, r"one of 'ONE', 'TWO', got 'two'"),
        ({'label': Other.RED}, 'a member of Label'),
    ],
)
def test_what_is_refused(on_client: Any, values: dict[str, Any], says: str) -> None:
    """By a constructor, an assignment, an update and, but for Flag, a filter."""
    with pytest.raises(rom.InvalidColumnValue, match=says):
        EnumTask(**values)
    task = EnumTask()
    [(name, value)] = values.items()
    with pytest.raises(rom.InvalidColumnValue, match=says):
        setattr(task, name, value)
    with pytest.raises(rom.InvalidColumnValue, match=says):
        EnumTask.query.update(**values)
    if name not in ('right', 'label'):
        with pytest.raises(rom.QueryError):
            EnumTask.query.filter(**values)


def test_stored_forms(on_client: Any, raw: redis.Redis) -> None:
    """By value where all values are strings or all are integers, else by name."""
    values = {'state': State.DONE, 'level': Level.MID, 'rank': Rank.LAST, 'right': Right(3),
              'mixed': Mixed.ONE, 'share': Share.HALF, 'label': Label.BLUE}  # fmt: skip
    EnumTask(**values, id=None).save()
    assert raw.hgetall('{enums}task:1') == {
        b'state': b'done', b'level': b'5', b'rank': b'9', b'right': b'3', b'mixed': b'ONE',
        b'share': b'HALF', b'label': b'blue', b'id': b'1',
    }  # fmt: skip
    rom.session.rollback()
    assert EnumTask.get(1).to_dict() == {**values, 'id': 1, 'first': None}
    assert "state=<State.DONE: 'done'>" in repr(EnumTask.get(1))


def test_an_unknown_stored_value_names_its_row(on_client: Any, raw: redis.Redis) -> None:
    EnumTask(label='red').save()
    rom.session.rollback()
    for name, value in [('state', b'gone'), ('level', b'7'), ('mixed', b'THREE')]:
        raw.hset('{enums}task:1', name, value)
        rom.session.rollback()
        with pytest.raises(rom.CorruptRowError, match=rf"\{{enums\}}task:1, column '{name}'"):
            getattr(EnumTask.get(1), name)
    with pytest.raises(rom.CorruptRowError, match="column 'state'"):
        EnumTask.query.facets('state')
    rom.session.rollback()
    task = EnumTask.get(1)
    task.state, task.level, task.mixed = State.OPEN, Level.LOW, Mixed.ONE
    task.save(force=True)
    assert_consistent(raw, EnumTask)


def test_queries_are_shown_as_a_program_writes_them(on_client: Any) -> None:
    query = EnumTask.query.filter(state=[State.OPEN, State.DONE], level=Level.LOW)
    assert repr(query) == (
        'EnumTask.query.filter(state=[State.OPEN, State.DONE]).filter(level=Level.LOW)'
    )
    assert 'state' in str(query.explain())


@pytest.mark.parametrize(
    ('make', 'says'),
    [
        (lambda: rom.Enum(str), 'expected an enum with members'),  # type: ignore[type-var]
        (lambda: rom.Enum(enum.Enum('Empty', {})), 'expected an enum with members'),
        (
            lambda: rom.Enum(enum.Enum('Blank', {'NO': '', 'YES': 'y'}), index=True),
            'has an empty value, which no index holds',
        ),
        (
            lambda: rom.Enum(enum.Enum('Large', {'A': 2**53}), index=True),
            'too large for an index',
        ),
        (lambda: rom.Enum(Level, prefix=True), 'prefix and suffix are for strings'),
    ],
)
def test_enums_that_no_column_can_hold(make: Any, says: str) -> None:
    with pytest.raises(rom.ColumnError, match=says):
        make()


def test_order_and_is_none_without_a_sorting_index(on_client: Any) -> None:
    EnumTask(state=State.OPEN).save()
    EnumTask(state=State.DONE).save()
    with pytest.warns(UserWarning, match='declare it with prefix=True'):
        tasks = EnumTask.query.order_by('state').all()
    assert [task.state for task in tasks] == [State.DONE, State.OPEN]
    with pytest.raises(rom.QueryError, match=r'holds no numbers'):
        EnumTask.query.where(EnumTask.state > State.OPEN).all()


def test_a_thread_of_an_async_session_reads_members(server: Server) -> None:
    async def story() -> None:
        async with server.connect_async() as client, rom.AsyncSession(client) as s:
            task = EnumTask(state=State.DONE)
            await s.commit()
            s.rollback()
            found = await s.get(EnumTask, task.id)
            assert await asyncio.to_thread(lambda: found.state) is State.DONE

    asyncio.run(story())
