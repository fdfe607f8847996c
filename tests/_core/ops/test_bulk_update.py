"""Changing rows in place, with other writers between the look and the write."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
import redis

import rom
from rom._core.drivers.sync_driver import SyncDriver
from rom._core.ops import bulk_update
from rom._core.ops.requests import Pipeline, Rest, Script
from rom._core.ops.search.bounds import BOUNDS, Bounds
from rom._core.query.assignments import assigned
from tests.support.implied import assert_consistent, decode_row, rows_of
from tests.support.servers import dump


class UpdatedJob(rom.Model):
    _namespace = '{updated}job'
    status = rom.Text(index=True, keygen=rom.IDENTITY)
    words = rom.Text(index=True, prefix=True, keygen=rom.FULL_TEXT)
    rank = rom.Integer(index=True)
    slug = rom.Text(unique=True)
    by = rom.Text()
    hits = rom.Integer(default=0)


Job = UpdatedJob
Doing = Callable[[str], None]


class Meddling(SyncDriver):
    """Calls somebody before each request, with the name of what is about to be sent."""

    def __init__(self, client: redis.Redis, before: Doing) -> None:
        super().__init__(client)
        self.before = before
        self.sent: list[str] = []

    def perform(self, request: Any) -> Any:
        if isinstance(request, Rest):
            return super().perform(request)
        parts = request.requests if isinstance(request, Pipeline) else [request]
        name = '+'.join(part.name if isinstance(part, Script) else part.args[0] for part in parts)
        self.sent.append(name)
        self.before(name)
        return super().perform(request)


def nothing(name: str) -> None: ...


@pytest.fixture
def jobs(client: redis.Redis) -> list[Any]:
    rom.util.CONNECTION = client
    found = [
        Job(status='new', words=f'all w{n % 3}', rank=n % 5, slug=str(n), hits=0) for n in range(20)
    ]
    rom.session.commit()
    return found


def values(**given: Any) -> Any:
    return assigned(Job._schema, 'here', given)


def rows(raw: redis.Redis) -> dict[int, dict[str, Any]]:
    found = rows_of(Job, dump(raw))
    return {id: decode_row(Job, found[id]) for id in sorted(found)}


def once(doing: Callable[[], Any], at: str = 'commit') -> Doing:
    """Does something just before the first request of that name."""
    done: list[bool] = []

    def before(name: str) -> None:
        if name == at and not done:
            done.append(True)
            doing()

    return before


@pytest.mark.one_server
def test_two_trips(jobs: Any, raw: redis.Redis) -> None:
    driver = Meddling(raw, nothing)
    for query in (
        Job.query,
        Job.query.filter(status='new'),
        Job.query.filter(status='new').order_by('-rank').limit(0, 3),
        Job.query.startswith(words='w'),
    ):
        driver.sent.clear()
        driver.run(bulk_update.update(query, values(hits=Job.hits + 1)))
        assert driver.sent == ['search', 'commit']
    driver.sent.clear()
    assert driver.run(bulk_update.update(Job.query.filter(status='old'), values(hits=1))) == []
    assert driver.sent == ['search']
    driver.sent.clear()
    driver.run(bulk_update.update_unique(values(hits=1), Job._schema.uniques[0], [b'3']))
    assert driver.sent == ['load', 'commit']


@pytest.mark.one_server
@pytest.mark.parametrize('change', [
    {'status': 'old'}, {'hits': 5}, {'words': 'x'}, {'by': 'me'}, {'rank': None},
])  # fmt: skip
def test_a_row_that_changed_is_looked_at_again(
    jobs: Any, raw: redis.Redis, change: dict[str, Any]
) -> None:
    driver = Meddling(raw, once(lambda: jobs[3].update(**change).save()))
    found = driver.run(
        bulk_update.update(Job.query.filter(status='new'), values(hits=Job.hits + 1))
    )
    assert driver.sent == ['search', 'commit', 'search', 'commit']
    after = rows(raw)
    if 'status' in change:
        assert (len(found), after[4]['hits'], after[4]['status']) == (19, 0, 'old')
    else:
        assert (len(found), after[4]['hits']) == (20, change.get('hits', 0) + 1)
    assert [row['hits'] for id, row in after.items() if id != 4] == [1] * 19
    assert_consistent(raw, Job)


@pytest.mark.one_server
@pytest.mark.parametrize('size', [None, 5])
def test_a_row_that_went(jobs: Any, raw: redis.Redis, size: int | None) -> None:
    driver = Meddling(raw, once(jobs[3].delete))
    assert len(update(driver, Job.query, values(hits=Job.hits + 1), size)) == 19
    assert [row['hits'] for row in rows(raw).values()] == [1] * 19
    assert_consistent(raw, Job)


def update(
    driver: SyncDriver,
    query: Any,
    given: Any,
    size: int | None,
    bounds: Bounds = BOUNDS,
    after: Callable[[list[Any]], object] = list,
) -> list[Any]:
    """Changes all; `after` is told the rows of each commit at once."""
    if size is None:
        found = driver.run(bulk_update.update(query, given, bounds))
        after(found)
        return found
    blocks, found = bulk_update.Blocks(query, given, size, bounds), []
    while not blocks.is_done:
        block = driver.run(blocks.next())
        assert len(block) <= size
        after(block)
        found += block
    return found


@pytest.mark.one_server
def test_a_block_goes_on_without_the_row_that_changed(jobs: Any, raw: redis.Redis) -> None:
    driver = Meddling(raw, once(lambda: jobs[3].update(hits=10).save()))
    found = update(driver, Job.query, values(hits=Job.hits + 1), 7)
    assert [row.id for row in found] == [*range(1, 4), *range(5, 21), 4]
    assert driver.sent == [*['search', 'commit'], *['commit'] * 3, 'search', 'commit']
    assert [row['hits'] for row in rows(raw).values()] == [1, 1, 1, 11, *[1] * 16]


@pytest.mark.one_server
def test_a_list_that_rom_1_wrote_meanwhile(jobs: Any, raw: redis.Redis) -> None:
    listed = '[["status:new"], ["rank"], [], [], []]'
    driver = Meddling(raw, once(lambda: raw.hset('{updated}job:4', '-index-data-', listed)))
    assert len(update(driver, Job.query, values(status='old'), None)) == 20
    assert driver.sent == ['search', 'commit', 'search', 'commit']
    assert_consistent(raw, Job)


@pytest.mark.one_server
def test_other_writers_that_never_pause(
    jobs: Any, raw: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_update, 'MOST_TRIES', 5)

    def always(name: str) -> None:
        if name == 'commit':
            raw.hincrby('{updated}job:4', 'hits', 1)

    given = values(hits=Job.hits + 1)
    driver = Meddling(raw, always)
    with pytest.raises(rom.exceptions.ServerError, match='5 tries to change rows of UpdatedJob'):
        update(driver, Job.query, given, None)
    assert driver.sent == ['search', 'commit'] * 5
    with pytest.raises(rom.exceptions.ServerError, match='5 tries'):
        driver.run(bulk_update.update_unique(given, Job._schema.uniques[0], [b'3']))
    assert {row['hits'] for id, row in rows(raw).items() if id != 4} == {0}
    with pytest.raises(rom.exceptions.ServerError, match='5 tries'):
        update(driver, Job.query, given, 6)
    assert {row['hits'] for id, row in rows(raw).items() if id != 4} == {1}


SEARCHES = {
    'words': lambda: Job.query.filter(status='new'),
    'a range': lambda: Job.query.filter(status='new', rank=(1, 4)),
    'an order': lambda: Job.query.filter(status='new').order_by('rank'),
    'the first': lambda: Job.query.filter(status='new').order_by('-rank').limit(1, 4),
    'prefixes': lambda: Job.query.startswith(words='w').filter(status='new'),
    'stored': lambda: Job.query.filter(status='new').order_by('words').limit(0, 6),
    'not': lambda: Job.query.where(~(Job.status == 'old')),
}  # fmt: skip


@pytest.mark.one_server
@pytest.mark.filterwarnings('ignore:.*does not sort')
@pytest.mark.parametrize('size', [None, 3])
@pytest.mark.parametrize('search', SEARCHES.values(), ids=SEARCHES)
def test_what_does_not_match_any_more_is_left_alone(
    jobs: Any, raw: redis.Redis, search: Callable[[], Any], size: int | None
) -> None:
    """Another writer, before every single request; the searches take many calls."""
    dice = random.Random(5)
    before: dict[int, dict[str, Any]] = {}

    def meddle(name: str) -> None:
        if dice.random() < 0.5:
            job = dice.choice(jobs)
            rom.session.refresh(job, force=True)
            job.status = dice.choice(['new', 'old'])
            job.rank = dice.choice([None, 0, 1, 2, 3, 4])
            job.save()
        if name == 'commit':
            before.clear()
            before.update(rows(raw))

    driver = Meddling(raw, meddle)
    bounds = Bounds(page=3, small=4, budget=4, chunk=2)
    done: dict[int, dict[str, Any]] = {}

    def note(block: list[Any]) -> None:
        done.update({row.id: before[row.id] for row in block})

    for turn in range(4):
        for job in jobs:
            job.update(status='new', by=None)
        rom.session.flush(force=True)
        done.clear()
        given = values(status='old', by=str(turn), hits=Job.hits + 1)
        update(driver, search(), given, size, bounds, note)
        after = rows(raw)
        assert done
        assert all(row['status'] == 'new' for row in done.values())
        assert all(after[id]['hits'] == row['hits'] + 1 for id, row in done.items())
        assert {id for id, row in after.items() if row['by'] == str(turn)} == {*done}
    assert_consistent(raw, Job)


class UpdatedOld(rom.Model):
    _namespace = '{updated}old'
    _keep_index_data = True
    city = rom.Text(index=True, keygen=rom.IDENTITY)
    score = rom.Integer(index=True)


@pytest.mark.one_server
def test_beside_rom_1_the_list_is_kept(client: redis.Redis, raw: redis.Redis) -> None:
    rom.util.CONNECTION = client
    rom.session.add_all([UpdatedOld(city='Roma', score=n) for n in range(3)])
    rom.session.commit()
    known = UpdatedOld.get(1)
    assert UpdatedOld.query.update(city='Rome', score=UpdatedOld.score + 1) == 3
    listed = [raw.hget(f'{{updated}}old:{id}', '-index-data-') for id in (1, 2, 3)]
    assert {raw_list and b'"city:Rome"' in raw_list for raw_list in listed} == {True}
    assert UpdatedOld.query.filter(city='Rome', score=(1, 3)).ids() == [1, 2, 3]
    assert UpdatedOld.query.filter(city='Roma').count() == 0
    # It knows the new list, so that its save is no race that has to be tried again.
    assert known._stored['-index-data-'] == listed[0]
    known.score = 9
    assert known.save() == 1
    assert UpdatedOld.query.filter(score=9).ids() == [1]
