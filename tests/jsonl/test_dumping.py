"""Dumping: blocks, resuming, rows that cannot be read, and memory that does not grow."""

import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
import redis

import rom
from rom import jsonl

pytestmark = pytest.mark.one_server


class DumpUser(rom.Model):
    name = rom.Text(index=True, keygen=rom.IDENTITY)
    age = rom.Integer()


class DumpTeam(rom.Model):
    name = rom.Text()


class DumpLogin(rom.Model):
    expire_at = rom.ExpireAt()


@pytest.fixture(autouse=True)
def connected(raw: redis.Redis) -> None:
    rom.util.CONNECTION = raw


def make(model: type[rom.Model], count: int) -> None:
    for number in range(count):
        model(name=f'n{number}')
    rom.session.commit()
    rom.session.rollback()


def ids(blocks: Any) -> list[tuple[str, int]]:
    text = b''.join(block.text for block in blocks)
    return [(said['model'], said['id']) for said in map(json.loads, text.splitlines())]


def test_blocks() -> None:
    make(DumpUser, 5)
    make(DumpTeam, 2)
    blocks = list(jsonl.dump(DumpUser, DumpTeam, DumpUser, block_size=2))
    assert [(b.model, b.rows, b.last) for b in blocks if b.rows] == [
        (DumpUser, 2, 2),
        (DumpUser, 2, 4),
        (DumpUser, 1, 5),
        (DumpTeam, 2, 2),
    ]
    assert ids(blocks) == [
        *(('DumpUser', n) for n in range(1, 6)),
        ('DumpTeam', 1),
        ('DumpTeam', 2),
    ]


def test_going_on() -> None:
    make(DumpUser, 5)
    make(DumpTeam, 2)
    assert ids(jsonl.dump(DumpUser, DumpTeam, after=(DumpUser, 3))) == [
        ('DumpUser', 4), ('DumpUser', 5), ('DumpTeam', 1), ('DumpTeam', 2),
    ]  # fmt: skip
    assert ids(jsonl.dump(DumpUser, DumpTeam, after=(DumpTeam, 1))) == [('DumpTeam', 2)]
    assert ids(jsonl.dump(DumpUser, DumpTeam, after=(DumpTeam, 2))) == []


def test_rows_that_go_and_come_meanwhile() -> None:
    make(DumpUser, 6)
    blocks = jsonl.dump(DumpUser, block_size=2)
    found = [next(blocks)]
    DumpUser.get(3).delete()
    DumpUser(name='new').save()
    assert ids([*found, *blocks]) == [('DumpUser', n) for n in (1, 2, 4, 5, 6, 7)]


def test_data_without_a_bitmap(raw: redis.Redis) -> None:
    make(DumpUser, 5)
    raw.delete('DumpUser:id:live', 'DumpUser:2')
    assert ids(jsonl.dump(DumpUser, block_size=2)) == [('DumpUser', n) for n in (1, 3, 4, 5)]


def test_nothing_there() -> None:
    assert ids(jsonl.dump(DumpUser)) == []
    assert jsonl.highest(DumpUser) is None
    make(DumpUser, 2)
    assert jsonl.highest(DumpUser) == 2


def test_what_has_expired() -> None:
    import datetime

    DumpLogin(expire_at=datetime.datetime(2020, 1, 1)).save()
    DumpLogin().save()
    assert ids(jsonl.dump(DumpLogin)) == [('DumpLogin', 2)]
    assert ids(jsonl.dump(DumpLogin, with_expired=True)) == [('DumpLogin', 1), ('DumpLogin', 2)]


def test_what_cannot_be_read_is_left_out(raw: redis.Redis) -> None:
    make(DumpUser, 9)
    raw.hset('DumpUser:2', 'age', 'many')
    for number in (4, 5, 8):
        raw.delete(f'DumpUser:{number}')
        raw.set(f'DumpUser:{number}', 'x')
    blocks = list(jsonl.dump(DumpUser, block_size=numpy.int64(3)))
    assert ids(blocks) == [('DumpUser', n) for n in (1, 3, 6, 7, 9)]
    broken = [error for block in blocks for error in block.broken]
    assert [error.key for error in broken] == [f'DumpUser:{n}' for n in (2, 4, 5, 8)]


def test_arguments() -> None:
    with pytest.raises(rom.InvalidOperation, match='expected at least one model'):
        list(jsonl.dump())
    with pytest.raises(rom.InvalidOperation, match=r'dump\(block_size=...\): expected an int'):
        list(jsonl.dump(DumpUser, block_size=0))
    with pytest.raises(
        rom.InvalidOperation, match='a model that is dumped, got DumpTeam; dump it, too'
    ):
        list(jsonl.dump(DumpUser, after=(DumpTeam, 1)))


def test_memory_does_not_grow_with_the_rows() -> None:
    """Neither out nor in: what ten times the rows need at most is about the same."""

    def peak(count: int) -> tuple[int, int]:
        rom.util.CONNECTION.flushdb()  # type: ignore[union-attr]
        for start in range(0, count, 500):
            make(DumpUser, min(500, count - start))
        tracemalloc.start()
        rows = sum(block.rows for block in jsonl.dump(DumpUser))
        assert rows == count
        out = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        said = {'model': 'DumpUser', 'columns': {'name': 'x', 'age': 1}}
        source = (json.dumps({**said, 'id': n}).encode() for n in range(1, count + 1))
        for _ in jsonl.load(source, DumpUser):
            pass
        into = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return out, into

    peak(500)
    small, large = peak(600), peak(2400)
    assert large[0] < small[0] * 1.5
    assert large[1] < small[1] * 1.5


@pytest.mark.parametrize(
    'after',
    ['x', DumpUser, (DumpUser,), (DumpUser, 'x'), (DumpUser, -1), (DumpUser, 1.5), ('x', 1)],
)
def test_where_to_begin_is_a_row(after: Any) -> None:
    with pytest.raises(rom.InvalidOperation, match=r'dump\(after=...\): expected a '):
        list(jsonl.dump(DumpUser, after=after))


def test_an_id_after_which_there_is_none(raw: redis.Redis) -> None:
    rom.util.CONNECTION = raw
    DumpUser(name='Ann').save()
    for id in (2**62, 2**63, 10**400):
        assert [block.rows for block in jsonl.dump(DumpUser, after=(DumpUser, id))] == [0]


def test_models_are_models(tmp_path: Path) -> None:
    calls: list[Callable[[Any], Any]] = [
        jsonl.highest,
        lambda model: jsonl.reserve([], model),
        lambda model: jsonl.resume(tmp_path / 'dump', model),
        lambda model: list(jsonl.dump(model)),
        lambda model: list(jsonl.load([], model)),
    ]
    for wrong in ('User', rom.Model, [DumpUser], None):
        for call in calls:
            with pytest.raises(rom.InvalidOperation, match='takes a model'):
                call(wrong)
    with pytest.raises(rom.InvalidOperation, match='reserve: expected at least one model'):
        jsonl.reserve([])
    with pytest.raises(rom.InvalidOperation, match='resume: expected at least one model'):
        jsonl.resume(tmp_path / 'dump')
    assert not (tmp_path / 'dump').exists()


class ResumeUser(rom.Model):
    name = rom.Text()


class ResumeTeam(rom.Model):
    name = rom.Text()


@pytest.fixture
def whole(raw: redis.Redis) -> bytes:
    """A dump of two models, with one line longer than a block of the file."""
    rom.util.CONNECTION = raw
    for number in range(1, 4):
        ResumeUser(name='x' * (100_000 if number == 2 else 5))
        ResumeTeam(name='y')
    rom.session.commit()
    return b''.join(block.text for block in jsonl.dump(ResumeUser, ResumeTeam))


def go_on(path: Path) -> bytes:
    file, after = jsonl.resume(path, ResumeUser, ResumeTeam)
    with file:
        for block in jsonl.dump(ResumeUser, ResumeTeam, after=after):
            file.write(block.text)
    return path.read_bytes()


def test_cut_off_anywhere(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / 'dump'
    ends = [place + 1 for place, byte in enumerate(whole) if byte == 10]
    places = {0, 1, 9, 10, 50, *ends, *(end - 1 for end in ends), *(end + 3 for end in ends)}
    for place in sorted(places):
        path.write_bytes(whole[:place])
        assert go_on(path) == whole, place


def test_a_new_file(whole: bytes, tmp_path: Path) -> None:
    assert go_on(tmp_path / 'dump') == whole


def test_what_came_since_is_added(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / 'dump'
    path.write_bytes(whole)
    ResumeTeam(name='z').save()
    added = go_on(path).removeprefix(whole)
    assert json.loads(added)['id'] == 4


@pytest.mark.parametrize(
    ('text', 'what'),
    [
        (b'my notes', "expected a dump, got a last line that begins with b'my notes'"),
        (b'my\nnotes\n', 'expected a dump of these models; its last line: invalid JSON'),
        (
            b'{"model": "Other", "id": 1, "columns": {}}\n',
            'its last line: "model": expected one of',
        ),
        (b'{"a": 1}', 'expected a dump, got a last line that begins with'),
    ],
)
def test_a_file_of_something_else_is_left_alone(tmp_path: Path, text: bytes, what: str) -> None:
    path = tmp_path / 'dump'
    path.write_bytes(text)
    with pytest.raises(rom.InvalidOperation) as caught:
        jsonl.resume(path, ResumeUser)
    assert what in str(caught.value)
    assert path.read_bytes() == text
