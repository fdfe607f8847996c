"""Every command of `rom` on a cluster."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import rom
from rom._core.drivers import connections
from rom.cli.app import app
from tests.support.cluster import Cluster

MODELS = """
import rom

class Place(rom.Model):
    _namespace = '{clicluster}place'
    name = rom.Text(unique=True, index=True, prefix=True, keygen=rom.FULL_TEXT)
    size = rom.Integer(index=True)
    notes = rom.UnsafeColumn()

class ClusterTicket(rom.Model):
    _namespace = '{clielsewhere}ticket'
    number = rom.Integer(unique=True)
    until = rom.ExpireAt()
"""


@pytest.fixture
def url(tmp_path: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    (tmp_path / 'clicluster.py').write_text(MODELS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(connections, '_provider', None)
    nodes = ','.join(f'{host}:{port}' for host, port in cluster.startup)
    yield f'redis+cluster://{nodes}'
    rom.util.CONNECTION = None


def run(url: str, *arguments: str, **more: Any) -> tuple[int, str]:
    command, *rest = arguments
    ran = CliRunner().invoke(app, (command, '--url', url, *rest), **more)
    return ran.exit_code, ran.stdout


def test_every_command(url: str, cluster: Cluster) -> None:
    rom.util.CONNECTION = rom.connect(url)
    import clicluster as shop  # type: ignore[import-not-found]

    places = [shop.Place(name=f'a place {number}', size=number) for number in range(30)]
    rom.session.commit()
    places[0].notes.set('a note')
    tickets = [shop.ClusterTicket(number=number) for number in range(5)]
    tickets[0].until = 1
    rom.session.commit()
    rom.session.rollback()

    models = 'clicluster:Place', 'clicluster:ClusterTicket'
    code, told = run(url, 'models', *models)
    assert code == 0
    assert 'index\tPlace\trows\t\t30' in told and 'index\tClusterTicket\trows\t\t5' in told
    assert run(url, 'status', *models) == (
        0,
        'status\tPlace\tright\t\t\nstatus\tClusterTicket\tright\t\t\n',
    )
    owner = cluster.owner('{clicluster}').client
    owner.delete('{clicluster}place:size:idx')
    assert run(url, 'check', *models)[0] == 1
    assert run(url, 'check', '--repair', *models)[0] == 1
    assert run(url, 'check', *models)[0] == 0
    owner.delete('{clicluster}place:size:idx')
    assert run(url, 'reindex', *models)[0] == 0
    assert run(url, 'check', *models)[0] == 0
    assert run(url, 'expire', 'clicluster:ClusterTicket') == (0, 'expired\tClusterTicket\t1\n')
    code, dumped = run(url, 'dump', *models)
    assert (code, len(dumped.splitlines())) == (0, 34)
    assert json.loads(dumped.splitlines()[0])['columns']['name'] == 'a place 0'
    cluster.flush()
    code, told = run(url, 'load', *models, input=dumped)
    assert (code, told.splitlines()[0]) == (0, 'inserted\t34')
    assert run(url, 'check', *models)[0] == 0
    code, told = run(url, 'explain', 'Place.query.filter(size=(3, 5))', *models)
    assert (code, 'size' in told) == (0, True)
