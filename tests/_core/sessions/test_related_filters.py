"""Filters over relations in both sessions: results, round trips, plans and writes."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
import redis

import rom
from rom import IDENTITY
from rom._core.sessions import related_filters
from rom.exceptions import QueryError
from tests.support.servers import Server
from tests.support.worlds import BOTH, World


class RfCompany(rom.Model):
    city = rom.Text(index=True, keygen=IDENTITY, prefix=True)
    teams = rom.OneToMany('RfTeam')


class RfTeam(rom.Model):
    name = rom.Text(index=True, keygen=IDENTITY, prefix=True, suffix=True)
    age = rom.Integer(index=True)
    company = rom.ManyToOne('RfCompany', on_delete='cascade')
    users = rom.OneToMany('RfUser', column='team')


class RfUser(rom.Model):
    name = rom.Text(index=True, keygen=IDENTITY)
    age = rom.Integer(index=True)
    team = rom.ManyToOne('RfTeam', on_delete='set null')
    badge = rom.OneToOne('RfBadge', on_delete='set null', unique=True)
    tags = rom.ManyToMany('RfTag', related_name='users')


class RfBadge(rom.Model):
    color = rom.Text(index=True, keygen=IDENTITY)


class RfTag(rom.Model):
    word = rom.Text(index=True, keygen=IDENTITY)


SHARDS = rom.Shards('rf', 4)


class RfShop(rom.Model):
    _shards, _shard_by = SHARDS, 'tenant'
    tenant = rom.Integer(required=True, index=True)
    name = rom.Text(index=True, keygen=IDENTITY)
    sales = rom.OneToMany('RfSale')


class RfSale(rom.Model):
    _shards, _shard_with = SHARDS, 'shop'
    shop = rom.ManyToOne('RfShop', on_delete='cascade')
    shop_id = rom.id_of('shop')
    total = rom.Integer(index=True)


class RfLabel(rom.Model):
    n = rom.Integer(index=True)


class RfNote(rom.Model):
    shop = rom.ManyToOne('RfShop', on_delete='no action')
    labels = rom.ManyToMany('RfLabel')


@pytest.fixture(params=BOTH)
def world(request: pytest.FixtureRequest, server: Server) -> World:
    return World(request.param, server.socket)


async def fill(s: Any) -> None:
    """Two companies, three teams, six users; the last one has no team, no badge and no tag."""
    oslo, rome = RfCompany(city='Oslo'), RfCompany(city='Rome')
    teams = [
        RfTeam(name='red', age=3, company=oslo),
        RfTeam(name='blue', age=9, company=rome),
        RfTeam(name='grey', age=20),
    ]
    tags = [RfTag(word=word) for word in ('a', 'b', 'c')]
    badges = [RfBadge(color=color) for color in ('gold', 'tin')]
    for place in range(5):
        user = RfUser(name=f'u{place}', age=10 * place, team=teams[place % 3])
        user.tags.set(tags[: place % 3])
        user.badge = badges[place] if place < 2 else None
    RfUser(name='u5', age=50)
    await s.commit()


def names(found: list[Any]) -> str:
    return ' '.join(sorted(one.name.removeprefix('u') for one in found))


Q = RfUser.query
T = RfUser.team

FOUND: list[tuple[Any, str]] = [
    (Q.filter(team__name='red'), '0 3'),
    (Q.filter(team__name=['red', 'grey'], age=(5, None)), '2 3'),
    (Q.filter(team__age=(3, 9)), '0 1 3 4'),
    (Q.filter(team__age=(3, 9), team__name='blue'), '1 4'),
    (Q.filter(team__company__city='Rome'), '1 4'),
    (Q.filter(team__company=1), '0 3'),
    (Q.filter(team__id=[1, 3]), '0 2 3'),
    (Q.filter(team__name='none'), ''),
    (Q.filter(badge__color='tin'), '1'),
    (Q.filter(tags__word='a'), '1 2 4'),
    (Q.filter(tags__word='b'), '2'),
    (Q.startswith(team__name='b'), '1 4'),
    (Q.endswith(team__name='ed'), '0 3'),
    (Q.like(team__name='?r!d'), '0 3'),
    (Q.does_not_startwith(team__name='r'), '1 2 4'),
    (Q.startswith(team__company__city='O'), '0 3'),
    (Q.where(RfUser.team.name == 'red'), '0 3'),
    (Q.where(RfUser.team.name != 'red'), '1 2 4 5'),
    (Q.where(~(RfUser.team.name == 'red') & ~RfUser.team.is_none()), '1 2 4'),
    (Q.where((RfUser.team.name == 'red') | (RfUser.team.age > 10)), '0 2 3'),
    (Q.where((RfUser.team.name == 'red') | (RfUser.age == 50)), '0 3 5'),
    (Q.where(RfUser.team.age.between(4, 30), RfUser.team.company.city == 'Rome'), '1 4'),
    (Q.where(RfUser.team.company.is_none()), '2'),
    (Q.where(RfUser.team.company.in_([1, 2])), '0 1 3 4'),
    (Q.where(RfUser.team.name.in_(['red', 'blue'])), '0 1 3 4'),
    (Q.where(RfUser.team.name.startswith('g')), '2'),
    (Q.where(RfUser.team.name.like('*e!')), '0 2 3'),
    (Q.where(RfUser.tags.word == 'a', RfUser.tags.word == 'b'), ''),
    (Q.where(RfUser.tags.word == 'a').where(RfUser.tags.word == 'b'), '2'),
    (Q.where(RfUser.tags.word != 'a'), '0 3 5'),
    (RfTeam.query.filter(users__name='u4'), 'blue'),
    (RfTeam.query.filter(users__age=(20, 30)), 'grey red'),
    (RfTeam.query.filter(users=[1, 3]), 'grey red'),
    (RfTeam.query.filter(users__tags__word='a', age=(None, 10)), 'blue'),
    (RfTeam.query.where(RfTeam.users.name == 'u1', RfTeam.users.age == 40), ''),
    (RfTeam.query.where(~(RfTeam.users.age == 20)), 'blue red'),
    (RfTeam.query.where(RfTeam.users.is_none()), ''),
    (RfTeam.query.filter(users__badge__color=['gold', 'tin']), 'blue red'),
]


@pytest.mark.one_server
def test_results(world: World) -> None:
    async def story() -> None:
        async with world.session() as s:
            await fill(s)
        async with world.session() as s:
            for query, expected in FOUND:
                assert names(await s.all(query)) == expected, query
                assert await s.count(query) == len(expected.split()), query
                assert await s.exists(query) == bool(expected), query

    world.run(story())


@pytest.mark.one_server
def test_round_trips(world: World, trips: list[Any]) -> None:
    async def story() -> None:
        async with world.session() as s:
            await fill(s)
            for query, expected in [
                (Q.filter(age=10), 1),
                (Q.filter(team__name='red'), 2),
                (Q.filter(team__name='red', team__age=(1, None), age=0), 2),
                (Q.filter(team__company__city='Rome'), 3),
                (Q.filter(team__name='red', tags__word='a'), 3),
                (Q.where((RfUser.team.name == 'red') | (RfUser.team.company.city == 'Rome')), 3),
                (Q.where((RfUser.team.name == 'red') | (RfUser.tags.word == 'a')), 3),
                (RfTeam.query.filter(users__name='u4'), 2),
                (RfTag.query.filter(users__team__name='red'), 3),
            ]:
                trips.clear()
                await s.count(query)
                assert len(trips) == expected, query

    world.run(story())


@pytest.mark.one_server
def test_every_method(world: World) -> None:
    async def story() -> None:
        async with world.session() as s:
            await fill(s)
        async with world.session() as s:
            reds = Q.filter(team__age=(None, 9))
            assert await s.ids(reds.order_by('-id')) == [5, 4, 2, 1]
            assert (await s.first(reds.order_by('-age'))).name == 'u4'
            assert (await s.one(Q.filter(team__name='grey'))).name == 'u2'
            assert await s.sum(reds, 'age') == 80 and await s.avg(reds, 'age') == 20
            assert (await s.min(reds, 'age'), await s.max(reds, 'age')) == (0, 40)
            assert await s.facets(reds, 'team') == {1: 2, 2: 2}
            assert await s.histogram(reds, 'age', [0, 20, 50]) == [2, 2]
            assert [one.name async for one in s.stream(reds.order_by('id'), 1)] == [
                'u0', 'u1', 'u3', 'u4',
            ]  # fmt: skip
            first = await s.page(reds.order_by('age'), 3)
            second = await s.page(reds.order_by('age'), 3, first.next)
            assert names([*first]) + '|' + names([*second]) == '0 1 3|4'
            assert await s.all(reds.order_by('id').select('name').limit(1)) == [{'name': 'u0'}]
            assert await s.cached_result(reds, 10)
            assert await s.get_by(RfUser, team__name='grey') == await s.all(
                Q.filter(team__name='grey')
            )
            assert await s.update_all(reds, age=7) == 4
            assert await s.update_all(reds, _blocksize=1, age=RfUser.age + 1) == 4
            assert await s.count(Q.filter(age=8)) == 4
            assert await s.update_all(reds, team=3) == 4
            assert await s.count(reds) == 0
            assert await s.delete_all(Q.filter(team__name='grey'), 2) == 5
            assert names(await s.all(Q)) == '5'

    world.run(story())


@pytest.mark.one_server
def test_plans(world: World) -> None:
    async def story() -> None:
        async with world.session() as s:
            await fill(s)
            query = Q.filter(team__company__city='Rome', age=(5, None))
            plan = await s.explain(query)
            [team] = plan.related
            [company] = team.explanation.related
            assert (plan.model, team.relation, company.relation) == ('RfUser', 'team', 'company')
            assert (team.found, team.way, company.found) == (1, 'related first', 1)
            assert company.explanation.plan.filters[0].label.value == 'Rome'
            assert str(plan.plan.filters[0].label) == 'team among 1 of RfTeam'
            assert plan.run is None and team.explanation.run is None
            text = str(await s.explain(query, run=True))
            assert 'relation team: 1 id, found before\n  RfTeam.all()' in text
            assert '  relation company: 1 id, found before\n    RfCompany.all()' in text
            assert text.count('ran: ') == 3
            assert plan.as_dict()['related'][0]['explanation']['model'] == 'RfTeam'

    world.run(story())


@pytest.mark.one_server
def test_the_smaller_side_is_read_first(
    world: World, trips: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where more rows match in the other model than one call finds, the own rows are tried."""
    monkeypatch.setattr(related_filters, '_BOUNDS', (1, 2))

    async def ways(s: Any, query: Any) -> list[Any]:
        return [(one.way, one.found) for one in (await s.explain(query)).related]

    async def story() -> None:
        async with world.session() as s:
            await fill(s)
            many = {'team__age': (0, 100)}
            own = Q.filter(**many, name='u1')
            assert await ways(s, own) == [('own first', 1)]
            assert names(await s.all(own)) == '1'
            trips.clear()
            await s.count(own)
            assert len(trips) == 4  # too many teams, the user, its team, the user again
            assert await ways(s, Q.filter(team__age=(3, 9))) == [('related first', 2)]
            tagged = Q.filter(tags__word=['a', 'b', 'c'], name='u4')
            assert await ways(s, tagged) == [('own first', 1)]
            assert names(await s.all(tagged)) == '4'
            reds = RfTeam.query.filter(users__age=(0, None), name='red')
            assert await ways(s, reds) == [('own first', 1)]
            assert names(await s.all(reds)) == 'red'
            words = RfTag.query.filter(users__age=(0, None), word='b')
            assert [one.word for one in await s.all(words)] == ['b']
            assert names(await s.all(Q.filter(team__age=(0, 100), age=99))) == ''
            either = Q.where((RfUser.team.age > 0) | (RfUser.team.age == 0)).filter(name='u2')
            assert names(await s.all(either)) == '2'
            with pytest.raises(QueryError, match=r'RfUser\.team: more than .* add a filter on'):
                await s.all(Q.filter(**many))
            with pytest.raises(QueryError, match=r'within ~ all of them must be known'):
                await s.all(Q.where(~(RfUser.team.age > 0)).filter(name='u1'))

    world.run(story())


WRONG: list[tuple[Any, str]] = [
    (lambda: Q.order_by('team__name'), 'only filters reach the columns of a related model'),
    (lambda: Q.filter(team__nam='x'), r"RfUser\.team: RfTeam\.query\.filter.*no column 'nam'"),
    (lambda: Q.filter(age__gt=3), "'age' is no relation, so no path leads on"),
    (lambda: Q.filter(team__company__x=1), r"RfUser\.team: RfTeam\.company: RfCompany.*'x'"),
    (lambda: Q.where(RfUser.team), 'the column team is not an expression'),
    (lambda: Q.where(RfTeam.company.city == 'x'), 'not that of RfUser, but one of another model'),
    (lambda: Q.where(RfUser.team.age == 'x'), r'RfTeam\.query\.where\(age=.*expected an int'),
    (lambda: Q.where(RfUser.team.age == RfUser.team.age), 'compared with a value'),
    (lambda: Q.where(RfUser.age == RfUser.team), 'compared with a value'),
    (lambda: Q.where(RfTeam.users == 3), 'a list of entities is not compared'),
    (lambda: Q.where(RfUser.team > 3), 'none is larger'),
    (lambda: Q.where(RfUser.team.name.contains('x')), 'no such method'),
    (lambda: RfTeam.query.filter(users='x'), 'expected an entity of RfUser or its id'),
    (lambda: RfUser.team.company + 1, 'calculates with columns of the model itself'),
]


@pytest.mark.parametrize(('ask', 'why'), WRONG)
def test_what_is_wrong(ask: Any, why: str) -> None:
    with pytest.raises(QueryError, match=why):
        ask()


def test_names_of_paths() -> None:
    assert (repr(RfUser.team.company.city), repr(RfUser.team)) == ('team.company.city', 'team')
    assert isinstance(RfUser.team, rom.ManyToOne) and isinstance(RfTeam.users, rom.OneToMany)
    assert RfUser.team is RfUser.team and {RfUser.team: 1}[RfUser.team] == 1
    assert RfUser.team.get_related_model() is RfTeam and RfUser.team.on_delete == 'set null'
    with pytest.raises(AttributeError, match=r"team\.nam: RfTeam has no column 'nam'; it has name"):
        RfUser.team.nam
    with pytest.raises(AttributeError, match=r'name is not a relation, so no path leads on'):
        RfUser.team.name.first


@pytest.mark.parametrize(
    ('query', 'written'),
    [
        (Q.filter(team__name='x', team__age=(1, 2)), "filter(team__name='x', team__age=(1, 2))"),
        (Q.startswith(team__company__city='x'), "startswith(team__company__city='x')"),
        (Q.where(RfUser.team.age > 3), 'where(RfUser.team.age > 3)'),
        (Q.where(RfUser.team.name != 'x'), "where(~(RfUser.team.name == 'x'))"),
        (RfTeam.query.where(RfTeam.users.is_none()), 'where(RfTeam.users.is_none())'),
        (RfTeam.query.filter(users=rom.NOT_NULL), 'where(~RfTeam.users.is_none())'),
        (
            Q.where((RfUser.team.company.city == 'x') & (RfUser.team.age < 3)),
            "where((RfUser.team.company.city == 'x') & (RfUser.team.age < 3))",
        ),
    ],
)
def test_a_query_as_source(query: Any, written: str) -> None:
    assert repr(query).partition('.query.')[2] == written


class RfClub(rom.Model):
    _soft_delete = 'gone'
    gone = rom.DateTime(index=True)
    name = rom.Text(index=True, keygen=IDENTITY)


class RfPass(rom.Model):
    until = rom.ExpireAt()
    color = rom.Text(index=True, keygen=IDENTITY)


class RfMember(rom.Model):
    club = rom.ManyToOne('RfClub', on_delete='no action')
    card = rom.ManyToOne('RfPass', on_delete='no action')


@pytest.mark.one_server
def test_deleted_and_expired_entities_match_no_path(world: World, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            club, card = RfClub(name='x'), RfPass(color='red', until=datetime.datetime(2001, 1, 1))
            RfMember(club=club, card=card)
            await s.commit()
            by_club = RfMember.query.filter(club__name='x')
            assert (await s.count(by_club), await s.count(by_club.with_deleted())) == (1, 1)
            assert await s.count(RfMember.query.filter(card__color='red')) == 0
            await s.delete(club)
            assert raw.exists('RfClub:1')
            assert (await s.count(by_club), await s.count(by_club.with_deleted())) == (0, 0)
            assert await s.count(RfMember.query.where(RfMember.club.name != 'x')) == 1

    world.run(story())


@pytest.mark.one_server
def test_models_on_two_connections(server: Server, raw: redis.Redis) -> None:
    class RfHere(rom.Model):
        _conn = server.connect()
        far = rom.ManyToOne('RfFar', on_delete='no action')

    class RfFar(rom.Model):
        _conn = server.connect(db=1)
        n = rom.Integer(index=True)
        heres = rom.OneToMany('RfHere')

    with rom.Session() as session:
        for n in range(4):
            RfHere(far=RfFar(n=n))
        session.commit()
        assert RfHere.query.filter(far__n=(1, 2)).ids() == [2, 3]
        assert RfFar.query.filter(heres__id=[2, 4]).ids() == [2, 4]
        assert RfHere.query.filter(far__n=3).update(far=RfFar.get(1)) == 1
        assert RfHere.query.filter(far__n=0).count() == 2
    assert raw.keys('RfFar*') == []


@pytest.mark.one_server
def test_the_null_session_and_get_by(on_client: None) -> None:
    with rom.Session() as session:
        session.null_session = True
        company = RfCompany(city='Oslo')
        company.save()
        RfTeam(name='red', company=company.id).save()
        assert [team.name for team in RfTeam.query.filter(company__city='Oslo')] == ['red']
        assert RfTeam.get_by(company__city='Rome') == []
        assert RfTeam.query.filter(company__city='Oslo').delete() == 1
        assert RfTeam.query.count() == 0
        assert session.commit() == 0


@pytest.mark.one_server
@pytest.mark.parametrize('bounds', [(2000, 20_000), (2, 12)])
def test_models_in_partitions(
    world: World, bounds: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows of both models lie in several partitions; ids in relations are those of programs."""
    monkeypatch.setattr(related_filters, '_BOUNDS', bounds)

    async def story() -> None:
        async with world.session() as s:
            for tenant in range(6):
                shop = RfShop(tenant=tenant, name='ab'[tenant % 2])
                for total in (1, 2):
                    RfSale(shop=shop, total=10 * tenant + total)
                await s.commit()
                label = RfLabel(n=tenant)
                await s.commit()
                RfNote(shop=shop.id, labels=[1, label])
                await s.commit()
        async with world.session() as s:
            totals = {sale.total: sale.shop_id for sale in await s.all(RfSale.query)}
            sales = await s.all(RfSale.query.filter(shop__name='a', total=(None, 30)))
            assert sorted(sale.total for sale in sales) == [1, 2, 21, 22]
            shops = await s.all(RfShop.query.filter(sales__total=[12, 31, 32]))
            assert sorted(shop.tenant for shop in shops) == [1, 3]
            assert {shop.id for shop in shops} == {totals[12], totals[31]}
            narrow = RfSale.query.filter(shop__tenant=(0, 9), total=21)
            assert [sale.total for sale in await s.all(narrow)] == [21]
            negated = RfSale.query.where(~(RfSale.shop.tenant >= 1))
            assert sorted(sale.total for sale in await s.all(negated.filter(total=(0, 5)))) == [
                1,
                2,
            ]
            noted = RfNote.query.filter(labels__n=[1, 2], shop__tenant=[0, 1])
            assert await s.count(noted) == 1
            assert await s.update_all(RfSale.query.filter(shop__tenant=5), total=7) == 2
            assert str((await s.explain(noted)).related[0].explanation.model) == 'RfLabel'

    world.run(story())
