"""docs/howto/cluster.rst: its commands, carried out to the letter. (The page runs as well.)"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import redis

import rom
from tests.support.cluster import Cluster
from tests.support.pages import DOCS, blocks
from tests.support.servers import Server

PAGE = DOCS / 'howto' / 'cluster.rst'
DUMP, LOAD = (block.commands for block in blocks(PAGE) if block.language == 'console')
SINGLE, NODE = 'redis://10.0.0.9:6379/0', 'redis+cluster://10.0.0.1:6379'
MODELS = """
import rom

class User(rom.Model):
    _namespace = 'user'
    email = rom.Text(required=True, unique=True)

class Order(rom.Model):
    _namespace = 'order'
    user = rom.ManyToOne('User', on_delete='cascade')
    total = rom.Integer(index=True)
"""

pytestmark = [pytest.mark.slow, pytest.mark.one_server]


def run(command: str, folder: Path, **addresses: str) -> str:
    """Run a command of the page, with the addresses of the servers that there are here."""
    words = shlex.split(
        command.replace(SINGLE, addresses['single']).replace(NODE, addresses['node'])
    )
    assert words[0] == 'rom'
    ran = subprocess.run(
        [sys.executable, '-m', 'rom.cli', *words[1:]],
        cwd=folder,
        env={**os.environ, 'PYTHONPATH': str(DOCS.parent)},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_from_a_single_server_to_a_cluster(
    tmp_path: Path, server: Server, client: redis.Redis, cluster: Cluster
) -> None:
    (tmp_path / 'shop').mkdir()
    models = tmp_path / 'shop' / 'models.py'
    models.write_text(MODELS)
    fill = (
        'import rom, shop.models as m; '
        "users = [m.User(email=f'{n}@example.org') for n in range(50)]; "
        'orders = [m.Order(user=users[n % 7], total=n) for n in range(100)]; '
        'rom.session.commit(); users[3].delete()'
    )
    single = f'unix://{server.socket}'
    subprocess.run(
        [sys.executable, '-c', fill],
        check=True,
        cwd=tmp_path,
        env={**os.environ, 'PYTHONPATH': str(DOCS.parent), 'ROM_REDIS_URI': single},
    )
    node = 'redis+cluster://' + ':'.join(map(str, cluster.startup[0]))
    for command in DUMP:
        run(command, tmp_path, single=single, node=node)
    models.write_text(MODELS.replace("'user'", "'{shop}user'").replace("'order'", "'{shop}order'"))
    for command in LOAD:
        run(command, tmp_path, single=single, node=node)

    class User(rom.Model):
        _namespace = '{shop}user'
        email = rom.Text(required=True, unique=True)

    class Order(rom.Model):
        _namespace = '{shop}order'
        user = rom.ManyToOne('User', on_delete='cascade')
        total = rom.Integer(index=True)

    with rom.Session(rom.connect(node)) as session:
        assert session.count(User.query) == 49
        assert session.get_by(User, email='7@example.org').id == 8
        orders = session.all(Order.query.filter(user=session.get(User, 1)).order_by('total'))
        assert [order.total for order in orders] == list(range(0, 100, 7))
        assert session.count(Order.query) == 100 - len(range(3, 100, 7))
