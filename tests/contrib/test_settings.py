"""Settings: what they are, and what is said of wrong ones."""

import re
from dataclasses import FrozenInstanceError
from typing import Any

import pytest

import rom
from rom.contrib.settings import Settings
from rom.drivers import connection
from tests.support.servers import Server


def test_the_default() -> None:
    settings = Settings()
    assert (settings.url, settings.commit, settings.conflicts) == (None, True, 409)
    assert [settings.is_success(status) for status in (200, 201, 302, 399)] == [True] * 4
    assert [settings.is_success(status) for status in (400, 404, 409, 500)] == [False] * 4
    with pytest.raises(FrozenInstanceError):
        settings.commit = False  # type: ignore[misc]


def test_without_commit_nothing_is_a_success() -> None:
    assert not Settings(commit=False).is_success(200)


def test_statuses_of_any_kind() -> None:
    for statuses in (range(200, 300), [200, 204], (200,), {200}, frozenset({200})):
        settings = Settings(commit_on=statuses)
        assert settings.is_success(200)
        assert not settings.is_success(302)


@pytest.mark.parametrize(
    'wrong',
    [
        {'url': 6379}, {'url': ''}, {'commit': 'no'}, {'commit': 1}, {'commit_on': 200},
        {'commit_on': '200'}, {'commit_on': [2]}, {'commit_on': ['200']}, {'conflicts': 'ignore'},
        {'conflicts': 400}, {'conflicts': None}, {'conflicts': 409.0},
    ],
)  # fmt: skip
def test_a_wrong_value_is_named(wrong: dict[str, Any]) -> None:
    [(name, value)] = wrong.items()
    with pytest.raises(rom.ORMError, match=re.escape(f'{name} of rom is {value!r}: it takes')):
        Settings(**wrong)


def test_a_wrong_name_is_named_with_the_right_ones() -> None:
    with pytest.raises(rom.ORMError, match=r"settings\.ROM has no 'COMIT'; there is URL, COMMIT, "):
        Settings.of({'COMIT': True}, 'settings.ROM')
    with pytest.raises(rom.ORMError, match=r'settings\.ROM is True: it takes a dict'):
        Settings.of(True, 'settings.ROM')  # type: ignore[arg-type]


def test_names_of_either_case() -> None:
    assert Settings.of({'COMMIT': False}, 'x') == Settings.of({'commit': False}, 'x')


@pytest.mark.one_server
def test_the_server_is_connected_to_once(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, '_default', None)
    url = f'unix://{server.socket}'
    Settings(url=url).connect()
    first = connection.default()
    assert first.connection_pool.connection_kwargs['path'] == server.socket
    Settings(url=url).connect()
    assert connection.default() is first
    # Somebody has said something else since.
    rom.connect(url)
    Settings(url=url).connect()
    assert connection.default() is not first
    last = connection.default()
    Settings().connect()
    assert connection.default() is last
    first.close()


def test_a_url_of_no_kind() -> None:
    with pytest.raises(rom.ORMError, match="'gopher://x' is no URL of a server"):
        Settings(url='gopher://x').connect()
