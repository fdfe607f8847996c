"""Relations in both sessions: loaded when read, in batches; saved with what they refer to."""

import pickle
from collections.abc import Iterator
from enum import IntEnum
from typing import Any

import pytest
import redis

import rom
from rom._core.drivers.async_driver import AsyncDriver
from rom._core.drivers.sync_driver import SyncDriver
from rom._core.ops.load_rows import SMALLEST_PAGE
from tests.support.implied import assert_consistent, rows_of
from tests.support.proxy import Proxy
from tests.support.servers import Server, dump
from tests.support.worlds import ASYNC, BOTH, SYNC, World


def id_of(reference: Any) -> int | None:
    """Of what a keygen sees: an object with an id; in `implied`, the id itself."""
    found: int | None = getattr(reference, 'id', reference)
    return found


class RelatedTeam(rom.Model):
    name = rom.Text(unique=True)
    members = rom.OneToMany('RelatedAuthor')


class RelatedAuthor(rom.Model):
    _namespace = 'related:author'
    key = rom.PrimaryKey()
    name = rom.Text()
    team = rom.ManyToOne('RelatedTeam', 'no action')
    friend = rom.OneToOne('RelatedAuthor', 'no action', unique=True)
    books = rom.OneToMany('RelatedBook', column='author')


class RelatedBook(rom.Model):
    title = rom.Text()
    number = rom.Integer(index=True)
    author = rom.ManyToOne('RelatedAuthor', 'no action')
    editor = rom.ManyToOne('related:author', 'no action')
    digest = rom.Text(index=True, keygen2=lambda name, values: [f'by {id_of(values["author"])}'])
    unique_together = [('author', 'title')]


MODELS = (RelatedTeam, RelatedAuthor, RelatedBook)


@pytest.fixture(params=BOTH)
def world(request: pytest.FixtureRequest, server: Server) -> World:
    return World(request.param, server.socket)


class Trips:
    """Counts the requests that drivers carry out: each of them is one trip."""

    def __init__(self) -> None:
        self.count = 0

    def __enter__(self) -> 'Trips':
        self.count = 0
        return self

    def __exit__(self, *error: Any) -> None: ...


@pytest.fixture
def trips(monkeypatch: pytest.MonkeyPatch) -> Trips:
    found = Trips()

    def counting(method: Any) -> Any:
        def perform(self: Any, request: Any) -> Any:
            found.count += 1
            return method(self, request)

        return perform

    for driver in (SyncDriver, AsyncDriver):
        monkeypatch.setattr(driver, 'perform', counting(driver.perform))
    return found


async def library(s: Any, books: int = 6, authors: int = 3, teams: int = 2) -> None:
    """Books by authors in teams; the session forgets them."""
    made_teams = [RelatedTeam(name=f'Team {n}') for n in range(teams)]
    made = [RelatedAuthor(name=f'Author {n}', team=made_teams[n % teams]) for n in range(authors)]
    for n in range(books):
        RelatedBook(title=f'Book {n}', number=n, author=made[n % authors])
    await s.commit()
    s.rollback()


# --- loading -------------------------------------------------------------------------------------


def test_a_thousand_books_cost_one_trip(server: Server, trips: Trips) -> None:
    world = World(SYNC, server.socket)

    async def story() -> None:
        async with world.session() as s:
            await library(s, books=1000, authors=900, teams=7)
            books = await s.all(RelatedBook.query.order_by('number'))
            with trips:
                names = [book.author.name for book in books]
            assert trips.count == 1
            assert names == [f'Author {n % 900}' for n in range(1000)]
            with trips:
                teams = [book.author.team.name for book in books]
            assert trips.count == 1
            assert teams == [f'Team {n % 900 % 7}' for n in range(1000)]
            with trips:
                assert {book.editor for book in books} == {None}
            assert trips.count == 0

    world.run(story())


def test_one_trip_as_the_server_counts_it(server: Server) -> None:
    with Proxy(server.socket) as proxy:
        world = World(SYNC, proxy.socket)

        async def story() -> None:
            async with world.session() as s:
                await library(s, books=SMALLEST_PAGE, authors=SMALLEST_PAGE)
                books = await s.all(RelatedBook.query)
                books[0].author.name  # the script is known to the server from now on
                s.rollback()
                books = await s.all(RelatedBook.query)
                before = proxy.requests.copy()
                assert len({book.author.name for book in books}) == SMALLEST_PAGE
                assert (proxy.requests - before).total() == 1

        world.run(story())


def test_query_load(world: World, trips: Trips) -> None:
    async def story() -> None:
        async with world.session() as s:
            await library(s, books=40, authors=10)
            query = RelatedBook.query.filter(number=(0, 29)).order_by('number')
            with trips:
                books = await s.all(query.load('author', 'author.team'))
            assert trips.count == 3
            with trips:
                found = [(b.number, b.author.name, b.author.team.name) for b in books]
            assert trips.count == 0
            assert found == [(n, f'Author {n % 10}', f'Team {n % 10 % 2}') for n in range(30)]
            first = await s.first(query.load('author'))
            assert first.author.name == 'Author 0'
            streamed = [book.author.name async for book in s.stream(query.load('author.team'))]
            assert len(streamed) == 30

    world.run(story())


def test_session_load(world: World, trips: Trips) -> None:
    async def story() -> None:
        async with world.session() as s:
            await library(s, books=12, authors=4)
            books = await s.all(RelatedBook.query)
            with trips:
                await s.load(books, 'author.team', 'author.friend')
            assert trips.count == 2
            assert {book.author.team.name for book in books} == {'Team 0', 'Team 1'}
            with trips:
                await s.load(books, 'author', 'author.team')
                await s.load([], 'author')
                await s.load(books)
            assert trips.count == 0
            with pytest.raises(rom.QueryError, match="RelatedBook has no relation 'nothing'"):
                await s.load(books, 'nothing')
            with pytest.raises(rom.QueryError, match="RelatedAuthor has no relation 'title'"):
                await s.load(books, 'author.title')
            with pytest.raises(rom.ORMError):
                await s.load([1], 'author')

    world.run(story())


def test_lists(world: World, trips: Trips) -> None:
    async def story() -> None:
        async with world.session() as s:
            await library(s, books=12, authors=4)
            teams = await s.all(RelatedTeam.query)
            with trips:
                await s.load(teams, 'members.books')
            assert trips.count == 2
            with trips:
                found = {
                    team.name: sorted(b.number for a in team.members for b in a.books)
                    for team in teams
                }
            assert trips.count == 0
            assert found == {'Team 0': [0, 2, 4, 6, 8, 10], 'Team 1': [1, 3, 5, 7, 9, 11]}
            teams[0].members.clear()  # a list of the program's own
            assert len(teams[0].members) == 2
            # What refers to an entity that is known needs no trip to get there.
            with trips:
                assert all(b.author is a for a in teams[0].members for b in a.books)
            assert trips.count == 0
            new = RelatedTeam(name='new')
            assert new.members == []
            query = RelatedAuthor.query.load('books')
            assert sum(len(author.books) for author in await s.all(query)) == 12

    world.run(story())


def test_a_list_of_very_many(world: World) -> None:
    async def story() -> None:
        async with world.session() as s:
            await library(s, books=3000, authors=1500, teams=1)
            authors = await s.all(RelatedAuthor.query.load('books'))
            assert [len(author.books) for author in authors] == [2] * 1500

    world.run(story())


def test_a_list_is_asked_anew(server: Server) -> None:
    world = World(SYNC, server.socket)

    async def story() -> None:
        async with world.session() as s:
            author = RelatedAuthor()
            assert author.books == []
            book = RelatedBook(author=author)
            await s.commit()
            assert author.books == [book]
            book.author = None
            await s.commit()
            assert author.books == []

    world.run(story())


@pytest.mark.one_server
def test_hidden_io_is_an_error_under_asyncio(server: Server) -> None:
    world = World(ASYNC, server.socket)

    async def story() -> None:
        async with world.session() as s:
            await library(s)
            book = await s.get(RelatedBook, 1)
            for _ in range(2):
                with pytest.raises(
                    rom.InvalidOperation,
                    match=r"RelatedBook:1\.author is not loaded.*await s\.load\(entities, 'author'",
                ):
                    book.author
            assert book.editor is None
            author = await s.get(RelatedAuthor, 1)
            assert book.author is author  # known: nothing to wait for
            with pytest.raises(
                rom.InvalidOperation, match=r'related:author:1\.books is not loaded'
            ):
                author.books
            await s.load(author, 'books')
            assert book in author.books
            assert repr(book).startswith('<RelatedBook:1')

    world.run(story())


# --- what is gone or broken ----------------------------------------------------------------------


def test_a_gone_reference_reads_as_none_and_is_not_lost(world: World, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            book = RelatedBook(digest='a', author=RelatedAuthor(), editor=RelatedAuthor())
            await s.commit()
            async with world.session() as other:
                await other.delete(await other.get(RelatedAuthor, book.author.key))
            s.rollback()
            [book] = await s.all(RelatedBook.query.load('author', 'editor'))
            assert book.author is None
            assert book.editor is not None
            assert not book._modified
            for full in (False, True):
                book.number = 5 + full
                await s.save(book, full=full)
            await s.save(book, force=True)
            assert raw.hget('RelatedBook:1', 'author') == b'1'
            assert raw.smembers('RelatedBook:digest:by 1:idx') == {b'1'}
            assert_consistent(raw, *MODELS)
            assert raw.zscore('RelatedBook:author:idx', '1') == 1
            assert await s.get_by(RelatedBook, author=1) == [book]
            book.author = None
            await s.save(book)
            assert raw.hget('RelatedBook:1', 'author') is None
            assert_consistent(raw, *MODELS)

    world.run(story())


@pytest.mark.one_server
def test_deleted_in_this_session(world: World, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            author = RelatedAuthor(name='a')
            book = RelatedBook(title='t', author=author)
            await s.commit()
            await s.delete(author)
            assert book.author is None
            assert not book._modified
            await s.save(book, full=True)
            assert raw.hget('RelatedBook:1', 'author') == b'1'
            with pytest.raises(rom.InvalidColumnValue, match='was deleted'):
                book.editor = author
            await s.save(author, force=True)
            assert book.author is author
            book.editor = author
            await s.delete(author)
            with pytest.raises(rom.InvalidOperation, match='which was deleted'):
                await s.commit()
            s.rollback()
            assert_consistent(raw, *MODELS)

    world.run(story())


def test_a_corrupt_reference_is_for_its_reader(world: World, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            await library(s)
            raw.hset('RelatedBook:2', 'author', 'x')
            books = await s.all(RelatedBook.query.order_by('number').load('author'))
            assert books[0].author.name == 'Author 0'
            await s.load(books[1], 'author')
            for _ in range(2):
                with pytest.raises(rom.CorruptRowError) as caught:
                    books[1].author
                error = caught.value
                assert (error.key, error.column, error.value) == ('RelatedBook:2', 'author', b'x')
            author = await s.get(RelatedAuthor, 2)
            await s.load(author, 'books')
            assert [book.number for book in author.books] == [4]
            books[1].author = author
            await s.save(books[1], force=True)
            assert_consistent(raw, *MODELS)

    world.run(story())


def test_an_unreadable_row_is_for_its_reader(server: Server, raw: redis.Redis) -> None:
    world = World(SYNC, server.socket)

    async def story() -> None:
        async with world.session() as s:
            await library(s)
            raw.delete('related:author:2')
            raw.set('related:author:2', 'no row')
            books = await s.all(RelatedBook.query.order_by('number'))
            assert books[0].author.name == 'Author 0'
            assert books[2].author.name == 'Author 2'
            with pytest.raises(rom.CorruptRowError, match='related:author:2'):
                books[1].author
            with pytest.raises(rom.CorruptRowError):
                await s.load(books, 'author')

    world.run(story())


# --- saving what is new --------------------------------------------------------------------------


def test_unsaved_entities_are_saved_with_and_before(world: World, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            team = RelatedTeam(name='t')
            author = RelatedAuthor(name='a', team=team)
            book = RelatedBook(title='b', author=author)
            stray = RelatedTeam(name='stray')
            assert await s.save(book) == 5 + 4 + 2 + (len(RelatedBook._columns) - 5)
            assert (book._new, author._new, team._new, stray._new) == (False, False, False, True)
            s.forget(stray)
            author.friend = RelatedAuthor(name='later')
            await s.commit()
            assert raw.hget('related:author:1', 'friend') == b'2'
            assert_consistent(raw, *MODELS)

    world.run(story())


@pytest.mark.one_server
def test_cycles_of_new_entities(world: World, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            alone = RelatedAuthor(name='alone')
            alone.friend = alone
            await s.save(alone)
            one, other = RelatedAuthor(name='1'), RelatedAuthor(name='2')
            one.friend, other.friend = other, one
            await s.save(one)
            assert not other._new
            assert raw.hget('related:author:1', 'friend') == b'1'
            friends = [raw.hget(f'related:author:{e.key}', 'friend') for e in (one, other)]
            assert friends == [b'%d' % other.key, b'%d' % one.key]
            assert 'friend=<related:author:' in repr(one)
            assert_consistent(raw, *MODELS)

    world.run(story())


@pytest.mark.one_server
def test_a_chain_longer_than_the_stack(world: World, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            last = None
            for _ in range(3000):
                last = RelatedAuthor(friend=last)
            await s.save(last)
            assert raw.zcard('related:author:friend:idx') == 2999

    world.run(story())


class FarOne(rom.Model):
    other = rom.ManyToOne('FarOther', 'set null')


class FarOther(rom.Model):
    one = rom.ManyToOne('FarOne', 'set null')


@pytest.fixture
def two_databases(server: Server) -> Iterator[tuple[redis.Redis, redis.Redis]]:
    with server.connect(db=0) as first, server.connect(db=1) as second:
        FarOne._conn, FarOther._conn = first, second  # type: ignore[attr-defined]
        yield first, second
        del FarOne._conn, FarOther._conn  # type: ignore[attr-defined]


def test_cycles_across_two_connections(two_databases: tuple[redis.Redis, redis.Redis]) -> None:
    first, second = two_databases
    with rom.Session() as s:
        one, other = FarOne(), FarOther()
        one.other, other.one = other, one
        s.save(one)
        assert first.hgetall('FarOne:1') == {b'id': b'1', b'other': b'1'}
        assert second.hgetall('FarOther:1') == {b'id': b'1', b'one': b'1'}
        s.rollback()
        again = s.get(FarOne, 1)
        assert again is not None
        assert again.other.one is again
        s.delete(again.other)
        assert again.other is None
        assert first.hgetall('FarOne:1') == {b'id': b'1'}
        assert_consistent(first, FarOne)
        assert_consistent(second, FarOther)


# --- searching -----------------------------------------------------------------------------------


def test_get_by_and_filter(world: World) -> None:
    async def story() -> None:
        async with world.session() as s:
            await library(s)
            orphan = RelatedBook(number=100)
            await s.commit()
            authors = await s.all(RelatedAuthor.query)

            async def numbers(query: Any) -> list[int]:
                return sorted(book.number for book in await s.all(query))

            query = RelatedBook.query
            assert [b.number for b in await s.get_by(RelatedBook, author=1)] == [0, 3]
            assert [b.number for b in await s.get_by(RelatedBook, author=authors[0])] == [0, 3]
            assert len(await s.get_by(RelatedBook, author=(2, None))) == 4
            assert len(await s.get_by(RelatedBook, author=rom.NOT_NULL)) == 6
            assert await numbers(query.filter(author=authors[1])) == [1, 4]
            assert await numbers(query.filter(author=2)) == [1, 4]
            assert await numbers(query.filter(author=[authors[0], 3])) == [0, 2, 3, 5]
            assert await numbers(query.filter(author=rom.NOT_NULL)) == [0, 1, 2, 3, 4, 5]
            assert await numbers(query.filter(author=99)) == []
            assert await numbers(query.filter(author=[])) == []
            assert await s.count(query.filter(author=rom.NOT_NULL)) == 6
            assert await numbers(query.filter(editor=rom.NOT_NULL)) == []
            ordered = await s.all(query.order_by('-author').select('author'))
            found = [row['author'] and row['author'].key for row in ordered]
            assert found == [3, 3, 2, 2, 1, 1, None]
            selected = await s.all(query.order_by('number').select('number', 'author'))
            assert selected[1] == {'number': 1, 'author': authors[1]}
            assert selected[-1] == {'number': 100, 'author': None}
            with pytest.raises(rom.QueryError, match='is not an entity of'):
                query.filter(author=orphan)

    world.run(story())


@pytest.mark.parametrize('is_null', [False, True])
def test_selected_relations_are_entities(world: World, trips: Trips, is_null: bool) -> None:
    """As in rom 1.x, with any session; one trip for each relation, however many results."""

    async def story() -> None:
        async with world.session() as s:
            await library(s)
            RelatedBook(number=100)
            await s.commit()
            s.rollback()
            getattr(s, 'session', s).null_session = is_null
            names = [*(f'Author {n % 3}' for n in range(6)), None]
            query = RelatedBook.query.order_by('number')
            with trips:
                found = await s.all(query.select('id', 'number', 'author', 'editor'))
            assert trips.count == 2
            assert [row['author'] and row['author'].name for row in found] == names
            assert {row['editor'] for row in found} == {None}
            assert found[0]['author'] is found[3]['author']
            with trips:
                plain = await s.all(query.select('author', 'number', decode=False))
            assert trips.count == 1
            assert [row['author'] for row in plain] == ['1', '2', '3', '1', '2', '3', None]
            first = await s.first(query.select('author'))
            assert first['author'].name == 'Author 0'
            page = await s.page(query.select('author'), 2)
            assert [row['author'].name for row in page] == names[:2]
            streamed = [row['author'] async for row in s.stream(query.select('author'))]
            assert [author and author.name for author in streamed] == names
            assert bool(s.known) is not is_null
            with trips:
                lists = await s.all(RelatedAuthor.query.select('name', 'books'))
            assert trips.count == 2
            assert {row['name']: sorted(b.number for b in row['books']) for row in lists} == {
                f'Author {n}': [n, n + 3] for n in range(3)
            }

    world.run(story())


def test_ids_are_given_to_relations(world: World, raw: redis.Redis) -> None:
    """`Book(author=4)`, and `get_or_create(author=4, ...)`: ids, as queries take them."""

    async def story() -> None:
        async with world.session() as s:
            author = RelatedAuthor(name='Ann')
            await s.commit()
            book = RelatedBook(title='a', author=author.key)
            await s.commit()
            assert book.author is author
            by_id = {'author': author.key, 'title': 'b'}
            made, is_new = await s.get_or_create(RelatedBook, {'number': 5, 'editor': 1}, **by_id)
            assert (is_new, made.author, made.editor) == (True, author, author)
            assert await s.get_or_create(RelatedBook, None, **by_id) == (made, False)
            found, is_new = await s.upsert(RelatedBook, {'number': 6}, **by_id)
            assert (found, is_new, found.number) == (made, False, 6)
            with pytest.raises(rom.InvalidColumnValue, match='no RelatedAuthor has this id'):
                await s.get_or_create(RelatedBook, None, author=99, title='c')
            for wrong in (0, -1, 2**63, True, '1', 1.0):
                with pytest.raises(rom.InvalidColumnValue, match=r'is not an (entity|id of)'):
                    RelatedBook(author=wrong)
            RelatedBook(author=99)
            with pytest.raises(rom.InvalidColumnValue, match='no RelatedAuthor has this id'):
                await s.commit()
        assert_consistent(raw, *MODELS)

    world.run(story())


def test_ids_are_set(world: World, raw: redis.Redis, trips: Trips) -> None:
    """`book.author = 4`: looked up when it is read or saved, and nobody's id is written nowhere."""

    async def story() -> None:
        async with world.session() as s:
            ann, bob = RelatedAuthor(name='Ann'), RelatedAuthor(name='Bob')
            book, other = RelatedBook(title='a', author=ann), RelatedBook(title='b')
            await s.commit()
            ids = ann.key, bob.key
            s.rollback()
            [book, other] = await s.all(RelatedBook.query.order_by('id'))
            with trips:
                book.author = ids[1]
                other.update(author=IntEnum('Key', {'ANN': ids[0]}).ANN)  # type: ignore[attr-defined]
            assert not trips.count  # nothing is asked for before it must be
            with trips:
                assert await s.commit() == 2
            assert trips.count == 2  # both authors, and the commit
            assert (book.author.name, other.author.name) == ('Bob', 'Ann')
            book.author = ids[1]
            assert await s.commit() == 0
            twin = book.copy()
            await s.load([book, twin], 'author')
            assert twin.author is book.author
            s.forget(twin)
            for gone in (99, 2**62):
                book.author = gone
                with pytest.raises(rom.InvalidColumnValue, match=f'{gone}: no RelatedAuthor has'):
                    await s.commit()
            assert await s.ids(RelatedBook.query.filter(author=ids[1])) == [book.id]
            book.author = None
            await s.commit()
            assert await s.update_all(RelatedBook.query.filter(id=book.id), author=ids[0]) == 1
            assert book.author.name == 'Ann'
            with pytest.raises(rom.InvalidColumnValue, match='99: no RelatedAuthor has this id'):
                await s.update_all(RelatedBook.query, author=99)
            by = {'title': 'a', 'author': ids[0]}
            found, is_new = await s.upsert(RelatedBook, {'editor': ids[1]}, **by)
            assert (found, is_new, found.editor.name) == (book, False, 'Bob')
            made, is_new = await s.upsert(
                RelatedBook, {'number': 1}, {'editor': ids[0]}, author=ids[1], title='z'
            )
            assert (is_new, made.author.name, made.editor.name) == (True, 'Bob', 'Ann')
        assert_consistent(raw, *MODELS)

    world.run(story())


@pytest.mark.one_server
def test_a_set_id_is_read(server: Server) -> None:
    """A sync session loads it. One of nobody reads as None, and stays a change."""
    world = World(SYNC, server.socket)

    async def story() -> None:
        async with world.session() as s:
            ann = RelatedAuthor(name='Ann')
            await s.commit()
            s.rollback()
            new = RelatedBook(title='b', author=ann.key)
            assert new.author.name == 'Ann'
            assert '<related:author:1>' in repr(new)
            new.author = 99
            assert new.author is None
            assert new.author is None
            assert pickle.loads(pickle.dumps(new)).author is None
            with pytest.raises(rom.InvalidColumnValue, match='99: no RelatedAuthor has this id'):
                new.save()
            new.author = ann.key
            new.save()
            s.null_session = True
            loaded = RelatedBook.get(new.id)
            loaded.author = 99
            with pytest.raises(rom.InvalidColumnValue, match='99: no RelatedAuthor has this id'):
                loaded.save()
            loaded.author = None
            loaded.save()
            assert RelatedBook.get(new.id).author is None

    world.run(story())


@pytest.mark.one_server
def test_a_set_id_waits_under_asyncio(server: Server) -> None:
    world = World(ASYNC, server.socket)

    async def story() -> None:
        async with world.session() as s:
            ann = RelatedAuthor(name='Ann')
            book = RelatedBook(title='a')
            await s.commit()
            key = ann.key
            s.rollback()
            book = await s.get(RelatedBook, book.id)
            book.author = key
            with pytest.raises(rom.InvalidOperation, match='author is not loaded'):
                book.author
            await s.load(book, 'author')
            assert book.author.name == 'Ann'
            book.author = 99
            await s.load(book, 'author')
            assert book.author is None
            with pytest.raises(rom.InvalidColumnValue, match='99: no RelatedAuthor has this id'):
                await s.save(book)

    world.run(story())


class RelatedHook(rom.Model):
    name = rom.Text()
    team = rom.ManyToOne('RelatedTeam', 'no action')
    next_team: int | None = None

    def _before_insert(self) -> None:
        self.team = self.next_team

    _before_update = _before_insert


def test_an_id_that_a_hook_sets(world: World, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            team = RelatedTeam(name='first')
            await s.commit()
            one = RelatedHook(name='a')
            for change in ('b', 'c'):
                one.name, one.next_team = change, 99
                with pytest.raises(rom.InvalidColumnValue, match='99: no RelatedTeam has this id'):
                    await s.commit()
                one.team, one.next_team = None, team.id
                await s.commit()
                assert one.team is team
        assert_consistent(raw, RelatedHook, RelatedTeam)

    world.run(story())


class RelatedDefault(rom.Model):
    team = rom.ManyToOne('RelatedTeam', 'set default', default=1)


def test_an_id_as_default(world: World, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            first, second = RelatedTeam(name='first'), RelatedTeam(name='second')
            await s.commit()
            assert first.id == 1
            one, two = RelatedDefault(), RelatedDefault(team=second)
            await s.commit()
            assert one.team is first
            await s.delete(second)
            assert two.team is first
            s.rollback()
            assert await s.ids(RelatedDefault.query.filter(team=1)) == [one.id, two.id]
        assert_consistent(raw, RelatedDefault, RelatedTeam)

    world.run(story())


def test_one_to_one_unique(world: World, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            target = RelatedAuthor(name='t')
            one, other = RelatedAuthor(name='1', friend=target), RelatedAuthor(name='2')
            await s.commit()
            assert await s.get_by(RelatedAuthor, friend=target) is one
            assert await s.get_by(RelatedAuthor, friend=target.key) is one
            assert await s.get_by(RelatedAuthor, friend=[target, 99]) == [one]
            assert await s.get_by(RelatedAuthor, friend=99) is None
            assert await s.get_by(RelatedAuthor, friend=(1, None), _numeric=True) == [one]
            with pytest.raises(rom.QueryError):
                await s.get_by(RelatedAuthor, friend='1')
            other.friend = target
            with pytest.raises(rom.UniqueKeyViolation) as caught:
                await s.commit()
            assert (caught.value.columns, caught.value.holder) == (('friend',), one.key)
            one.friend = other  # given up in the same commit
            await s.commit()
            assert_consistent(raw, *MODELS)

    world.run(story())


def test_in_unique_together(world: World, raw: redis.Redis) -> None:
    async def story() -> None:
        async with world.session() as s:
            author = RelatedAuthor()
            book = RelatedBook(title='a', author=author)
            await s.commit()
            twin = RelatedBook(title='a', author=author)
            with pytest.raises(rom.UniqueKeyViolation, match='author'):
                await s.commit()
            twin.author = RelatedAuthor()
            await s.commit()
            book.author = None
            twin.author = author
            await s.commit()
            RelatedBook(title='a')
            RelatedBook(title='a')
            await s.commit()
            assert_consistent(raw, *MODELS)

    world.run(story())


@pytest.mark.one_server
def test_a_keygen_sees_the_id_loaded_or_not(world: World, raw: redis.Redis) -> None:
    """Old entries and new ones are worked out alike."""

    async def story() -> None:
        async with world.session() as s:
            one, other = RelatedAuthor(), RelatedAuthor()
            book = RelatedBook(digest='d', author=one)
            await s.commit()
            assert raw.smembers('RelatedBook:digest:by 1:idx') == {b'1'}
            s.rollback()
            book, other = await s.get(RelatedBook, 1), await s.get(RelatedAuthor, 2)
            book.author = other
            await s.commit()
            assert raw.smembers('RelatedBook:digest:by 2:idx') == {b'1'}
            assert not raw.exists('RelatedBook:digest:by 1:idx')
            book.author = None
            await s.commit()
            assert raw.smembers('RelatedBook:digest:by None:idx') == {b'1'}
            assert_consistent(raw, *MODELS)
            await s.delete(book)
            assert rows_of(RelatedBook, dump(raw)) == {}
            assert not raw.keys('RelatedBook:digest:*')

    world.run(story())
