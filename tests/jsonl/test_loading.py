"""Loading: batches, existing rows, invalid lines, other writers; and the ids that are reserved."""

import asyncio
import datetime
import io
import json
import re
import threading
from typing import Any

import pytest
import redis

import rom
import rom.aio.jsonl
from rom import jsonl
from rom.exceptions import LineError
from tests.support.implied import assert_consistent
from tests.support.proxy import Proxy
from tests.support.servers import Server, dump, without_notes
from tests.support.worlds import BOTH, World

pytestmark = pytest.mark.one_server


class LoadUser(rom.Model):
    name = rom.Text(required=True, unique=True, index=True, keygen=rom.IDENTITY)
    nick = rom.Text()
    age = rom.Integer(index=True)
    pair = rom.Text(index=True, keygen=lambda value: {'': int(value)})


class LoadTeam(rom.Model):
    name = rom.Text()
    leader = rom.ManyToOne('LoadUser', on_delete='no action')


class LoadLogin(rom.Model):
    token = rom.Text(unique=True)
    expire_at = rom.ExpireAt()


@pytest.fixture(autouse=True)
def connected(raw: redis.Redis) -> None:
    rom.util.CONNECTION = raw


def line(id: int, model: str = 'LoadUser', **columns: Any) -> bytes:
    return json.dumps({'model': model, 'id': id, 'columns': columns}).encode() + b'\n'


def users(*ids: int, **columns: Any) -> list[bytes]:
    return [line(id, name=f'n{id}', **columns) for id in ids]


def load(text: list[bytes], *models: type[rom.Model], **options: Any) -> list[jsonl.Loaded]:
    return list(jsonl.load(io.BytesIO(b''.join(text)), *(models or (LoadUser,)), **options))


def counts(done: jsonl.Loaded) -> tuple[int, int, int, int]:
    rows = done.rows
    return rows.inserted, rows.updated, rows.unchanged, rows.skipped


def test_batches(raw: redis.Redis) -> None:
    text = users(*range(1, 8))
    steps = load([b'\n', *text, b'  \n'], batch_size=3)
    assert [step.line for step in steps] == [4, 7, 9]
    assert counts(steps[-1]) == (7, 0, 0, 0)
    assert steps[-1].bytes == len(b''.join(text)) + 4
    assert_consistent(raw, LoadUser)
    assert raw.get('LoadUser:id:') == b'7'


def test_the_next_id_is_a_new_one(raw: redis.Redis) -> None:
    load(users(3, 2**60))
    ann = LoadUser(name='Ann')
    ann.save()
    assert ann.id == 2**60 + 1
    assert [user.id for user in LoadUser.get_by(name=['n3'])] == [3]


def test_an_id_that_comes_twice_is_in_two_commits() -> None:
    steps = load([*users(1, 2), line(1, name='other'), *users(3)])
    assert [step.line for step in steps] == [2, 4]
    assert counts(steps[-1]) == (3, 1, 0, 0)
    assert LoadUser.get_by(name='other').id == 1


def test_models_in_any_order(raw: redis.Redis) -> None:
    steps = load([line(1, 'LoadTeam', name='A', leader=9), *users(9)], LoadUser, LoadTeam)
    assert len(steps) == 1
    assert LoadTeam.get(1).leader.name == 'n9'
    assert_consistent(raw, LoadUser, LoadTeam)


def test_models_on_two_servers(server: Server, raw: redis.Redis) -> None:
    with server.connect(db=1) as other:

        class LoadElsewhere(rom.Model):
            _conn = other
            name = rom.Text()

        text = [*users(1), line(1, 'LoadElsewhere', name='x'), *users(2)]
        steps = load(text, LoadUser, LoadElsewhere)
        assert [step.line for step in steps] == [1, 2, 3]
        assert other.hget('LoadElsewhere:1', 'name') == b'x'
        assert raw.exists('LoadUser:1', 'LoadUser:2', 'LoadElsewhere:1') == 2


def test_from_a_line_on() -> None:
    done = load([*users(1), b'nonsense\n', *users(3)], from_line=3)[-1]
    assert (done.line, counts(done)) == (3, (1, 0, 0, 0))
    assert LoadUser.query.ids() == [3]


# --- what is there already ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ('on_conflict', 'counted', 'row'),
    [
        ('update', (1, 1, 0, 0), ('n1', 'old', 5)),
        ('replace', (1, 1, 0, 0), ('n1', None, 5)),
        ('skip', (1, 0, 0, 1), ('Ann', 'old', 1)),
    ],
)
def test_on_conflict(
    raw: redis.Redis, on_conflict: Any, counted: Any, row: tuple[Any, ...]
) -> None:
    LoadUser(name='Ann', nick='old', age=1).save()
    rom.session.rollback()
    done = load(users(1, 2, age=5), on_conflict=on_conflict)[-1]
    assert counts(done) == counted
    user = LoadUser.get(1)
    assert (user.name, user.nick, user.age) == row
    assert_consistent(raw, LoadUser)


def test_fail_on_conflict(raw: redis.Redis) -> None:
    LoadUser(name='Ann').save()
    before = without_notes(dump(raw))
    with pytest.raises(
        rom.BulkError, match='line 2: LoadUser 1: expected an unused id, but the row exists'
    ) as caught:
        load(users(2, 1), on_conflict='fail')
    assert [error.number for error in caught.value.errors if isinstance(error, LineError)] == [2]
    assert without_notes(dump(raw)) == before


@pytest.mark.parametrize('on_conflict', ['update', 'replace', 'skip', 'fail'])
def test_refused_lines_raise_no_counter(raw: redis.Redis, on_conflict: Any) -> None:
    with pytest.raises(rom.BulkError, match='expected a value for the new row'):
        load([line(2**50)], on_conflict=on_conflict)
    LoadUser(name='Ann').save()
    before = without_notes(dump(raw))
    with pytest.raises(rom.BulkError, match='line 2: '):  # the server refuses it
        load([*users(2**40), line(2**50, name='Ann')], on_conflict=on_conflict)
    assert without_notes(dump(raw)) == before
    bob = LoadUser(name='Bob')
    bob.save()
    assert bob.id == 2
    assert_consistent(raw, LoadUser)


def test_a_lost_counter_is_raised_above_the_rows_that_are_there(raw: redis.Redis) -> None:
    load(users(1, 9))
    raw.set('LoadUser:id:', 3)
    assert counts(load(users(1, 9))[-1]) == (0, 0, 2, 0)
    assert raw.get('LoadUser:id:') == b'9'


def test_to_load_again_changes_nothing(raw: redis.Redis) -> None:
    text = users(*range(1, 6), age=3)
    load(text)
    before = without_notes(dump(raw))
    assert counts(load(text)[-1]) == (0, 0, 5, 0)
    assert without_notes(dump(raw)) == before


def test_values_swapped_within_a_batch() -> None:
    load([line(1, name='a'), line(2, name='b')])
    load([line(1, name='b'), line(2, name='a')])
    assert [user.name for user in LoadUser.get([1, 2])] == ['b', 'a']


def test_what_has_expired_claims_nothing(raw: redis.Redis) -> None:
    text = [
        line(1, 'LoadLogin', token='t', expire_at='2020-01-01T00:00:00'),
        line(2, 'LoadLogin', token='t', expire_at='2200-01-01T00:00:00'),
    ]
    load(text, LoadLogin)
    assert LoadLogin.get_by(token='t').id == 2
    assert LoadLogin.query.ids() == [2]
    assert LoadLogin.query.with_expired().ids() == [1, 2]
    assert rom.util.expire(LoadLogin) == 1
    assert_consistent(raw, LoadLogin)
    # One that was alive here, and is not there.
    load([line(2, 'LoadLogin', token='t', expire_at='2020-01-01T00:00:00')], LoadLogin)
    assert LoadLogin.query.ids() == []
    # And back.
    load([line(2, 'LoadLogin', token='t', expire_at='2200-01-01T00:00:00')], LoadLogin)
    assert LoadLogin.get_by(token='t').id == 2
    assert_consistent(raw, LoadLogin)


# --- what makes no sense ------------------------------------------------------------------------


def test_all_bad_lines_of_a_batch_are_named(raw: redis.Redis) -> None:
    text = [*users(1, 2), b'nonsense\n', line(4, name=5), *users(5), *users(6)]
    steps: list[jsonl.Loaded] = []
    with pytest.raises(rom.BulkError) as caught:
        for step in jsonl.load(io.BytesIO(b''.join(text)), LoadUser, batch_size=2):
            steps.append(step)
    assert [step.line for step in steps] == [2]
    assert [error.number for error in caught.value.errors if isinstance(error, LineError)] == [3, 4]
    assert str(caught.value).endswith(
        'Nothing of its batch (line 3 to 6) was written; all earlier lines are loaded'
    )
    assert LoadUser.query.ids() == [1, 2]
    assert_consistent(raw, LoadUser)


def test_a_file_of_something_else_ends_soon() -> None:
    with pytest.raises(rom.BulkError) as caught:
        load([b'id;name\n'] * 10_000)
    assert len(caught.value.errors) == 20


@pytest.mark.parametrize(
    ('bad', 'what'),
    [
        (line(5, name='taken'), "line 2: LoadUser 5: name='taken' belongs to LoadUser:1 already"),
        (line(5, age=5), 'line 2: LoadUser.name: expected a value for the new row 5, because'),
        (line(5, name='x', pair='no'), 'line 2: LoadUser.pair: the keygen failed'),
    ],
)
def test_what_the_row_is_refused_for(raw: redis.Redis, bad: bytes, what: str) -> None:
    load([line(1, name='taken')])
    with pytest.raises(rom.BulkError) as caught:
        load([line(4, name='good', pair='1'), bad])
    assert what in str(caught.value)
    assert LoadUser.query.ids() == [1]
    assert_consistent(raw, LoadUser)


def test_a_key_that_is_no_row(raw: redis.Redis) -> None:
    raw.set('LoadUser:5', 'mine')
    with pytest.raises(rom.CorruptRowError, match='LoadUser:5 should hold a hash'):
        load(users(4, 5))
    assert raw.get('LoadUser:5') == b'mine'
    assert LoadUser.query.ids() == []


@pytest.mark.parametrize(
    ('models', 'options', 'what'),
    [
        ((), {}, 'load: expected at least one model, got none'),
        ((rom.Model,), {}, 'takes a model'),
        ((LoadUser,), {'batch_size': 0}, 'load(batch_size=...): expected an int of at least 1'),
        *(
            (
                (LoadUser,),
                {'from_line': line},
                f'load(from_line=...): expected an int of at least 1, got {shown}',
            )
            for line, shown in ((0, '0'), (True, 'True'), (1.0, '1.0'), ('1', "'1'"))
        ),
        (
            (LoadUser,),
            {'on_conflict': 'merge'},
            "load(on_conflict=...): expected one of 'update', 'replace', 'skip', 'fail', got ",
        ),
    ],
)
def test_arguments(models: Any, options: Any, what: str) -> None:
    with pytest.raises(rom.InvalidOperation, match=re.escape(what)):
        list(jsonl.load([], *models, **options))


@pytest.mark.parametrize('lines', [None, 5, b'{"model": ', '{"model": ', bytearray(b'x')])
def test_lines_are_lines(lines: Any) -> None:
    with pytest.raises(rom.InvalidOperation, match='load: expected lines, such as a file'):
        list(jsonl.load(lines, LoadUser))
    with pytest.raises(rom.InvalidOperation, match='reserve: expected lines, such as a file'):
        jsonl.reserve(lines, LoadUser)


def test_a_line_is_bytes_or_text(raw: redis.Redis) -> None:
    text = [
        '{"model": "LoadUser", "id": 1, "columns": {"name": "é"}}',
        line(2, name='b'),
        bytearray(line(3, name='c')),
    ]
    done = list(jsonl.load(text, LoadUser))[-1]  # type: ignore[arg-type]
    assert done.bytes == len(text[0]) + 1 + len(text[1]) + len(text[2])
    assert [user.name for user in LoadUser.get([1, 2, 3])] == ['é', 'b', 'c']
    for wrong in (None, 5, [b'x']):
        with pytest.raises(rom.InvalidOperation, match='load: line 2: expected bytes, got '):
            list(jsonl.load([line(4, name='d'), wrong], LoadUser))  # type: ignore[list-item]
        with pytest.raises(rom.InvalidOperation, match='reserve: line 1: expected bytes, got '):
            jsonl.reserve([wrong], LoadUser)
    assert raw.get('LoadUser:id:') == b'3'
    assert jsonl.reserve(text, LoadUser) == {LoadUser: 3}


# --- others -------------------------------------------------------------------------------------


@pytest.mark.parametrize('on_conflict', ['update', 'replace', 'skip'])
def test_beside_a_running_writer(server: Server, raw: redis.Redis, on_conflict: Any) -> None:
    """Ids that are given out meanwhile are never those of a line, and no entry is left over."""
    text = users(*range(1, 1501), age=1)
    made: list[int] = []
    stop = threading.Event()

    def write() -> None:
        with server.connect() as client, rom.Session(client) as session:
            number = 0
            while not stop.is_set() or number < 20:
                number += 1
                user = LoadUser(name=f'w{number}', age=2)
                session.commit()
                made.append(user.id)
                for known in session.get(LoadUser, [number, number * 7]):
                    known.age = 3
                    try:
                        session.commit()
                    except (rom.DataRaceError, rom.EntityDeletedError):
                        session.rollback()

    assert jsonl.reserve(text, LoadUser) == {LoadUser: 1500}
    writer = threading.Thread(target=write)
    writer.start()
    try:
        done = load(text, on_conflict=on_conflict, batch_size=50)[-1]
    finally:
        stop.set()
        writer.join()
    assert sum(counts(done)) == 1500
    assert len(set(made)) == len(made)
    assert {user.id for user in LoadUser.query if user.name[0] == 'w'} == set(made)
    assert_consistent(raw, LoadUser)


@pytest.mark.parametrize('when', ['before', 'after'])
def test_a_connection_that_breaks(server: Server, raw: redis.Redis, when: str) -> None:
    with Proxy(server.socket) as proxy, redis.Redis(unix_socket_path=proxy.socket) as client:
        rom.util.CONNECTION = client
        cut = proxy.cut_before_request if when == 'before' else proxy.cut_after_request
        cut(Proxy.named('EVALSHA', 'EVAL'), times=4)
        done = load(users(*range(1, 21)), batch_size=5)[-1]
        assert sum(proxy.cuts.values()) >= 4
    assert counts(done)[0] + counts(done)[2] == 20
    assert_consistent(raw, LoadUser)


@pytest.mark.parametrize('kind', BOTH)
def test_in_both_worlds(server: Server, raw: redis.Redis, kind: str) -> None:
    import rom.aio.jsonl

    text = [*users(*range(1, 8)), line(1, 'LoadTeam', name='A', leader=3)]
    world = World(kind, server.socket)

    async def story() -> Any:
        async with world.session():
            file = io.BytesIO(b''.join(text))
            if kind == 'sync':
                steps = list(jsonl.load(file, LoadUser, LoadTeam, batch_size=4))
                blocks = list(jsonl.dump(LoadUser, LoadTeam, block_size=4))
            else:
                loading = rom.aio.jsonl.load(file, LoadUser, LoadTeam, batch_size=4)
                steps = [step async for step in loading]
                dumping = rom.aio.jsonl.dump(LoadUser, LoadTeam, block_size=4)
                blocks = [block async for block in dumping]
            return steps, blocks

    steps, blocks = world.run(story())
    assert [(step.line, counts(step)) for step in steps] == [(4, (4, 0, 0, 0)), (8, (8, 0, 0, 0))]
    assert [(block.model.__name__, block.rows, block.last) for block in blocks if block.rows] == [
        ('LoadUser', 4, 4),
        ('LoadUser', 3, 7),
        ('LoadTeam', 1, 1),
    ]
    assert_consistent(raw, LoadUser, LoadTeam)


def test_how_many_trips(server: Server) -> None:
    with Proxy(server.socket) as proxy, redis.Redis(unix_socket_path=proxy.socket) as client:
        rom.util.CONNECTION = client
        load(users(1))  # the scripts are known from now on
        proxy.requests.clear()
        load(users(*range(2, 12)), batch_size=5)
        assert proxy.requests.total() == 6


def test_expiry_is_kept(raw: redis.Redis) -> None:
    moment = datetime.datetime(2200, 1, 1, 0, 0, 0, 1)
    LoadLogin(token='t', expire_at=moment).save()
    text = b''.join(block.text for block in jsonl.dump(LoadLogin))
    raw.flushdb()
    rom.session.rollback()
    load([text], LoadLogin)
    assert LoadLogin.get(1).expire_at == moment


class ReserveUser(rom.Model):
    _namespace = 'reserve'
    data = rom.String()


class ReserveTeam(rom.Model):
    pass


TEXT = [
    b'{"model": "ReserveUser", "id": 7, "columns": {}}\n',
    b'{"model": "reserve", "id": 5, "dialect": 2, "columns": {"data": "/w=="}}\n',
    json.dumps({'id': 2**62, 'columns': {}, 'model': 'ReserveTeam'}).encode(),
    b'{"model": "Other", "id": 99, "columns": {}}\n',
    b'{"model": "ReserveUser", "id": 99999999999999999999, "columns": {}}\n',
    b'{"model": "ReserveUser", "id": "x", "columns": {}}\n',
    b'{"model": "ReserveUser", "id": true, "columns": {}}\n',
    b'nonsense\n',
    b'[1]\n',
    b'\n',
]


def test_the_highest_ids(raw: redis.Redis) -> None:
    rom.util.CONNECTION = raw
    raw.set('reserve:id:', 3)
    found = jsonl.reserve(TEXT, ReserveUser, ReserveTeam)
    assert found == {ReserveUser: 7, ReserveTeam: 2**62}
    assert raw.get('reserve:id:') == b'7'
    assert raw.get('ReserveTeam:id:') == b'%d' % 2**62
    user = ReserveUser()
    user.save()
    assert user.id == 8
    assert jsonl.reserve(TEXT, ReserveUser) == {ReserveUser: 7}
    assert raw.get('reserve:id:') == b'8'


def test_nothing_to_reserve(raw: redis.Redis) -> None:
    rom.util.CONNECTION = raw
    assert jsonl.reserve([], ReserveUser) == {}
    assert raw.dbsize() == 0


@pytest.mark.parametrize(
    'wrong',
    [
        b'{"model": "ReserveUser", "id": 9000, "columns": {"nope": 1}}\n',
        b'{"model": "ReserveUser", "id": 9223372036854775807, "columns": {}}\n',
        b'{"model": "ReserveUser", "id": 9000, "columns": []}\n',
        b'{"model": "ReserveUser", "id": 9000, "dialect": 3, "columns": {}}\n',
        b'{"model": "ReserveUser", "id": 9000, "dialect": 2, "columns": {"data": "no base64"}}\n',
        b'{"model": "ReserveUser", "id": 9000, "columns": {}\n',
    ],
)
def test_a_line_that_is_refused_reserves_nothing(raw: redis.Redis, wrong: bytes) -> None:
    rom.util.CONNECTION = raw
    good = [b'{"model": "ReserveUser", "id": %d, "columns": {}}\n' % id for id in range(1, 300)]
    text = [wrong, *good, wrong]
    assert jsonl.reserve(text, ReserveUser) == {ReserveUser: 299}
    with pytest.raises(rom.BulkError):
        list(jsonl.load(text, ReserveUser))
    user = ReserveUser()
    user.save()
    assert user.id == 300


def test_the_largest_id_leaves_ids_for_others(raw: redis.Redis) -> None:
    rom.util.CONNECTION = raw
    text = b'{"model": "ReserveUser", "id": %d, "columns": {}}\n'
    list(jsonl.load([text % 2**62], ReserveUser))
    user = ReserveUser()
    user.save()
    assert user.id == 2**62 + 1
    with pytest.raises(rom.BulkError, match='an integer from 1 to 4611686018427387904'):
        list(jsonl.load([text % (2**62 + 1)], ReserveUser))


def test_with_asyncio(raw: redis.Redis) -> None:
    rom.util.CONNECTION = raw
    found = asyncio.run(rom.aio.jsonl.reserve(TEXT, ReserveUser, ReserveTeam))
    assert found == {ReserveUser: 7, ReserveTeam: 2**62}
    assert raw.get('reserve:id:') == b'7'
