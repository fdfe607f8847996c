"""What is printed, for programs and for people."""

import sys

import pytest

from rom.cli import output


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, 'is_terminal', lambda stream: True)
    monkeypatch.setenv('COLUMNS', '60')
    output._console.cache_clear()


def show() -> None:
    output.heading('Users')
    output.row('model', 'User', 1234)
    rows = [('a\tb', 1234, None), ('née', output.Size(2_500_000), output.Estimate(output.Size(10)))]
    output.table('thing', ('name', '>count', '>size'), rows, ['User'])
    output.gap()
    output.table('none', ('name',), [])
    output.line('done', 1234)
    output.facts({'a': 1, 'bcd': 2000})
    output.text('x' * 70)


def test_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    show()
    assert capsys.readouterr().out == (
        'model\tUser\t1234\n'
        'thing\tUser\ta\\tb\t1234\t\n'
        'thing\tUser\tnée\t2500000\t10\n'
        'done\t1234\na\t1\nbcd\t2000\n' + 'x' * 70 + '\n'
    )


def test_for_people(capsys: pytest.CaptureFixture[str], terminal: None) -> None:
    show()
    shown = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert shown == [
        'Users',
        '  name   count   size',
        '  a\\tb   1,234',
        '  née   2.5 MB  ~10 B',
        '',
        'done  1,234',
        'a    1',
        'bcd  2,000',
        'x' * 70,
    ]
    output._console.cache_clear()


def test_json_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    output.as_json({'a': ['é', None]})
    assert capsys.readouterr().out == '{\n  "a": [\n    "é",\n    null\n  ]\n}\n'


def test_notes_go_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    output._console.cache_clear()
    output.note('[bold]as it is[/bold] :smile: ' + 'x' * 200)
    told = capsys.readouterr()
    assert told.out == ''
    assert told.err == '[bold]as it is[/bold] :smile: ' + 'x' * 200 + '\n'
    output._console.cache_clear()
    assert not output.is_terminal(sys.stdout)
