"""FastAPI, by its own test client: what comes in, what goes out, and what openapi.json says."""

from collections.abc import Iterator
from typing import Annotated, Any

import pytest

import rom
from tests.support.servers import Server

fastapi = pytest.importorskip('fastapi')
from fastapi.testclient import TestClient  # noqa: E402

pytestmark = pytest.mark.one_server


class Novelist(rom.Model):
    """Who writes."""

    _namespace = 'travel-author'
    name = rom.Text(required=True, unique=True)
    born = rom.Date()
    secret = rom.Text(default='hidden')


class Story(rom.Model):
    _namespace = 'travel-story'
    title = rom.Text(required=True)
    words = rom.Integer(default=0, index=True)
    price = rom.Decimal()
    at = rom.DateTime()
    cover = rom.String()
    tags = rom.Json(default=list)
    author = rom.ManyToOne('Novelist', 'no action')


NewNovelist = Novelist.pydantic(exclude='id')
ChangedNovelist = Novelist.pydantic(partial=True)
PublicNovelist = Novelist.pydantic(exclude='secret')


@pytest.fixture
def web(server: Server) -> Iterator[Any]:
    """An application, on a server."""
    app = fastapi.FastAPI()

    @app.post('/stories', status_code=201)
    def post(story: Annotated[Story, fastapi.Body()]) -> Story:
        story.save()
        return story

    @app.post('/many')
    def post_many(stories: list[Story]) -> int:
        rom.session.add_all(stories)
        return rom.session.commit()

    @app.post('/looked-at')
    async def look(story: Annotated[Story, fastapi.Body()]) -> str:  # in the task that read it
        rom.session.commit()
        return str(story.title)

    @app.get('/stories')
    def stories() -> list[Story]:
        return Story.query.order_by('words').all()

    @app.get('/stories/{id}', response_model=Story, response_model_exclude_none=True)
    def one(id: int) -> Any:
        return Story.get(id)

    @app.post('/authors', response_model=PublicNovelist)
    def new(body: NewNovelist) -> Any:
        author = Novelist(**body.model_dump(exclude_unset=True))
        author.save()
        return author

    @app.patch('/authors/{id}', response_model=PublicNovelist)
    def change(id: int, body: ChangedNovelist) -> Any:
        author = Novelist.get(id)
        assert author is not None
        author.update(body.model_dump(exclude_unset=True)).save()
        return author

    @app.get('/async/{id}', response_model=Novelist)
    async def awaited(id: int) -> Any:
        async with server.connect_async() as client, rom.AsyncSession(client) as s:
            return await s.get(Novelist, id)

    with server.connect() as client:
        rom.util.CONNECTION = client
        yield TestClient(app)


SENT = {
    'title': 'Ice', 'words': 12, 'price': '1.10', 'at': '2024-05-06T07:08:09Z', 'cover': '/wA=',
    'tags': ['cold', {'a': 1}],
}  # fmt: skip


def test_a_model_in_and_out(web: Any, raw: Any) -> None:
    answer = web.post('/stories', json=SENT)
    assert (answer.status_code, answer.json()) == (201, {**SENT, 'author': None, 'id': 1})
    assert raw.hget('travel-story:1', 'price') == b'1.10'
    assert web.get('/stories/1').json() == {**SENT, 'id': 1}


def test_a_list(web: Any) -> None:
    assert web.get('/stories').json() == []
    web.post('/many', json=[SENT, {'title': 'Fire', 'words': 3}])
    found = web.get('/stories').json()
    assert [story['title'] for story in found] == ['Fire', 'Ice']
    assert found[0] == {
        'title': 'Fire', 'words': 3, 'price': None, 'at': None, 'cover': None, 'tags': [],
        'author': None, 'id': found[0]['id'],
    }  # fmt: skip


def test_what_is_only_looked_at_is_not_written(web: Any, raw: Any) -> None:
    assert web.post('/looked-at', json=SENT).json() == 'Ice'
    assert raw.keys('travel-story:*') == []


@pytest.mark.parametrize(
    ('sent', 'loc', 'says'),
    [
        ({'words': 1}, ['body', 'title'], 'Field required'),
        ({'title': 'x', 'words': 'many'}, ['body', 'words'], 'valid integer'),
        ({'title': 'x', 'words': True}, ['body', 'words'], 'expected an int, got True (bool)'),
        ({'title': 'x', 'cover': 'é'}, ['body', 'cover'], 'base64'),
        ({'title': 'x', 'id': 5}, ['body', 'id'], 'not permitted'),
        ({'title': 'x', 'titel': 'y'}, ['body', 'titel'], 'not permitted'),
    ],
)
def test_what_is_wrong_is_422(web: Any, raw: Any, sent: Any, loc: Any, says: str) -> None:
    answer = web.post('/stories', json=sent)
    assert answer.status_code == 422
    [error] = answer.json()['detail']
    assert error['loc'] == loc
    assert says in error['msg']
    assert raw.keys('travel-story:*') == []


def test_relations_are_ids(web: Any) -> None:
    web.post('/authors', json={'name': 'Ann'})
    assert web.post('/stories', json={'title': 'x', 'author': 1}).json()['author'] == 1
    with pytest.raises(rom.InvalidColumnValue, match='9: no Novelist has this id'):
        web.post('/stories', json={'title': 'x', 'author': 9})


def test_classes_in_and_out(web: Any, raw: Any) -> None:
    answer = web.post('/authors', json={'name': 'Ann', 'born': '2000-01-02', 'ignored': 1})
    assert answer.json() == {'name': 'Ann', 'born': '2000-01-02', 'id': 1}
    answer = web.patch('/authors/1', json={'name': 'Bea'})
    assert answer.json() == {'name': 'Bea', 'born': '2000-01-02', 'id': 1}
    assert web.patch('/authors/1', json={'born': None}).json()['born'] is None
    assert raw.hgetall('travel-author:1') == {b'name': b'Bea', b'secret': b'hidden', b'id': b'1'}
    assert web.patch('/authors/1', json={'name': None}).status_code == 422


def test_under_an_async_session(web: Any) -> None:
    web.post('/authors', json={'name': 'Ann'})
    expected = {'name': 'Ann', 'born': None, 'secret': 'hidden', 'id': 1}
    assert web.get('/async/1').json() == expected


def test_openapi(web: Any) -> None:
    api = web.get('/openapi.json').json()
    schemas = api['components']['schemas']
    assert set(schemas) == {
        'Story-Input', 'Story-Output', 'NovelistWithoutId', 'PartialNovelist',
        'NovelistWithoutSecret', 'Novelist', 'HTTPValidationError', 'ValidationError',
    }  # fmt: skip
    assert schemas['Story-Input']['required'] == ['title']
    assert schemas['Story-Output']['required'] == ['title', 'id']
    assert schemas['Story-Output']['properties']['id']['readOnly'] is True
    assert schemas['Story-Input']['properties']['words']['default'] == 0
    assert schemas['Story-Input']['properties']['at']['anyOf'][0]['format'] == 'date-time'
    assert schemas['NovelistWithoutId']['required'] == ['name']
    assert schemas['NovelistWithoutId']['description'] == 'Who writes.'
    assert 'required' not in schemas['PartialNovelist']
    assert set(schemas['NovelistWithoutSecret']['properties']) == {'name', 'born', 'id'}

    def body(path: str, method: str) -> Any:
        return api['paths'][path][method]['requestBody']['content']['application/json']['schema']

    assert body('/stories', 'post') == {'$ref': '#/components/schemas/Story-Input'}
    assert body('/many', 'post')['items'] == {'$ref': '#/components/schemas/Story-Input'}
    assert body('/authors/{id}', 'patch') == {'$ref': '#/components/schemas/PartialNovelist'}
    found = api['paths']['/stories']['get']['responses']['200']['content']['application/json']
    assert found['schema']['items'] == {'$ref': '#/components/schemas/Story-Output'}
