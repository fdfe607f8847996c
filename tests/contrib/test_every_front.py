"""What happens to a request, the same with every framework, through its own test client."""

from collections.abc import Iterator
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

import rom
from rom._core import session_context
from tests.contrib.conftest import names
from tests.contrib.fronts import FRONTS, Front
from tests.contrib.views import MET, Boom, thing
from tests.support.proxy import Proxy
from tests.support.servers import Server

pytestmark = [
    pytest.mark.one_server,
    pytest.mark.usefixtures('things'),
    # Django says so when a body of the other kind is sent: that is what is tested.
    pytest.mark.filterwarnings('ignore:StreamingHttpResponse must consume:Warning'),
]


@pytest.fixture(params=FRONTS)
def front(request: pytest.FixtureRequest) -> Iterator[Front]:
    with Front(request.param, {}) as made:
        yield made


def open_front(name: str, **settings: Any) -> Front:
    return Front(name, settings)


def hits(name: str) -> int:
    with rom.Session() as s:
        found: int = s.get_by(thing(), name=name).hits
        return found


def test_a_success_is_committed(front: Front) -> None:
    assert front.call('create', 'a') == (201, 'a')
    assert names() == ['a']
    assert front.call('hit', 'a') == (200, '1')
    assert front.call('hit', 'a') == (200, '2')
    assert front.call('moved', 'b')[0] == 302
    assert names() == ['a', 'b']


def test_each_request_has_a_session_of_its_own(front: Front) -> None:
    mine = session_context.home()
    for name in 'abc':
        front.call('create', name)
    assert len({id(session) for session in MET}) == 3
    assert {session.is_async for session in MET} == {front.is_async}
    assert all(not session.known and not list(session.wknown) for session in MET)
    assert mine not in MET
    assert session_context.home() is mine


@pytest.mark.parametrize('view, status', [('missing', 404), ('broken', 503)])
def test_a_failure_is_not_committed(front: Front, view: str, status: int) -> None:
    assert front.call(view, 'a')[0] == status
    assert names() == []
    assert front.call('create', 'a') == (201, 'a')


def test_an_error_is_not_committed_and_stays_what_it_was(front: Front) -> None:
    with pytest.raises(Boom):
        front.call('boom', 'a')
    assert names() == []
    assert front.call('create', 'a') == (201, 'a')
    assert names() == ['a']


@pytest.mark.parametrize('view', ['clash', 'clash_at_once'])
def test_a_unique_violation_is_a_409(front: Front, view: str) -> None:
    front.call('create', 'a')
    status, body = front.call(view, 'a')
    assert status == 409
    assert body == {
        'error': 'conflict',
        'what': 'unique',
        'model': 'Thing',
        'id': body['id'],
        'columns': ['name'],
        'value': 'a',
        'detail': 'name must be unique, and the value is taken',
    }
    assert names() == ['a']


@pytest.mark.parametrize('things', [rom.Shards('fronts', 3)], indirect=True, ids=['parts'])
def test_models_over_partitions(front: Front) -> None:
    for name in 'abcd':  # one after the other in each partition
        assert front.call('create', name) == (201, name)
    assert front.call('hit', 'a') == (200, '1')
    assert front.call('missing', 'e')[0] == 404
    for view in ('clash', 'clash_at_once'):
        status, body = front.call(view, 'a')
        assert (status, body['what'], body['value']) == (409, 'unique', 'a')
    assert names() == ['a', 'b', 'c', 'd'] and front.call('count', 'x') == (200, '4')


@pytest.mark.parametrize('name', FRONTS)
def test_a_conflict_is_no_success_whatever_is_said(name: str) -> None:
    with open_front(name, commit_on=[201, 409]) as front:
        front.call('create', 'a')
        assert front.call('clash_at_once', 'a')[0] == 409
        assert front.call('clash', 'a')[0] == 409
        assert names() == ['a']


@pytest.mark.parametrize(
    'view, what, columns',
    [('race', 'race', ['hits']), ('gone', 'gone', []), ('restricted', 'restrict', [])],
)
def test_other_conflicts_are_409_too(
    front: Front, view: str, what: str, columns: list[str]
) -> None:
    front.call('create', 'a')
    status, body = front.call(view, 'a')
    assert (status, body['what'], body['columns']) == (409, what, columns)
    if what == 'race':
        assert hits('a') == 1000


@pytest.mark.parametrize('name', FRONTS)
@pytest.mark.parametrize('view', ['clash', 'clash_at_once'])
def test_a_conflict_may_be_raised(name: str, view: str) -> None:
    with open_front(name, conflicts='raise') as front:
        front.call('create', 'a')
        with pytest.raises(rom.UniqueKeyViolation):
            front.call(view, 'a')
        assert names() == ['a']
        front.call('create', 'b')
        assert names() == ['a', 'b']


@pytest.mark.parametrize('name', FRONTS)
def test_nothing_is_committed_where_it_is_said_so(name: str) -> None:
    with open_front(name, commit=False) as front:
        assert front.call('create', 'a') == (201, 'a')
        assert front.call('stream', 'b')[0] == 200
        assert names() == []


@pytest.mark.parametrize('name', FRONTS)
def test_which_statuses_are_committed(name: str) -> None:
    with open_front(name, commit_on=[404, 302]) as front:
        front.call('create', 'a')
        assert front.call('missing', 'b')[0] == 404
        assert front.call('moved', 'c')[0] == 302
        assert names() == ['b', 'c']


def test_a_stream_is_committed_before_it_begins_and_when_it_has_ended(front: Front) -> None:
    # Its own entity was there before the first chunk, and is counted by the second one.
    assert front.call('stream', 'a') == (200, 'begin 1 end')
    assert names() == ['a', 'a-late']
    with rom.Session() as s:
        assert s.get_by(thing(), name='a-late').note == 'end'
    [session] = MET
    assert not list(session.wknown)
    assert session_context.home() is not session


def test_a_stream_that_fails_writes_nothing_more(front: Front) -> None:
    with pytest.raises(Boom):
        front.call('stream_boom', 'a')
    assert names() == ['a']
    assert front.call('create', 'b') == (201, 'b')


def test_a_stream_that_ends_in_a_conflict_does_not_end_well(front: Front) -> None:
    front.call('create', 'a')
    with pytest.raises(rom.UniqueKeyViolation):
        front.call('stream_clash', 'a')
    assert names() == ['a']


@pytest.mark.parametrize('where', ['before', 'after'])
def test_a_server_that_is_gone(front: Front, server: Server, where: str) -> None:
    with Proxy(server.socket) as proxy:
        retry = Retry(NoBackoff(), 0)
        with redis.Redis(unix_socket_path=proxy.socket, retry=retry) as client:
            rom.util.CONNECTION = client
            front.call('create', 'before')
            cut = getattr(proxy, f'cut_{where}_request')
            cut(proxy.named('EVALSHA'))
            with pytest.raises(rom.ServerUnavailable):
                front.call('create', 'a')
            # Nobody told us whether it was written; half of it is not.
            assert names() == (['before'] if where == 'before' else ['a', 'before'])
            assert front.call('create', 'b') == (201, 'b')
            assert 'b' in names()
