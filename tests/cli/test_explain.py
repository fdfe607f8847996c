"""`rom explain`: the plan, and expressions that are none."""

import json

import pytest
import redis

import rom
from rom.cli.errors import UsageError
from rom.cli.explain import query_of
from rom.cli.model_args import scope_of
from tests.cli.conftest import Shop
from tests.support.servers import Server, dump

pytestmark = pytest.mark.one_server

QUERY = "User.query.filter(bio='hello', age=(3, None)).order_by('-age').limit(0, 5)"


def test_the_tree(filled: Shop) -> None:
    plan = filled.fine('explain', QUERY, 'shop.models')
    assert plan.startswith('User.all(), at most 5\n  way: ')
    assert '  filters\n' in plan and "bio has the word 'hello'" in plan
    assert 'ran:' not in plan


def test_run_and_json(filled: Shop) -> None:
    said = json.loads(filled.fine('explain', QUERY, 'shop.models', '--run', '--count', '--json'))
    assert (said['model'], said['of'], said['run']['results']) == ('User', 'count', 18)


@pytest.mark.parametrize(
    ('expression', 'what'),
    [
        ('Usr.query', "Usr.query: NameError: name 'Usr' is not defined; did you mean User?"),
        (
            'User.query.filter(',
            "'User.query.filter(': expected a Python expression: '(' was never close",
        ),
        ('User.query.filter(nope=1)', 'QueryError: User.query.filter(nope): the model has no colu'),
        ('User', 'User: expected a query, got a model; write User.query'),
        ('(lambda: 5)()', '(lambda: 5)(): expected a query, got 5; leave out .all(), .f'),
    ],
)
def test_what_is_no_query(expression: str, what: str) -> None:
    class User(rom.Model):
        _namespace = 'explain-user'

    with pytest.raises(UsageError) as caught:
        query_of(expression, scope_of([User]))
    assert what in str(caught.value)


@pytest.mark.parametrize(
    'expression',
    [
        'User.query.delete()',
        'User.query.update(age=1)',
        'User.query.all()',
        '[user.delete() for user in User.query]',
        'User.get(1)',
        'User(email="x").save()',
        'rom.session.delete(User.get(1))',
        'User._connection.flushdb()',
        'User._connection.pipeline().flushdb().execute()',
        'rom.util.get_connection().flushall()',
        'list(rom.maintenance.reindex(User))',
    ],
)
def test_what_would_make_a_request_is_refused(
    filled: Shop, raw: redis.Redis, expression: str
) -> None:
    before = dump(raw)
    said = filled.wrong(2, 'explain', expression, 'shop.models')
    assert 'makes a request to the server; nothing was sent' in ' '.join(said.split())
    assert dump(raw) == before
    assert before


def test_requests_are_made_again_afterwards(server: Server) -> None:
    class User(rom.Model):
        _conn = server.connect()
        n = rom.Integer()

    scope = scope_of([User])
    with pytest.raises(UsageError, match='makes a request'):
        query_of('User.query.all()', scope)
    assert query_of('User.query.limit(3)', scope).all() == []
    assert User._connection.ping()


def test_a_mistake_ends_it(shop: Shop) -> None:
    assert shop.wrong(2, 'explain', 'Usr.query', 'shop.models').startswith(
        'Error: Usr.query: NameE'
    )


def test_in_a_terminal_no_line_is_broken(filled: Shop) -> None:
    seen = filled.seen('explain', QUERY, 'shop.models', columns=40)
    assert any(len(line) > 40 for line in seen.splitlines())
