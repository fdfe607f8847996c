"""Changes in place under both sessions: query.update, get_or_create, upsert, add_all."""

import asyncio
import datetime
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import redis

import rom
from tests.support.implied import assert_consistent, decode_row, rows_of
from tests.support.servers import Server, data, dump, without_notes
from tests.support.worlds import BOTH, World


class InPlaceTeam(rom.Model):
    _namespace = '{inplace}team'
    label = rom.Text(unique=True)


class InPlaceUser(rom.Model):
    _namespace = '{inplace}user'
    name = rom.Text(required=True, unique=True, index=True, prefix=True, keygen=rom.FULL_TEXT)
    city = rom.Text(index=True, keygen=rom.IDENTITY)
    score = rom.Integer(index=True, default=0)
    bonus = rom.Integer()
    born = rom.Date(index=True)
    place = rom.Integer()
    tags = rom.Json()
    team = rom.ManyToOne('InPlaceTeam', on_delete='set null')
    code = rom.Text(index=True, keygen2=lambda name, values: [f'{values["city"]}{values["place"]}'])
    unique_together = [('city', 'place')]


class InPlacePage(rom.Model):
    _namespace = '{inplace}page'
    slug = rom.Text(unique=True)
    hits = rom.Integer(index=True, default=0)
    last = rom.Integer()


class InPlaceHooked(rom.Model):
    _namespace = '{inplace}hooked'
    name = rom.Text(unique=True)
    note = rom.Text()
    calls: list[str] = []

    def _before_insert(self) -> None:
        self.calls.append('before insert')
        if self.note == 'bad':
            raise ZeroDivisionError
        assert self.name is not None
        self.name = self.name.lower()

    def _after_insert(self) -> None:
        self.calls.append('after insert')

    def _before_update(self) -> None:
        self.calls.append('before update')


MODELS = (InPlaceTeam, InPlaceUser, InPlacePage, InPlaceHooked)
Story = Callable[..., Awaitable[None]]
User, Page = InPlaceUser, InPlacePage
MORE = ['y']


@pytest.fixture(params=BOTH)
def run(
    request: pytest.FixtureRequest, server: Server, client: redis.Redis, raw: redis.Redis
) -> Callable[[Story], None]:
    """Runs a story, and looks whether everything is what the rows imply."""
    settings = client.connection_pool.connection_kwargs
    kind = {name: settings[name] for name in ('protocol', 'decode_responses')}
    world = World(request.param, server.socket, **kind)

    def run(story: Story) -> None:
        async def whole() -> None:
            async with world.session() as s:
                await story(s)

        world.run(whole())
        assert_consistent(raw, *MODELS)

    return run


async def crowd(s: Any, count: int = 6) -> list[Any]:
    users = [
        User(name=f'user {n}', city='Roma' if n % 2 else 'Oslo', score=n, place=n, code='x')
        for n in range(count)
    ]
    await s.commit()
    return users


def rows(raw: redis.Redis, model: type[rom.Model] = User) -> dict[int, dict[str, Any]]:
    return {id: decode_row(model, row) for id, row in sorted(rows_of(model, dump(raw)).items())}


# --- query.update --------------------------------------------------------------------------------


def test_update(run: Any, raw: redis.Redis) -> None:
    async def story(s: Any) -> None:
        users = await crowd(s)
        query = User.query.filter(city='Roma')
        assert await s.update_all(query, score=User.score * 10 + 1, city='Rome', bonus=None) == 3
        assert await s.count(query) == 0
        assert await s.ids(User.query.filter(city='Rome')) == [2, 4, 6]
        assert await s.ids(User.query.filter(score=(11, 31))) == [2, 4]
        assert await s.ids(User.query.filter(code='Rome5')) == [6]
        assert [user.score for user in users] == [0, 11, 2, 31, 4, 51]
        assert [user.city for user in users] == ['Oslo', 'Rome'] * 3
        assert not any(user._modified for user in users)
        users[1].score += 1
        await s.commit()
        assert await s.get_by(User, score=12) == [users[1]]

    run(story)
    assert [row['score'] for row in rows(raw).values()] == [0, 12, 2, 31, 4, 51]


@pytest.mark.one_server
@pytest.mark.parametrize('size', [None, 1, 2, 4, 100])
def test_limit_and_order_count(run: Any, raw: redis.Redis, size: int | None) -> None:
    async def story(s: Any) -> None:
        await crowd(s, 9)
        query = User.query.order_by('-score').limit(1, 4)
        assert await s.update_all(query, size, score=User.score + 100) == 4
        assert await s.update_all(query.limit(0, 0), size, score=0) == 0
        assert await s.update_all(User.query.filter(city='Bonn'), size, score=0) == 0

    run(story)
    assert [row['score'] for row in rows(raw).values()] == [0, 1, 2, 3, 104, 105, 106, 107, 8]


@pytest.mark.filterwarnings('ignore:.*does not sort')
@pytest.mark.one_server
@pytest.mark.parametrize('size', [1, 2, 7])
@pytest.mark.parametrize('order', [None, 'score', '-score', 'name'])
def test_what_moves_on_is_changed_once(
    run: Any, raw: redis.Redis, size: int, order: str | None
) -> None:
    async def story(s: Any) -> None:
        await crowd(s, 30)
        query = User.query.filter(score=(0, None))
        query = query if order is None else query.order_by(order)
        assert await s.update_all(query, size, score=User.score + 7) == 30

    run(story)
    assert [row['score'] for row in rows(raw).values()] == list(range(7, 37))


@pytest.mark.one_server
def test_selected_columns_do_not_matter(run: Any, raw: redis.Redis) -> None:
    async def story(s: Any) -> None:
        await crowd(s)
        query = User.query.filter(city='Oslo').select('name').load('team')
        assert await s.update_all(query, score=-1) == 3

    run(story)
    assert [row['score'] for row in rows(raw).values()] == [-1, 1, -1, 3, -1, 5]


@pytest.mark.one_server
def test_every_kind_of_value(run: Any, raw: redis.Redis) -> None:
    async def story(s: Any) -> None:
        [user, _] = await crowd(s, 2)
        team = InPlaceTeam(label='a')
        user.born = datetime.date(2024, 2, 28)
        user.tags = ['x']
        await s.commit()
        changed = await s.update_all(
            User.query.filter(name='0'),
            born=User.born + datetime.timedelta(days=1),
            tags=User.tags + MORE,
            team=team,
            name=User.name + '!',
            bonus=User.score,
        )
        assert changed == 1
        assert (user.born, user.tags) == (datetime.date(2024, 2, 29), ['x', 'y'])
        assert user.team is team
        assert await s.all(User.query.filter(team=team)) == [user]
        user.tags.append('z')
        assert user._modified
        await s.commit()
        assert await s.update_all(User.query.filter(team=team), team=None) == 1
        assert user.team is None

    run(story)
    assert rows(raw)[1]['name'] == 'user 0!'
    assert rows(raw)[1]['tags'] == ['x', 'y', 'z']


@pytest.mark.one_server
def test_unique_values_move_along(run: Any, raw: redis.Redis) -> None:
    async def story(s: Any) -> None:
        await crowd(s, 4)
        await s.update_all(User.query.filter(city='Oslo'), place=User.place + 2)
        await s.update_all(User.query, city='Rome', place=User.place)

    run(story)
    assert [row['place'] for row in rows(raw).values()] == [2, 1, 4, 3]


@pytest.mark.one_server
@pytest.mark.parametrize('values', [{'name': 'one name'}, {'city': 'Rome', 'place': 1}])
def test_a_unique_value_that_is_taken(run: Any, raw: redis.Redis, values: Any) -> None:
    async def story(s: Any) -> None:
        users = await crowd(s)
        before = data(raw)
        with pytest.raises(rom.UniqueKeyViolation):
            await s.update_all(User.query.filter(city='Roma'), score=5, **values)
        assert data(raw) == before
        assert [user.score for user in users] == list(range(6))

    run(story)


@pytest.mark.one_server
def test_an_error_leaves_the_blocks_before_written(run: Any, raw: redis.Redis) -> None:
    async def story(s: Any) -> None:
        users = await crowd(s)
        with pytest.raises(rom.InvalidColumnValue, match=r'InPlaceUser 4, bonus=\(12 // \(score'):
            await s.update_all(User.query, 2, bonus=12 // (User.score - 3))
        assert [user.bonus for user in users] == [-4, -6, None, None, None, None]

    run(story)
    assert [row['bonus'] for row in rows(raw).values()] == [-4, -6, None, None, None, None]


@pytest.mark.one_server
@pytest.mark.parametrize(('call', 'error'), [
    (lambda s: s.update_all(User.query), rom.QueryError),
    (lambda s: s.update_all(User.query, 0, score=1), rom.QueryError),
    (lambda s: s.update_all(User.query, True, score=1), rom.QueryError),
    (lambda s: s.update_all(User.query, '5', score=1), rom.QueryError),
    (lambda s: s.update_all(User.query, id=1), rom.QueryError),
    (lambda s: s.update_all(User.query, scor=1), rom.QueryError),
    (lambda s: s.update_all(User.query, score=Page.hits + 1), rom.QueryError),
    (lambda s: s.update_all(User.query, name=None), rom.InvalidColumnValue),
    (lambda s: s.update_all(User.query, score=1.5), rom.InvalidColumnValue),
    (lambda s: s.update_all(User.query, score=User.score / 2), rom.InvalidColumnValue),
    (lambda s: s.update_all(User.query, score=User.score + 'x'), rom.InvalidColumnValue),
    (lambda s: s.update_all(User.query, 2, score=1.5), rom.InvalidColumnValue),
    (lambda s: s.get_or_create(User), rom.QueryError),
    (lambda s: s.get_or_create(User, city='Oslo'), rom.QueryError),
    (lambda s: s.get_or_create(User, name='a', city='Oslo'), rom.QueryError),
    (lambda s: s.get_or_create(User, id=1), rom.QueryError),
    (lambda s: s.get_or_create(User, {'nme': 1}, name='user 1'), rom.QueryError),
    (lambda s: s.get_or_create(User, {'name': 'b'}, name='user 1'), rom.QueryError),
    (lambda s: s.get_or_create(User, {'score': 'x'}, name='new'), rom.InvalidColumnValue),
    (lambda s: s.get_or_create(User, place=77, city='Oslo'), rom.MissingColumn),
    (lambda s: s.upsert(User, {}, name='user 1'), rom.QueryError),
    (lambda s: s.upsert(User, {'score': 1}, city='Oslo'), rom.QueryError),
    (lambda s: s.upsert(User, {'name': 'b'}, name='user 1'), rom.QueryError),
    (lambda s: s.upsert(User, {'score': 1}, {'name': 'b'}, name='user 1'), rom.QueryError),
    (lambda s: s.upsert(User, {'score': 1}, {'nme': 'b'}, name='user 1'), rom.QueryError),
    (lambda s: s.upsert(User, {'score': 'x'}, name='user 1'), rom.InvalidColumnValue),
    (lambda s: s.upsert(User, {'score': User.score / 2}, name='user 1'), rom.InvalidColumnValue),
    (lambda s: s.upsert(User, {'bonus': User.bonus + 1}, name='new'), rom.InvalidColumnValue),
])  # fmt: skip
def test_bad_input_writes_nothing(run: Any, raw: redis.Redis, call: Any, error: Any) -> None:
    async def story(s: Any) -> None:
        await crowd(s)
        before = without_notes(dump(raw))
        with pytest.raises(error, match='InPlaceUser'):
            await call(s)
        assert await s.commit() == 0
        assert without_notes(dump(raw)) == before

    run(story)


@pytest.mark.one_server
def test_what_the_program_has_set_stays(run: Any, raw: redis.Redis) -> None:
    async def story(s: Any) -> None:
        [one, two, *_] = await crowd(s)
        one.bonus, two.score = 5, 50
        two.tags = ['mine']
        assert await s.update_all(User.query, score=User.score + 1, tags=['theirs']) == 6
        assert (one.score, one.bonus, one.tags) == (1, 5, ['theirs'])
        assert (two.score, two.tags) == (50, ['mine'])
        assert await s.save(one) == 1
        with pytest.raises(rom.DataRaceError) as error:
            await s.save(two)
        assert set(error.value.columns) == {'score', 'tags'}
        await s.refresh(two, force=True)
        assert (two.score, two.tags) == (2, ['theirs'])

    run(story)
    assert rows(raw)[1]['bonus'] == 5


@pytest.mark.one_server
def test_no_hook_is_called_and_nobody_becomes_known(run: Any) -> None:
    async def story(s: Any) -> None:
        await crowd(s)
        s.rollback()
        unsaved = Page(slug='a')
        assert await s.update_all(User.query, score=1) == 6
        assert not s.known
        assert unsaved._new
        await s.commit()

    run(story)


@pytest.mark.filterwarnings('ignore:.*does not sort')
@pytest.mark.one_server
def test_a_row_that_is_none(run: Any, raw: redis.Redis) -> None:
    async def story(s: Any) -> None:
        await crowd(s)
        row = raw.hgetall('{inplace}user:3')
        for value, wanted in ((b'x', 'InPlaceUser'), (None, '{inplace}user:3')):
            raw.delete('{inplace}user:3')
            if value is None:
                raw.set('{inplace}user:3', 'x')
            else:
                raw.hset('{inplace}user:3', mapping={**row, b'score': value})
            before = dump(raw)
            for query in (User.query, User.query.filter(city='Oslo').order_by('name')):
                with pytest.raises(rom.CorruptRowError) as error:
                    await s.update_all(query, score=User.score + 1)
                assert error.value.key == '{inplace}user:3', wanted
            assert dump(raw) == before
        raw.delete('{inplace}user:3')
        raw.hset('{inplace}user:3', mapping=row)

    run(story)


@pytest.mark.one_server
def test_a_row_that_rom_1_wrote(run: Any, raw: redis.Redis) -> None:
    """The list of entries goes, and whoever knows the entity can go on to save it."""

    async def story(s: Any) -> None:
        await crowd(s, 2)
        listed = '[["city:Oslo"], ["score"], [], [], []]'
        raw.hset('{inplace}user:1', '-index-data-', listed)
        s.rollback()
        user = await s.get(User, 1)
        assert await s.update_all(User.query, score=User.score + 1) == 2
        assert not raw.hexists('{inplace}user:1', '-index-data-')
        user.city = 'Rome'
        await s.commit()

    run(story)


# --- get_or_create -------------------------------------------------------------------------------


def test_get_or_create(run: Any, raw: redis.Redis) -> None:
    async def story(s: Any) -> None:
        pending = Page(slug='pending')
        user, created = await s.get_or_create(User, {'score': 3}, name='Ann')
        assert (user.name, user.score, created, user._new) == ('Ann', 3, True, False)
        assert pending._new
        same, created = await s.get_or_create(User, {'score': 4}, name='Ann')
        assert (same, created) == (user, False)
        s.rollback()
        again, created = await s.get_or_create(User, defaults={'score': 4}, name='Ann')
        assert (again.id, again.score, created) == (user.id, 3, False)
        assert again is not user

    run(story)
    assert len(rows(raw)) == 1
    assert rows(raw, Page) == {}


@pytest.mark.one_server
def test_get_or_create_by_a_group(run: Any, raw: redis.Redis) -> None:
    async def story(s: Any) -> None:
        for expected in (True, False):
            user, created = await s.get_or_create(User, {'name': 'Ann'}, place=5, city='Øst')
            assert (user.name, created) == ('Ann', expected)

    run(story)
    assert len(rows(raw)) == 1


@pytest.mark.one_server
def test_another_constraint_is_an_error(run: Any, raw: redis.Redis) -> None:
    async def story(s: Any) -> None:
        await crowd(s, 2)
        with pytest.raises(rom.UniqueKeyViolation) as error:
            await s.get_or_create(User, {'name': 'user 1'}, place=5, city='Oslo')
        assert error.value.columns == ('name',)
        with pytest.raises(rom.UniqueKeyViolation):
            await s.upsert(User, {'score': 1}, {'name': 'user 1'}, place=5, city='Oslo')
        assert await s.commit() == 0
        assert not s.known

    run(story)
    assert len(rows(raw)) == 2


@pytest.mark.one_server
def test_what_a_new_entity_refers_to_is_saved_with_it(run: Any, raw: redis.Redis) -> None:
    async def story(s: Any) -> None:
        team = InPlaceTeam(label='a')
        user, created = await s.get_or_create(User, {'team': team}, name='Ann')
        assert created
        assert not team._new
        assert await s.all(User.query.filter(team=team)) == [user]

    run(story)


@pytest.mark.one_server
def test_hooks(run: Any, raw: redis.Redis) -> None:
    async def story(s: Any) -> None:
        InPlaceHooked.calls.clear()
        _, created = await s.upsert(InPlaceHooked, {'note': 'x'}, name='ann')
        assert created
        assert InPlaceHooked.calls == ['before insert', 'after insert']
        _, created = await s.upsert(InPlaceHooked, {'note': 'y'}, name='ann')
        assert not created
        await s.update_all(InPlaceHooked.query, note='z')
        assert InPlaceHooked.calls == ['before insert', 'after insert']
        # A hook put there what another has: that is no other writer who was faster.
        with pytest.raises(rom.UniqueKeyViolation):
            await s.get_or_create(InPlaceHooked, name='ANN')
        assert InPlaceHooked.calls.count('before insert') == 2
        with pytest.raises(ZeroDivisionError):
            await s.get_or_create(InPlaceHooked, {'note': 'bad'}, name='bob')
        assert await s.commit() == 0

    run(story)
    assert rows(raw, InPlaceHooked) == {1: {'name': 'ann', 'note': 'z', 'id': 1}}


# --- upsert --------------------------------------------------------------------------------------


def test_upsert(run: Any, raw: redis.Redis) -> None:
    async def story(s: Any) -> None:
        page, created = await s.upsert(Page, {'hits': Page.hits + 1, 'last': 5}, slug='home')
        assert (page.hits, page.last, created) == (1, 5, True)
        again, created = await s.upsert(Page, {'hits': Page.hits + 1, 'last': 6}, slug='home')
        assert again is page
        assert (page.hits, page.last, created) == (2, 6, False)
        s.rollback()
        other, created = await s.upsert(Page, {'hits': Page.hits * 2}, slug='home')
        assert (other.hits, other.last, other.slug, created) == (4, 6, 'home', False)
        assert other is not page
        assert await s.get(Page, other.id) is other

    run(story)
    assert rows(raw, Page) == {1: {'slug': 'home', 'hits': 4, 'last': 6, 'id': 1}}


@pytest.mark.one_server
def test_create_says_what_a_new_one_is(run: Any, raw: redis.Redis) -> None:
    async def story(s: Any) -> None:
        values = {'last': Page.last + 1}
        page, _ = await s.upsert(Page, values, create={'last': 10, 'hits': 3}, slug='a')
        assert (page.last, page.hits) == (10, 3)
        page, _ = await s.upsert(Page, values, create={'last': 10, 'hits': 3}, slug='a')
        assert (page.last, page.hits) == (11, 3)

    run(story)


# --- add_all -------------------------------------------------------------------------------------


@pytest.mark.one_server
def test_add_all(run: Any, raw: redis.Redis) -> None:
    async def story(s: Any) -> None:
        pages = [Page(slug=str(n)) for n in range(4)]
        s.rollback()
        assert s.add_all(page for page in [pages[0], [pages[1], (pages[2],)]]) is None
        assert await s.commit() == 12
        for bad in ([pages[3], 5], [pages[3], [None]], 5, pages[3], None):
            with pytest.raises(rom.ORMError):
                s.add_all(bad)
        assert await s.commit() == 0
        s.add_all([])
        assert [page._new for page in pages] == [False, False, False, True]

    run(story)
    assert len(rows(raw, Page)) == 3


@pytest.mark.one_server
def test_null_sessions(run: Any, raw: redis.Redis) -> None:
    async def story(s: Any) -> None:
        getattr(s, 'session', s).null_session = True
        page, _ = await s.get_or_create(Page, slug='a')
        again, created = await s.upsert(Page, {'hits': Page.hits + 1}, slug='a')
        assert (again.hits, page.hits, created) == (1, 0, False)
        assert await s.update_all(Page.query, hits=Page.hits + 1) == 1
        assert not s.known

    run(story)
    assert rows(raw, Page)[1]['hits'] == 2


# --- short forms ---------------------------------------------------------------------------------


@pytest.mark.one_server
def test_the_short_forms(client: redis.Redis, raw: redis.Redis) -> None:
    rom.util.CONNECTION = client
    page, created = Page.get_or_create({'hits': 1}, slug='a')
    assert created
    assert Page.upsert({'hits': Page.hits + 1}, slug='a') == (page, False)
    assert Page.upsert({'hits': Page.hits + 1}, create={'hits': 9}, slug='b')[0].hits == 9
    assert Page.query.order_by('hits').update(hits=Page.hits + 1) == 2
    assert Page.query.order_by('hits').update(_blocksize=1, hits=Page.hits + 1) == 2
    assert page.hits == 4
    assert_consistent(raw, Page)


def test_under_an_async_session_the_short_forms_refuse() -> None:
    async def story() -> None:
        async with rom.AsyncSession():
            for call in (
                lambda: Page.query.update(hits=1),
                lambda: Page.get_or_create(slug='a'),
                lambda: Page.upsert({'hits': 1}, slug='a'),
            ):
                with pytest.raises(rom.InvalidOperation, match='block the event loop'):
                    call()

    asyncio.run(story())
