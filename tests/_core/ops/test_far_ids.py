"""A model with few rows far from each other costs what its rows cost."""

from __future__ import annotations

from typing import Any

import pytest
import redis

import rom
import rom.jsonl

pytestmark = pytest.mark.one_server

FAR = [5, 2**23, 2**24 + 9, 2**24 + 10, 4_294_967_290, 4_294_967_300, 10**12]


@pytest.fixture
def sparse(raw: redis.Redis) -> Any:
    class Sparse(rom.Model):
        _conn = raw
        n = rom.Integer(index=True)
        tag = rom.Text(index=True, keygen=rom.IDENTITY)

    return Sparse


def load(model: Any, *ids: int) -> None:
    lines = [
        b'{"model": "Sparse", "id": %d, "columns": {"n": %d, "tag": "a"}}' % (i, i) for i in ids
    ]
    list(rom.jsonl.load(lines, model))
    rom.session.rollback()


def test_far_rows_are_listed_and_counted(sparse: Any, raw: redis.Redis) -> None:
    sparse(n=1, tag='b').save()
    load(sparse, *reversed(FAR))
    every = [1, *FAR]
    raw.config_resetstat()
    assert sparse.query.count() == len(every)
    assert sparse.query.ids() == every
    assert sparse.query.limit(2, 3).ids() == every[2:5]
    assert [e.id for e in sparse.query.iter_result(pagesize=2)] == every
    assert sparse.query.order_by('-n').ids() == every[::-1]
    assert sparse.query.where(~(sparse.tag == 'b')).ids() == FAR
    assert sparse.query.where(~(sparse.tag == 'b')).order_by('-n').limit(0, 2).ids() == FAR[:-3:-1]
    page = sparse.query.page(3)
    assert [e.id for e in page.items] == every[:3]
    assert [e.id for e in sparse.query.page(9, page.next).items] == every[3:]
    stats: Any = raw.info('commandstats')
    assert sum(stat['calls'] for stat in stats.values()) < 600
    assert raw.memory_usage('Sparse:id:live') < 3 * 2**20


def test_filters_and_orders_by_id_find_them(sparse: Any, raw: redis.Redis) -> None:
    sparse(n=1, tag='b').save()
    load(sparse, *FAR)
    every = [1, *FAR]
    bounds = [None, 0, 1, 6, 2**23, 2**24 + 9, 4_294_967_295, 10**12, 10**13, 2**60]
    for low in bounds:
        for high in bounds:
            between = sparse.query.filter(id=(low, high))
            expected = [id for id in every if (low or 0) <= id <= (2**61 if high is None else high)]
            assert between.count() == len(expected), (low, high)
            assert between.order_by('id').ids() == expected, (low, high)
            assert between.filter(n=(None, None)).count() == len(expected), (low, high)
    listed = sparse.query.filter(id=[10**12, 7, 5, 2**24 + 10, 10**12 + 1, 2**33])
    assert listed.count() == 3
    assert listed.order_by('id').ids() == [5, 2**24 + 10, 10**12]
    assert listed.filter(tag='a').order_by('-id').ids() == [10**12, 2**24 + 10, 5]
    assert sparse.query.order_by('-id').ids() == every[::-1]
    assert sparse.query.order_by('-id').limit(0, 3).ids() == every[:-4:-1]
    assert sparse.query.where(~(sparse.id == 10**12)).order_by('-id').ids() == every[-2::-1]
    page = sparse.query.order_by('-id').page(3)
    assert [e.id for e in page] == every[:-4:-1]
    assert [e.id for e in sparse.query.order_by('-id').page(9, page.next)] == every[-4::-1]


def test_they_come_and_go(sparse: Any, raw: redis.Redis) -> None:
    sparse(n=1).save()
    load(sparse, 4_294_967_290)
    new = sparse(n=2)
    new.save()
    assert new.id == 4_294_967_291
    assert sparse.query.ids() == [1, 4_294_967_290, 4_294_967_291]
    new.delete()
    assert sparse.query.count() == 2
    sparse.get(4_294_967_290).delete()
    assert sparse.query.ids() == [1]
    assert not raw.exists('Sparse:id:live:far')


def test_a_check_and_a_reindex_know_them(sparse: Any, raw: redis.Redis) -> None:
    sparse(n=1).save()
    load(sparse, 4_294_967_290, 4_294_967_299)
    raw.delete('Sparse:4294967299')
    for _ in rom.util.refresh_indices(sparse):
        pass
    list(rom.util.clean_old_index(sparse))
    assert sparse.query.ids() == [1, 4_294_967_290]
