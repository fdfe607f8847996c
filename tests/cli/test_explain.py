"""`rom explain`: the plan, and expressions that are none."""

import json

import pytest

import rom
from rom.cli.exits import MisuseError
from rom.cli.explain import query_of
from rom.cli.scope import scope_of
from tests.cli.conftest import Shop

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
        ('User.query.filter(', "'User.query.filter(' is no Python expression: '(' was never close"),
        ('User.query.filter(nope=1)', 'QueryError: User.query.filter(nope): the model has no colu'),
        ('User', 'User is a model; write User.query'),
        ('(lambda: 5)()', '(lambda: 5)() is no query, but an int; leave out .all(), .f'),
    ],
)
def test_what_is_no_query(expression: str, what: str) -> None:
    class User(rom.Model):
        _namespace = 'explain-user'

    with pytest.raises(MisuseError) as caught:
        query_of(expression, scope_of([User]))
    assert what in str(caught.value)


def test_a_mistake_ends_it(shop: Shop) -> None:
    assert shop.wrong(2, 'explain', 'Usr.query', 'shop.models').startswith(
        'Error: Usr.query: NameE'
    )


def test_in_a_terminal_no_line_is_broken(filled: Shop) -> None:
    seen = filled.seen('explain', QUERY, 'shop.models', columns=40)
    assert any(len(line) > 40 for line in seen.splitlines())
