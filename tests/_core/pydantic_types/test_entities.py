"""A model as a type: new entities that nobody knows yet, and rows that are shown without a trip."""

import json
from typing import Any

import pydantic
import pytest

import rom
from rom import CorruptRowError, InvalidColumnValue, InvalidOperation
from tests._core.pydantic_types.conftest import Customer
from tests.support.servers import Server
from tests.support.worlds import ASYNC, BOTH, World

pytestmark = pytest.mark.one_server


@pytest.fixture(params=BOTH)
def world(request: pytest.FixtureRequest, server: Server) -> World:
    return World(request.param, server.socket)


@pytest.fixture
def novel() -> Any:
    class Writer(rom.Model):
        name = rom.Text(required=True)

    class Novel(rom.Model):
        title = rom.Text(required=True)
        by = rom.ManyToOne('Writer', 'no action', required=True)
        editor = rom.OneToOne('Writer', 'no action')
        sequels = rom.OneToMany('Sequel')

    class Sequel(rom.Model):
        of = rom.ManyToOne('Novel', 'no action')

    return Novel


def adapter(model: Any) -> pydantic.TypeAdapter[Any]:
    return pydantic.TypeAdapter(model)


# What comes in.


def test_a_new_entity_that_the_session_does_not_know(account: Any) -> None:
    entity = adapter(account).validate_python({'name': 'Ann'})
    assert (type(entity), entity.name, entity.plan) == (account, 'Ann', 'free')
    entity.plan = 'paid'
    assert list(rom.session._identity) == []
    rom.session.add(entity)
    assert list(rom.session._identity) == [entity]


def test_nor_when_nothing_was_given() -> None:
    class Note(rom.Model):
        text = rom.Text()

    note = adapter(Note).validate_python({})
    note.text = 'x'
    assert list(rom.session._identity) == []


def test_a_default_is_made_once() -> None:
    made = []

    class Ticket(rom.Model):
        number = rom.Integer(default=lambda: made.append(1) or len(made))

    assert adapter(Ticket).validate_python({}).number == 1
    assert adapter(Ticket).validate_python({'number': 7}).number == 7
    assert made == [1]


def test_half_a_list_leaves_nothing_behind(account: Any) -> None:
    with pytest.raises(pydantic.ValidationError) as caught:
        adapter(list[account]).validate_json('[{"name": "Ann"}, {"plan": "x"}]')
    assert [(e['loc'], e['type']) for e in caught.value.errors()] == [((1, 'name'), 'missing')]
    assert list(rom.session._identity) == []


def test_every_fault_at_once_with_its_place(every: Any) -> None:
    sent = {'number': 'x', 'time': '12:00Z', 'id': 5, 'all': [1], 'nope': 1, 'customer': 5000}
    with pytest.raises(pydantic.ValidationError) as caught:
        adapter(every).validate_python(sent)
    errors = caught.value.errors()
    assert {error['loc'] for error in errors} == {(name,) for name in sent}
    assert {e['loc'][0] for e in errors if e['type'] == 'extra_forbidden'} == {'id', 'all', 'nope'}
    json.dumps(caught.value.errors(include_url=False))  # as FastAPI has to


def test_what_the_constructor_refuses() -> None:
    class Even(rom.Model):
        number = rom.Integer()

        def __init__(self, **columns: Any) -> None:
            super().__init__(**columns)
            if self.number is not None and self.number % 2:
                raise InvalidColumnValue('Even.number: it is odd')

    assert adapter(Even).validate_python({'number': 2}).number == 2
    with pytest.raises(pydantic.ValidationError, match='it is odd'):
        adapter(Even).validate_python({'number': 1})


def test_an_entity_is_taken_as_it_is(account: Any, every: Any) -> None:
    entity = account(name='x')
    assert adapter(account).validate_python(entity) is entity
    with pytest.raises(pydantic.ValidationError):
        adapter(account).validate_python(every())


def test_as_a_field(account: Any) -> None:
    class Page(pydantic.BaseModel):
        found: list[account]
        best: account | None = None

    page = Page.model_validate_json('{"found": [{"name": "Ann"}]}')
    assert page.found[0].name == 'Ann'
    assert isinstance(page.found[0], account)


# By whom an id is.


def test_ids_are_looked_up_when_it_is_saved(world: World, trips: list[Any], novel: Any) -> None:
    async def story() -> None:
        writer = rom.MODELS['Writer']
        async with world.session() as s:
            await s.save([writer(name='Ann'), writer(name='Bob')])
        async with world.session() as s:
            trips.clear()
            book = adapter(novel).validate_json('{"title": "x", "by": 2, "editor": 1}')
            assert trips == []
            assert list(s.known) == []
            await s.save(book)
            assert len(trips) == 3  # of either column, and the commit
            assert (book.by.name, book.editor.name) == ('Bob', 'Ann')
        async with world.session() as s:
            assert (await s.all(novel.query.filter(by=2)))[0].title == 'x'

    world.run(story())


def test_an_id_of_nobody_stops_the_write(world: World, raw: Any, novel: Any) -> None:
    async def story() -> None:
        async with world.session() as s:
            await s.save(rom.MODELS['Writer'](name='Ann'))
            book = adapter(novel).validate_json('{"title": "x", "by": 7}')
            other = novel(title='y', by=await s.get(rom.MODELS['Writer'], 1))
            s.add(book)
            for _ in range(2):
                with pytest.raises(
                    InvalidColumnValue, match=r'Novel\.by: 7: no Writer has this id'
                ):
                    await s.commit()
                assert raw.keys('Novel:[0-9]*') == []
            await s.load(book, 'by')
            assert book.by is None
            with pytest.raises(InvalidColumnValue):
                await s.commit()
            book.by = other.by
            await s.commit()
            assert sorted(raw.keys('Novel:[0-9]*')) == [b'Novel:1', b'Novel:2']

    world.run(story())


def test_read_before_it_is_saved(world: World, novel: Any) -> None:
    async def story() -> None:
        async with world.session() as s:
            await s.save(rom.MODELS['Writer'](name='Ann'))
            s.rollback()
            book = adapter(novel).validate_json('{"title": "x", "by": 1}')
            if world.kind == ASYNC:
                with pytest.raises(InvalidOperation, match=r"await s\.load\(entities, 'by'\)"):
                    book.by
                await s.load(book, 'by')
            assert book.by.name == 'Ann'
            book.editor = book.by
            await s.save(book)
            assert json.loads(adapter(novel).dump_json(book))['editor'] == 1

    world.run(story())


def test_an_entity_that_refers_to_one(novel: Any) -> None:
    """What only a new entity leads to is looked up as well."""

    class Review(rom.Model):
        of = rom.ManyToOne('Novel', 'no action')

    book = adapter(novel).validate_python({'title': 'x', 'by': 7})
    review = adapter(Review).validate_python({'of': book})
    assert review.of is book
    with rom.Session(rom.connect('embedded:')) as s, pytest.raises(InvalidColumnValue):
        s.save(review)


# What goes out.


def test_a_row_without_a_trip(world: World, trips: list[Any], novel: Any) -> None:
    async def story() -> None:
        async with world.session() as s:
            writer = rom.MODELS['Writer'](name='Ann')
            await s.save(novel(title='x', by=writer))
        async with world.session() as s:
            book = await s.get(novel, 1)
            trips.clear()
            shown = {'title': 'x', 'by': 1, 'editor': None, 'id': 1}
            assert adapter(novel).dump_python(book) == shown
            assert json.loads(adapter(list[novel]).dump_json([book])) == [shown]
            assert novel.pydantic().model_validate(book).model_dump() == shown
            assert trips == []
            book.editor = await s.get(rom.MODELS['Writer'], 1)
            assert adapter(novel).dump_python(book) == {**shown, 'editor': 1}

    world.run(story())


def test_all_kinds_through_a_server(world: World, every: Any) -> None:
    async def story() -> None:
        async with world.session() as s:
            other = every()
            await s.save(other)
            one = every(number=5, raw=b'\xff', data={'a': 1}, of=other, customer=Customer(7))
            await s.save(one)
        async with world.session() as s:
            one = await s.get(every, 2)
            text = adapter(every).dump_json(one)
            shown = json.loads(text)
            assert {name: value for name, value in shown.items() if value is not None} == {
                'number': 5, 'raw': '/w==', 'data': {'a': 1}, 'of': 1, 'customer': 7, 'id': 2,
            }  # fmt: skip
            assert every.pydantic().model_validate_json(text).model_dump_json() == text.decode()
            del shown['id']
            again = adapter(every).validate_python(shown)
            await s.save(again)
            assert json.loads(adapter(every).dump_json(again)) == {**shown, 'id': 3}

    world.run(story())


def test_lists_are_shown_when_they_are_asked_for(world: World, novel: Any) -> None:
    async def story() -> None:
        async with world.session() as s:
            book = novel(title='x', by=rom.MODELS['Writer'](name='Ann'))
            await s.save([rom.MODELS['Sequel'](of=book) for _ in range(2)])
        async with world.session() as s:
            book = await s.get(novel, 1)
            cls = novel.pydantic(include=['title', 'sequels'])
            if world.kind == ASYNC:
                with pytest.raises(pydantic.ValidationError, match=r"await s\.load\(.*'sequels'"):
                    cls.model_validate(book)
            await s.load(book, 'sequels')
            assert cls.model_validate(book).model_dump() == {'title': 'x', 'sequels': [1, 2]}

    world.run(story())


def test_entities_instead_of_ids(world: World, novel: Any) -> None:
    async def story() -> None:
        async with world.session() as s:
            await s.save(novel(title='x', by=rom.MODELS['Writer'](name='Ann')))

            author = rom.MODELS['Writer'].pydantic(include='name')

            class Whole(novel.pydantic(exclude='id')):  # type: ignore[misc]
                by: author

            [book] = await s.all(novel.query.load('by'))
            assert Whole.model_validate(book).model_dump() == {
                'title': 'x', 'by': {'name': 'Ann'}, 'editor': None,
            }  # fmt: skip

    world.run(story())


def test_the_id_of_a_new_entity(world: World, account: Any) -> None:
    """As reading it: the server gives it now, or an AsyncSession says what to await."""

    async def story() -> None:
        async with world.session():
            new = account(name='x')
            assert 'id' not in adapter(account).dump_python(new, exclude={'id'})
            if world.kind == ASYNC:
                with pytest.raises(Exception, match=r'no id before it is saved: await s\.flush'):
                    adapter(account).dump_json(new)
            else:
                assert json.loads(adapter(account).dump_json(new))['id'] == 1

    world.run(story())


def test_what_is_asked_for(account: Any) -> None:
    class Page(pydantic.BaseModel):
        one: account

    entity = adapter(account).validate_python({'name': 'x', 'token': 'y', 'limit': 1})
    shown = adapter(account)
    names = {'name', 'token'}
    assert shown.dump_python(entity, include=names) == {'name': 'x', 'token': 'y'}
    assert shown.dump_python(entity, include=names, exclude={'token'}) == {'name': 'x'}
    assert shown.dump_python(entity, include={'name': True, 'plan': ...}) == {
        'name': 'x', 'plan': 'free',
    }  # fmt: skip
    for option in ('include', 'exclude'):
        with pytest.raises(Exception, match='expected whole columns of Account'):
            shown.dump_python(entity, **{option: {'notes': {'a'}}})
    entity.token = None
    for option in ('exclude_none', 'exclude_unset'):
        assert shown.dump_python(entity, include=names, **{option: True}) == {'name': 'x'}
    page = Page(one=entity)
    assert page.model_dump(include={'one': {'name'}}) == {'one': {'name': 'x'}}


def test_what_is_gone_is_not_shown(client: Any) -> None:
    class Node(rom.Model):
        next = rom.ManyToOne('Node', 'no action')

    rom.util.CONNECTION = client
    end = Node()
    start = Node(next=end)
    rom.session.commit()
    assert adapter(Node).dump_python(start) == {'next': 1, 'id': 2}
    end.delete()
    assert adapter(Node).dump_python(start) == {'next': None, 'id': 2}


def test_a_row_that_is_broken(client: Any, raw: Any, novel: Any) -> None:
    rom.util.CONNECTION = client
    raw.hset('Novel:1', mapping={'title': 'x', 'by': 'me', 'id': 1})
    book = novel.get(1)
    with pytest.raises(Exception, match=r"Novel:1, column 'by': the stored b'me'"):
        adapter(novel).dump_json(book)
    with pytest.raises(CorruptRowError):
        book.by


def test_schemas_of_either_way(account: Any) -> None:
    coming = adapter(account).json_schema()
    going = adapter(account).json_schema(mode='serialization')
    assert (coming['title'], going['title']) == ('Account', 'Account')
    assert (coming['required'], going['required']) == (['name'], ['name', 'id'])
    assert 'id' not in coming['properties']
    assert coming['additionalProperties'] is False
    assert going == account.pydantic().model_json_schema(mode='serialization')
