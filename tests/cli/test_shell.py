"""`rom shell`: -c, a pipe, and a terminal."""

import importlib.util

import pytest

from tests.cli.conftest import Shop

pytestmark = pytest.mark.one_server


def test_a_program(filled: Shop) -> None:
    program = 'User.get(3).age = 99; session.commit(); print(User.query.filter(age=99).ids())'
    assert filled.fine('shell', 'shop.models', '-c', program) == '[3]\n'


def test_piped_in(filled: Shop) -> None:
    program = 'for team in Team.query:\n    print(team.name, rom.__name__)\n'
    assert filled.fine('shell', 'shop.models', input=program) == 'one rom\n'


def test_its_errors_are_its_own(shop: Shop) -> None:
    ran = shop.run('shell', '-c', 'print(1)\n1 / 0')
    assert (ran.returncode, ran.stdout) == (1, '1\n')
    assert ran.stderr == (
        'Traceback (most recent call last):\n  File "<CODE>", line 2, in <module>\n'
        'ZeroDivisionError: division by zero\n'
    )
    ran = shop.run('shell', input='a b')
    assert (ran.returncode, ran.stderr.splitlines()[-1]) == (1, 'SyntaxError: invalid syntax')
    assert 'cli' not in ran.stderr
    assert shop.run('shell', '-c', 'raise SystemExit(7)').returncode == 7


def test_python_in_a_terminal(filled: Shop) -> None:
    typed = 'len(Team.query.all()) + 41\nexit()\n'
    seen = filled.seen('shell', 'shop.models', '--plain', typed=typed)
    assert 'models   User, Team, Login' in seen
    assert 'names    rom, session, datetime, decimal' in seen
    assert f'{filled.url.replace("unix://", "unix:")}' in seen
    assert '\n42\n' in seen


@pytest.mark.skipif(importlib.util.find_spec('IPython') is None, reason='IPython is not installed')
def test_ipython_in_a_terminal(filled: Shop) -> None:
    seen = filled.seen(
        'shell', 'shop.models', typed='len(Team.query.all()) + 41\nexit\n', prompt='In ['
    )
    assert 'models   User, Team, Login' in seen
    assert '42' in seen
