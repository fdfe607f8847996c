"""Settings: what they are, and what is said of wrong ones."""

import re
from dataclasses import FrozenInstanceError
from typing import Any

import pytest
import redis
import redis.asyncio

import rom
from rom._core.drivers import connections
from rom.contrib.settings import Settings
from tests._core.drivers.test_urls import all_that_is_said
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
        {'conflicts': 400}, {'conflicts': None}, {'conflicts': 409.0}, {'client': 'redis://x'},
        {'client': redis.asyncio.Redis()}, {'async_client': redis.Redis()}, {'async_client': 1},
    ],
)  # fmt: skip
def test_a_wrong_value_is_named(wrong: dict[str, Any]) -> None:
    [(name, value)] = wrong.items()
    is_secret = name in ('url', 'client', 'async_client')
    shown = f'a {type(value).__name__}' if is_secret else repr(value)
    expected = re.escape(f'the rom setting {name}: expected ')
    with pytest.raises(rom.ORMError, match=f'{expected}.*, got {re.escape(shown)}'):
        Settings(**wrong)


def test_a_wrong_name_is_named_with_the_right_ones() -> None:
    with pytest.raises(rom.ORMError, match=r"settings\.ROM: expected one of URL, .*got 'COMIT'"):
        Settings.of({'COMIT': True}, 'settings.ROM')
    with pytest.raises(rom.ORMError, match=r'settings\.ROM: expected a dict .* a bool'):
        Settings.of(True, 'settings.ROM')  # type: ignore[arg-type]


def test_names_of_either_case() -> None:
    assert Settings.of({'COMMIT': False}, 'x') == Settings.of({'commit': False}, 'x')


@pytest.mark.one_server
def test_the_server_is_connected_to_once(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, '_default', None)
    url = f'unix://{server.socket}'
    Settings(url=url).connect()
    first = connections.default()
    assert first.connection_pool.connection_kwargs['path'] == server.socket
    Settings(url=url).connect()
    assert connections.default() is first
    # Somebody has said something else since.
    other = rom.connect(url)
    assert connections.default() is other is not first
    Settings(url=url).connect()
    assert connections.default() is first
    Settings().connect()
    assert connections.default() is first
    first.close()


def test_a_url_of_no_kind() -> None:
    with pytest.raises(rom.ORMError, match='does not begin with one of redis://'):
        Settings(url='gopher://x').connect()


SECRET = 'zq9vjx7kwy'


@pytest.mark.parametrize(
    'given',
    [
        {'url': f'redis://:{SECRET}@x'.encode()},
        {'url': [f'redis://:{SECRET}@x']},
        {'url': f'redis://:{SECRET}@x', 'commit': 'no'},
        {'url': f'redis://:{SECRET}@x', 'what': 1},
        {'client': f'redis://:{SECRET}@x'},
        {'client': redis.asyncio.Redis(password=SECRET)},
        {'async_client': redis.Redis(password=SECRET)},
        {'client': redis.Redis(password=SECRET), 'url': f'redis://:{SECRET}@x'},
        f'redis://:{SECRET}@localhost',
    ],
)
def test_no_password_is_said(given: Any) -> None:
    with pytest.raises(rom.ORMError) as caught:
        Settings.of(given, 'settings.ROM')
    assert SECRET not in all_that_is_said(caught.value)


def test_settings_show_no_password() -> None:
    shown = repr(Settings(url=f'redis://:{SECRET}@x')), repr(Settings(client=lambda: SECRET))
    assert SECRET not in str(shown)


def test_functions_that_make_no_client() -> None:
    for made in (f'redis://:{SECRET}@x', redis.asyncio.Redis(password=SECRET), None):
        with pytest.raises(rom.ORMError, match=r'setting client: expected .* got a ') as caught:
            assert Settings(client=lambda found=made: found).own
        assert SECRET not in all_that_is_said(caught.value)
