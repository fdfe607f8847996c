"""Queries over partitions against twins: models without partitions that get the same operations.

Each row has a mark that is its own, so a row and its twins are known although their ids differ. Ids
of different partitions do not follow the order of creation. So where only ids decide, the results
are compared by what the order says, and their ids must ascend or descend.
"""

import datetime as dt
import decimal
import operator
from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import pytest
import redis
from hypothesis import Phase, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

import rom
from tests.support.implied import assert_consistent
from tests.support.servers import Server

pytestmark = pytest.mark.one_server

EXAMPLES = 8
STEPS = 12
# To shrink what failed takes minutes; add Phase.shrink when there is something to shrink.
PHASES = (Phase.reuse, Phase.generate)


def columns() -> dict[str, Any]:
    return {
        'tenant': rom.Integer(index=True, required=True),
        'mark': rom.Integer(index=True, required=True),
        'name': rom.Text(index=True, prefix=True, keygen=rom.IDENTITY),
        'title': rom.Text(index=True, prefix=True, keygen=rom.SIMPLE_CI),
        'number': rom.Integer(index=True),
        'ratio': rom.Float(index=True),
        'note': rom.Text(index=True, keygen=rom.FULL_TEXT),
        'compound_index': [('tenant', 'number'), ('name', 'number')],
    }


ScatteredWhole = type(rom.Model)('ScatteredWhole', (rom.Model,), columns())
ScatteredBy = type(rom.Model)(
    'ScatteredBy',
    (rom.Model,),
    {**columns(), '_shards': rom.Shards('scattered', 5), '_shard_by': 'tenant'},
)
ScatteredSpread = type(rom.Model)(
    'ScatteredSpread',
    (rom.Model,),
    {**columns(), '_shards': rom.Shards('scattered', 5)},
)
SHARDED: tuple[Any, ...] = (ScatteredBy, ScatteredSpread)
TWINS: tuple[Any, ...] = (ScatteredWhole, *SHARDED)

tenants = st.integers(0, 6)
names = st.sampled_from(('', 'a', 'ab', 'b', 'B', 'ba', None))
numbers = st.none() | st.integers(-3, 3)
ratios = st.none() | st.sampled_from((-1.5, 0.0, 0.25, 2.0))
values = st.fixed_dictionaries(
    {
        'name': names,
        'title': names,
        'number': numbers,
        'ratio': ratios,
        'note': st.sampled_from(('red shoe', 'blue shoe', 'red', None)),
    }
)
Ask = Callable[[Any], Any]
filters: st.SearchStrategy[Ask] = st.one_of(
    st.just(lambda q: q),
    st.builds(lambda t: lambda q: q.filter(tenant=t), tenants),
    st.builds(lambda t: lambda q: q.filter(tenant=t), st.lists(tenants, max_size=3)),
    st.builds(lambda n: lambda q: q.filter(number=n), st.integers(-3, 3)),
    st.builds(lambda n: lambda q: q.filter(number=(None, n)), st.integers(-3, 3)),
    st.builds(
        lambda t, n: lambda q: q.filter(tenant=t, number=(n, None)), tenants, st.integers(-3, 3)
    ),
    st.builds(lambda n: lambda q: q.startswith(name=n), st.sampled_from(('', 'a', 'b'))),
    st.builds(lambda n: lambda q: q.filter(name=n), st.sampled_from(('a', 'ab', 'z'))),
    st.just(lambda q: q.filter(note='red')),
    st.just(lambda q: q.where(~(q.model.name == 'a'))),
    st.builds(lambda t: lambda q: q.where((q.model.tenant == t) | (q.model.name == 'b')), tenants),
)
ORDERS: tuple[tuple[str, ...], ...] = (
        (), ('mark',), ('-mark',), ('id',), ('-id',), ('number',), ('-number',), ('name',),
        ('-name',), ('title',), ('-title',), ('ratio', 'mark'), ('-ratio', '-mark'),
        ('name', '-number', 'mark'), ('tenant', '-id'), ('note', 'mark'), ('-number', 'name'),
)  # fmt: skip
orders = st.sampled_from(ORDERS)
# Rows to begin with, of each tenant: many are equal in some columns.
BEGINNING = [
    [
        {
            'name': ('a', 'ab', None, 'B')[(tenant + place) % 4],
            'title': ('a', 'A', None)[(tenant + place) % 3],
            'number': (1, None, 2, 1)[place % 4],
            'ratio': (0.25, None)[(tenant * place) % 2],
            'note': ('red', 'blue shoe', None)[place % 3],
        }
        for place in range(tenant % 3 + 2)
    ]
    for tenant in range(7)
]


def column_values(entity: Any, order: tuple[str, ...]) -> tuple[Any, ...]:
    """What an entity is sorted by, besides its id."""
    found = []
    for name in order:
        if name.strip('-') != 'id':
            value = getattr(entity, name.strip('-'))
            value = None if value == '' else value  # neither has an entry
            is_cased = name.strip('-') == 'title' and value is not None
            found.append(value.lower() if is_cased else value)
    return tuple(found)


def assert_same_order(found: list[Any], wanted: list[Any], order: tuple[str, ...]) -> None:
    """The same rows; in the same order, but for rows that only their ids tell apart."""
    assert sorted(e.mark for e in found) == sorted(e.mark for e in wanted)
    if not order:
        return
    keys = [column_values(entity, order) for entity in found]
    assert keys == [column_values(entity, order) for entity in wanted]
    for (one, key), (other, its) in zip(
        zip(found, keys, strict=True), list(zip(found, keys, strict=True))[1:], strict=False
    ):
        if key == its:
            goes_down = order[-1][0] == '-' and (order[-1] == '-id' or key[-1] is not None)
            assert (operator.gt if goes_down else operator.lt)(one.id, other.id)


def assert_pages(query: Any, size: int, wanted: list[int]) -> None:
    """All pages from the first to the last, and back from there, have these ids."""
    pages, after = [], None
    while True:
        page = query.page(size, after=after)
        pages.append([entity.id for entity in page])
        if page.next is None:
            break
        after = page.next
    assert [id for page in pages for id in page] == wanted
    back, before = [pages[-1]], page.previous
    while before is not None:
        page = query.page(size, before=before)
        back.insert(0, [entity.id for entity in page])
        before = page.previous
    assert [id for page in back for id in page] == wanted


class Twins(RuleBasedStateMachine):
    server: Server
    raw: redis.Redis

    @initialize()
    def begin(self) -> None:
        self.server.flush()
        rom.session.rollback()
        self.marks: list[int] = []
        self.last = 0
        for tenant, each in enumerate(BEGINNING):
            self.add(tenant, each)

    @rule(tenant=tenants, each=st.lists(values, min_size=1, max_size=6), step=st.integers(0, 1))
    def add(self, tenant: int, each: list[dict[str, Any]], step: int = 0) -> None:
        """One commit: of one tenant, or of several, and so over several partitions."""
        for model in TWINS:
            for place, given in enumerate(each):
                own = (tenant + step * place) % 7
                model(tenant=own, mark=self.last + place, **given)
            rom.session.commit()
        self.marks += range(self.last, self.last + len(each))
        self.last += len(each)

    @rule(data=st.data(), given=values)
    def change(self, data: st.DataObject, given: dict[str, Any]) -> None:
        if not self.marks:
            return
        mark = data.draw(st.sampled_from(self.marks))
        for model in TWINS:
            entity = model.query.filter(mark=mark).first()
            for name, value in given.items():
                setattr(entity, name, value)
            rom.session.commit()

    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        if not self.marks:
            return
        mark = data.draw(st.sampled_from(self.marks))
        self.marks.remove(mark)
        for model in TWINS:
            model.query.filter(mark=mark).first().delete()

    @rule(ask=filters, by=st.integers(1, 3), size=st.none() | st.integers(1, 4))
    def update(self, ask: Ask, by: int, size: int | None) -> None:
        counts = [
            ask(model.query).update(ratio=0.25, _blocksize=size, number=by) for model in TWINS
        ]
        assert counts == [counts[0]] * len(TWINS)

    @rule(ask=filters, number=st.integers(-3, 3))
    def remove_found(self, ask: Ask, number: int) -> None:
        counts = []
        for model in TWINS:
            query = ask(model.query).filter(number=number)
            self.marks = [m for m in self.marks if m not in {e.mark for e in query}]
            counts.append(query.delete())
        assert counts == [counts[0]] * len(TWINS)

    @rule(ask=filters, order=orders)
    def all_of(self, ask: Ask, order: tuple[str, ...]) -> None:
        queries = [ask(model.query) for model in TWINS]
        queries = [query.order_by(*order) if order else query for query in queries]
        wanted = queries[0].all()
        for query in queries[1:]:
            found = query.all()
            assert_same_order(found, wanted, order)
            streamed = [entity.id for entity in rom.session.stream(query, 2)]
            assert streamed == [entity.id for entity in found]
            assert query.ids() == [entity.id for entity in found]
            assert query.count() == len(wanted) and query.exists() == bool(wanted)
            assert query.offset(2).exists() == (len(wanted) > 2)
            first = query.first()
            assert (first and first.id) == (found[0].id if found else None)
            assert model_get(query.model, found) == found

    @rule(ask=filters, order=orders, offset=st.integers(0, 4), count=st.integers(0, 6))
    def part_of(self, ask: Ask, order: tuple[str, ...], offset: int, count: int) -> None:
        for model in SHARDED:
            query = ask(model.query)
            query = query.order_by(*order) if order else query
            all_of_them = query.ids()
            assert query.limit(offset, count).ids() == all_of_them[offset : offset + count]
            streamed = [e.id for e in rom.session.stream(query.limit(offset, count), 2)]
            assert streamed == all_of_them[offset : offset + count]
            chosen = query.limit(offset, count).select('mark', 'name').all()
            assert len(chosen) == len(streamed)

    @rule(ask=filters, order=orders, size=st.integers(1, 5))
    def pages(self, ask: Ask, order: tuple[str, ...], size: int) -> None:
        for model in SHARDED:
            query = ask(model.query)
            query = query.order_by(*order) if order else query
            assert_pages(query, size, query.ids() if order else sorted(query.ids()))

    @rule(ask=filters)
    def numbers_about(self, ask: Ask) -> None:
        whole, *others = [ask(model.query) for model in TWINS]
        for query in others:
            for column in ('number', 'ratio'):
                assert query.sum(column) == whole.sum(column)
                assert query.avg(column) == whole.avg(column)
                assert query.min(column) == whole.min(column)
                assert query.max(column) == whole.max(column)
            assert query.facets('name') == whole.facets('name')
            assert query.facets('tenant', 'note') == whole.facets('tenant', 'note')
            bounds = [-2, 0, 2]
            assert query.histogram('number', bounds) == whole.histogram('number', bounds)

    @rule(low=st.integers(-1, 40), high=st.none() | st.integers(0, 60))
    def ids_between(self, low: int, high: int | None) -> None:
        for model in SHARDED:
            every = model.query.ids()
            top = 10**6 if high is None else high
            found = model.query.filter(id=(max(low, 0), high)).ids()
            assert sorted(found) == sorted(id for id in every if low <= id <= top)
            some = [low, top, *every[:3]]
            listed = model.query.filter(id=[id for id in some if id >= 0]).order_by('-id').ids()
            assert listed == sorted({id for id in some if id in every}, reverse=True)

    def teardown(self) -> None:
        if not hasattr(self, 'marks'):
            return
        for model in SHARDED:
            assert sorted(entity.mark for entity in model.query) == sorted(self.marks)
        rom.session.rollback()
        assert_consistent(self.raw, *TWINS)


def model_get(model: Any, found: list[Any]) -> list[Any]:
    """The entities of the same ids, by `get`."""
    loaded: list[Any] = model.get([entity.id for entity in found])
    return loaded


@pytest.mark.usefixtures('on_client')
@pytest.mark.filterwarnings('ignore:.*does not sort')
def test_twins(server: Server, raw: redis.Redis) -> None:
    machine = type('Machine', (Twins,), {'server': server, 'raw': raw})
    run_state_machine_as_test(
        machine,
        settings=settings(max_examples=EXAMPLES, stateful_step_count=STEPS, phases=PHASES),
    )


@pytest.mark.usefixtures('on_client')
@pytest.mark.filterwarnings('ignore:.*does not sort')
@pytest.mark.parametrize('model', SHARDED)
def test_every_order_in_pages_and_blocks(model: Any) -> None:
    for tenant, each in enumerate(BEGINNING):
        for mark, given in enumerate(each):
            model(tenant=tenant, mark=mark, **given).save()
    for order in ORDERS[1:]:
        query = model.query.order_by(*order)
        found = query.all()
        ids = [entity.id for entity in found]
        assert_same_order(found, sorted_by(found, order), order)
        assert_pages(query, 3, ids)
        assert [entity.id for entity in rom.session.stream(query, 2)] == ids


def sorted_by(entities: list[Any], order: tuple[str, ...]) -> list[Any]:
    """Entities as Python sorts them, by one column after the other; those without a value last."""
    found = sorted(entities, key=lambda entity: entity.id)
    for name in reversed(order):

        def key(entity: Any, name: str = name) -> Any:
            is_id = name.strip('-') == 'id'
            return entity.id if is_id else column_values(entity, (name,))[0]

        there = [entity for entity in found if key(entity) is not None]
        there.sort(key=key, reverse=name[0] == '-')
        found = there + [entity for entity in found if key(entity) is None]
    return found


class ScatteredStore(rom.Model):
    _shards, _shard_by = rom.Shards('scattered', 5), 'city'
    city = rom.Text(index=True, prefix=True, keygen=rom.IDENTITY)
    area = rom.Text(index=True, keygen=rom.IDENTITY_CI)
    lon = rom.Float()
    geo_index = [rom.GeoIndex('place', lambda row: {'lon': row['lon'], 'lat': 0})]


class ScatteredItem(rom.Model):
    _shards, _shard_with = rom.Shards('scattered', 5), 'store'
    store = rom.ManyToOne('ScatteredStore', on_delete='cascade')
    price = rom.Integer(index=True)


def place_of(city: str) -> int:
    placement = ScatteredStore._schema.placement
    assert placement is not None
    return placement.number_by(ScatteredStore._columns['city'], city.encode())


ASKED: list[tuple[Any, Any]] = [
    (lambda: ScatteredStore.query, range(5)),
    (lambda: ScatteredStore.query.filter(city='Oslo'), {place_of('Oslo')}),
    (
        lambda: ScatteredStore.query.filter(city=['Oslo', 'Rome', 'Bern']),
        {place_of(city) for city in ('Oslo', 'Rome', 'Bern')},
    ),
    (lambda: ScatteredStore.query.filter(city='Oslo').filter(city='Rome'), None),
    (lambda: ScatteredStore.query.where(ScatteredStore.city != 'Oslo'), range(5)),
    (lambda: ScatteredStore.query.filter(area='Oslo'), range(5)),
    (lambda: ScatteredStore.query.filter(id=[3, 8]), {2}),
    (lambda: ScatteredStore.query.filter(id=(3, 8)), range(5)),
    (lambda: ScatteredItem.query.filter(store=8), {2}),
    (lambda: ScatteredItem.query.filter(store=[8, 9]), {2, 3}),
    (lambda: ScatteredItem.query.filter(store=8, price=(1, None)), {2}),
    (lambda: ScatteredItem.query.filter(store=rom.NOT_NULL), range(5)),
    (
        lambda: ScatteredItem.query.where(
            (ScatteredItem.store == 8) & ~(ScatteredItem.store == 9)
        ),
        {2},
    ),
    (lambda: ScatteredItem.query.where((ScatteredItem.store == 8) | (ScatteredItem.price == 1)),
     range(5)),
]  # fmt: skip


@pytest.mark.parametrize('place', range(len(ASKED)))
@pytest.mark.usefixtures('on_client')
def test_explain_says_which_partitions_are_asked(place: int) -> None:
    make, asked = ASKED[place]
    if asked is None:
        asked = {place_of('Oslo')} & {place_of('Rome')}
    found = make().explain(run=True)
    assert set(found.partitions) == set(asked) and found.of_partitions == 5
    count = {0: 'none', 5: 'all'}.get(len(found.partitions), str(len(found.partitions)))
    assert f'asks {count} of 5 partitions' in str(found)
    assert found.run is not None and len(found.run.calls) == (1 if asked else 0)
    assert found.as_dict()['partitions'] == list(found.partitions)


@pytest.mark.usefixtures('on_client')
def test_places_near_a_point() -> None:
    for city, lon in (('a', 1), ('b', 2), ('c', 3), ('d', 4), ('e', 5), ('f', 90)):
        ScatteredStore(city=city, lon=lon).save()
    near = ScatteredStore.query.near('place', 1, 0, radius=1000, unit='km')
    assert near.count() == 5 and near.exists()
    assert [store.city for store in near.order_by('-id')] == [
        store.city for store in sorted(near.order_by('id'), key=lambda store: -store.id)
    ]
    assert [store.city for store in near] == ['a', 'b', 'c', 'd', 'e']
    assert [store.city for store in near.filter(city='b')] == ['b']


class ScatteredShop(rom.Model):
    _shards, _shard_by = rom.Shards('scattered', 5), 'city'
    city = rom.Text(index=True, keygen=rom.IDENTITY_CI)


class ScatteredPrice(rom.Model):
    _shards, _shard_by = rom.Shards('scattered', 5), 'price'
    price = rom.Decimal(index=True)


class ScatteredDay(rom.Model):
    _shards, _shard_by = rom.Shards('scattered', 5), 'at'
    at = rom.DateTime(index=True)


@pytest.mark.usefixtures('on_client')
def test_filters_that_match_several_values_ask_all() -> None:
    for city in ('Oslo', 'OSLO', 'oslo', 'oSlO', 'Rome'):
        ScatteredShop(city=city).save()
    query = ScatteredShop.query.filter(city='oslo')
    assert {shop.city for shop in query} == {'Oslo', 'OSLO', 'oslo', 'oSlO'}
    for hour in range(5):
        ScatteredDay(at=dt.datetime(2026, 1, 2, hour)).save()
    assert ScatteredDay.query.filter(at=dt.datetime(2026, 1, 2, 3)).count() == 1
    assert len(ScatteredDay.query.filter(at=dt.datetime(2026, 1, 2, 3)).explain().partitions) == 1
    assert ScatteredDay.query.filter(at=(dt.datetime(2026, 1, 2), None)).count() == 5
    for price in ('0.1', '0.10000000000000000000001', '0.10000000000000000000002'):
        ScatteredPrice(price=decimal.Decimal(price)).save()
    assert ScatteredPrice.query.filter(price=decimal.Decimal('0.1')).count() == 3
    for part in range(5):  # the year 9000: a double has steps of 30 microseconds
        ScatteredDay(at=dt.datetime(9000, 1, 1, 0, 0, 0, part)).save()
    assert ScatteredDay.query.filter(at=dt.datetime(9000, 1, 1)).count() == 5


NEAR = [decimal.Decimal(f'0.1000000000000000000000{number % 4}') for number in range(12)]
EQUAL_IN_AN_INDEX: dict[str, tuple[Callable[[], Any], list[Any]]] = {
    'decimals': (lambda: rom.Decimal(index=True), [*NEAR, decimal.Decimal(1)]),
    'dates': (
        lambda: rom.DateTime(index=True),
        [dt.datetime(9000, 1, 1, 0, 0, 0, number % 4) for number in range(12)],
    ),
    'durations': (
        lambda: rom.Duration(index=True),
        [dt.timedelta(900_000, microseconds=number % 4) for number in range(12)],
    ),
    'addresses': (lambda: rom.IPAddress(index=True), ['::2', '10.0.0.1', 'f::1', 'f::'] * 3),
    'integers': (lambda: rom.Integer(index=True), [2**60 + number % 4 for number in range(12)]),
    'texts': (
        lambda: rom.Text(index=True, keygen=rom.SIMPLE_CI),
        [f'abcdefgh{letter}' for letter in ('1', 'A', 'a', 'É', 'é', '0')] * 2,
    ),
}


@pytest.mark.usefixtures('on_client')
@pytest.mark.parametrize('kind', EQUAL_IN_AN_INDEX)
def test_values_that_an_index_does_not_tell_apart(kind: str) -> None:
    make, given = EQUAL_IN_AN_INDEX[kind]
    twins: list[Any] = []
    for where in ({}, {'_shards': rom.Shards('scattered', 5)}):
        body = {'value': make(), 'mark': rom.Integer(index=True), **where}
        twins.append(type(rom.Model)(f'ScatteredNear{len(twins)}{kind}', (rom.Model,), body))
    for model in twins:
        for mark, value in enumerate(given):
            model(value=value, mark=mark * 7 % 13).save()
    for order in (('value', 'mark'), ('-value', 'mark'), ('value', '-mark')):
        whole, parts = (model.query.order_by(*order) for model in twins)
        assert [one.mark for one in parts] == [one.mark for one in whole]
        assert_pages(parts, 2, parts.ids())


@pytest.mark.usefixtures('on_client')
def test_rows_that_are_gone_are_skipped(raw: redis.Redis) -> None:
    stores = [ScatteredStore(city=f'c{number}', lon=1) for number in range(8)]
    for store in stores:
        store.save()
    rom.session.rollback()
    stores.sort(key=lambda store: store.id)
    for store in stores[:3]:
        part = ScatteredStore._schema.at_id(store.id)
        assert part.part is not None
        raw.delete(part.keys.row(part.part.local_id(store.id)))
    first = ScatteredStore.query.order_by('city').first()
    assert first is not None and first.id not in {store.id for store in stores[:3]}
    left = sorted(store.id for store in stores[3:])
    assert sorted(store.id for store in ScatteredStore.query) == left
    query = ScatteredStore.query.order_by('city')
    assert_pages(query, 2, query.ids())
    assert sorted(query.ids()) == left
