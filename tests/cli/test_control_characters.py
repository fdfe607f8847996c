"""What anybody may have stored never reaches a terminal as it is."""

from __future__ import annotations

import pytest
import redis

from rom.cli.output import cell, safe
from tests.cli.conftest import Shop

pytestmark = pytest.mark.one_server

EVIL = '\x1b]0;owned\x07\x1b[2J\x9b31m\u202e\r'


def test_escapes() -> None:
    assert safe(EVIL).isprintable()
    assert safe('a\nb €') == 'a\nb €'
    assert cell('a\n' + EVIL).isprintable()


def is_clean(text: str) -> bool:
    """Whether there is nothing but what the command itself colours with."""
    return not any(evil in text for evil in ('\x1b]0', '\x07', '\x1b[2J', '\x9b', '\u202e'))


@pytest.mark.parametrize('command', [('check',), ('status',), ('models',), ('check', '--repair')])
@pytest.mark.parametrize('on_terminal', [False, True])
def test_commands(
    filled: Shop, raw: redis.Redis, command: tuple[str, ...], on_terminal: bool
) -> None:
    evil = EVIL.encode()
    raw.sadd(b'users:bio:' + evil + b':idx', 1, 999, evil)
    raw.zadd(b'users:email:pre', {evil + b'\0' + b'77': 1.0, evil: 2.0})
    raw.hset('users:email:uidx', evil, evil)
    raw.hset('users:1', 'age', evil)
    raw.hset(b'users:' + evil, 'age', 1)
    raw.set('users:id:indexes', b'{"' + evil + b'": "x", "a": "\\u001b[2J\\u202e"}')
    if on_terminal:
        text = filled.seen(*command, 'shop.models', codes=(0, 1))
    else:
        ran = filled.run(*command, 'shop.models')
        text = ran.stdout + ran.stderr
    assert text.strip()
    assert is_clean(text)


def test_a_refused_line(filled: Shop) -> None:
    name = '\\u001b[2J\\u009b\\u202e'
    line = f'{{"model": "users", "id": 50, "columns": {{"email": "a", "{name}": 1}}}}'
    filled.write('evil.jsonl', line + '\n')
    ran = filled.run('load', 'evil.jsonl', 'shop.models')
    assert ran.returncode and ran.stderr
    assert is_clean(ran.stdout + ran.stderr)
