"""Python on the pages that is neither a doctest nor a file: each block is run, as it stands."""

from __future__ import annotations

import asyncio
import enum
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from celery import Celery
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from flask import Flask

import rom
from tests.support.pages import DOCS, blocks
from tests.support.servers import Server

pytestmark = pytest.mark.one_server

# A program that connects: its blocks, then the client that each of the front ends has.
CONNECTING = ('howto/getting-started-rom-1x', 'howto/tls-and-authentication', 'repocket/tutorial')
SHOW = """
import rom.repocket
for client in (rom.util.get_connection(), rom.repocket.configure.get_connection()):
    options = client.get_connection_kwargs()
    print(options['host'], options['db'], options.get('username'), sep=' ')
"""


def python_of(page: str) -> list[str]:
    found = blocks(DOCS / f'{page}.rst')
    return [block.text for block in found if block.language == 'python' and not block.caption]


def run(page: str, number: int = 0, **names: Any) -> dict[str, Any]:
    """Run a block, with these names; return all names that it leaves."""
    exec(compile(python_of(page)[number], page, 'exec'), names)
    return names


def in_celery(page: str, task: str, model: Any) -> None:
    app = Celery()
    names = run(page, app=app, rom=rom, **model)
    names[task].apply((1,), throw=True)
    rom.session.rollback()


def sessions(server: Server) -> None:
    class Player(rom.Model):
        score = rom.Integer(default=0)

    Player().save()
    in_celery('howto/sessions', 'win', {'Player': Player})
    assert Player.get(1).score == 1


def faq(server: Server) -> None:
    class Task(rom.Model):
        state = rom.Text(default='open')

    class State(enum.StrEnum):
        DONE = 'done'

    Task().save()
    in_celery('howto/faq', 'finish', {'Task': Task, 'State': State})
    assert Task.get(1).state == 'done'


class BlockTicket(rom.Model):
    _namespace = 'CodeBlockTicket'
    priority = rom.Integer(index=True)


def untrusted_input(server: Server) -> None:
    app, flask = FastAPI(), Flask('app')
    run(
        'howto/values-from-outside', 0, app=app, rom=rom, Request=Request, JSONResponse=JSONResponse
    )
    run('howto/values-from-outside', 1, app=flask, rom=rom)

    @app.get('/')
    async def ask(priority: str) -> int:
        async with rom.AsyncSession() as session:
            return await session.count(BlockTicket.query.filter(priority=priority))

    @flask.get('/')
    def ask_flask() -> str:
        return str(BlockTicket.query.filter(priority='high').count())

    async def request() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url='http://tickets') as client:
            return await client.get('/', params={'priority': 'high'})

    for response in (asyncio.run(request()), flask.test_client().get('/')):
        assert response.status_code == 422
        assert b'expected an int' in (getattr(response, 'content', None) or response.data)


def rom_1x(server: Server) -> None:
    model = run('howto/coming-from-rom-1x', rom=rom)['User']
    model().save()
    with server.connect() as raw:
        assert raw.exists('User:1')


def renamed_column(server: Server) -> None:
    """A row that the model wrote under the old name is found under the new one."""

    class User(rom.Model):
        mail = rom.Text(unique=True)

    User(mail='ann@example.org').save()
    del rom.MODELS['User']
    model = run('reference/columns', rom=rom)['User']
    assert model.get_by(email='ann@example.org').id == 1


def repocket(server: Server) -> None:
    """The second line replaces the first one."""
    before, after = python_of('repocket/coming-from-repocket')[0].splitlines()
    assert before.replace('repocket', 'rom.repocket').split('#')[0].split() == after.split()[:-2]
    names: dict[str, Any] = {}
    exec(after, names)
    assert names['ActiveRecord'] is not None


def annotations(server: Server) -> None:
    """The related model is defined later; the type checkers find each wrong line."""
    Member = run('howto/annotations')['Member']

    class Team(rom.Model):
        pass

    team = Team()
    assert Member(team=team).team_id is None, 'not saved'
    team.save()
    assert Member(team=team).team_id == team.id
    assert Member(team=7).team_id == 7
    rom.session.rollback()
    checked = (DOCS.parent / 'tests/typing/annotations_page.py').read_text().splitlines()
    wrong = [line.split('#')[0].strip() for line in checked if line.endswith('# wrong')]
    shown = python_of('howto/annotations')[1].splitlines()
    assert [line.split('#')[0].strip() for line in shown if line] == wrong


RUN: dict[str, Callable[[Server], None]] = {
    'howto/annotations': annotations,
    'howto/sessions': sessions,
    'howto/faq': faq,
    'howto/values-from-outside': untrusted_input,
    'howto/coming-from-rom-1x': rom_1x,
    'repocket/coming-from-repocket': repocket,
    'reference/columns': renamed_column,
}


def test_every_block_is_run_here() -> None:
    pages = (str(page.relative_to(DOCS).with_suffix('')) for page in DOCS.rglob('*.rst'))
    assert {page for page in pages if python_of(page)} == {*RUN, *CONNECTING}


@pytest.mark.parametrize('page', RUN)
def test_the_block_does_what_the_page_describes(page: str, server: Server) -> None:
    with server.connect() as client:
        rom.util.CONNECTION = client
        RUN[page](server)


def test_blocks_that_connect() -> None:
    """No server is needed, because no request is sent."""
    program = '\n'.join(text for page in CONNECTING for text in python_of(page))
    done = subprocess.run(
        [sys.executable, '-c', f'import rom\n{program}\n{SHOW}'], capture_output=True, text=True
    )
    assert done.stdout.splitlines() == ['localhost 0 shop', 'localhost 0 None'], done.stderr


def test_commands_of_rom_are_those_that_are_run() -> None:
    """tests/cli/test_document.py runs those of the page about the command line.

    test_cluster.py runs those of the page about clusters.
    """
    tested = (DOCS / 'howto/command-line.rst').read_text('utf-8')
    others = ('command-line.rst', 'cluster.rst')
    pages = [page for page in DOCS.rglob('*.rst') if page.name not in others]
    commands = [c for page in pages for block in blocks(page) for c in block.commands]
    found = [command for command in commands if command.startswith('rom ')]
    assert found
    assert [command for command in found if f'    $ {command}\n' not in tested] == []
