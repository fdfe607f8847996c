"""docs/howto/tls-and-authentication.rst: its commands for TLS are run here literally."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.fleet import Process, ending, free_port
from tests.support.pages import DOCS, blocks
from tests.support.patience import PATIENCE

PAGE = DOCS / 'howto' / 'tls-and-authentication.rst'
PORT = '6380'

CONSOLES = [block for block in blocks(PAGE) if block.language == 'console']
(PREPARING,) = [block.commands for block in CONSOLES if 'openssl' in block.text]
((SERVING,),) = [block.commands for block in CONSOLES if 'redis-server' in block.text]
(PROGRAM,) = [block for block in blocks(PAGE) if block.caption == 'secure.py']


def with_tls() -> Path:
    found = shutil.which('redis-server')
    if found is None or shutil.which('openssl') is None:
        pytest.skip('there is no redis-server, or no openssl, on PATH')
    # Without certificates it does not start, and reports whether it lacks them.
    said = subprocess.run(
        [found, '--port', '0', '--tls-port', '1'], capture_output=True, text=True, timeout=PATIENCE
    )
    if 'tls-cert-file' not in said.stdout:
        pytest.skip(f'{found} was built without TLS')
    return Path(found)


@pytest.fixture(scope='module')
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, int]]:
    """The folder with the certificates, and the port of the server that has them."""
    binary = with_tls()
    folder = tmp_path_factory.mktemp('tls')
    for command in PREPARING:
        done = subprocess.run(command, shell=True, cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, f'{command}\n{done.stderr}'
    port = free_port()
    words = SERVING.replace(PORT, str(port)).split()[1:]
    files = {word: str(folder / word) for word in words if word.endswith(('.crt', '.key'))}
    words = [files.get(word, word) for word in words]
    settings = [f'{name[2:]} {value}' for name, value in zip(words[::2], words[1::2], strict=True)]
    server = Process(
        binary,
        tuple(settings),
        port=port,
        ssl=True,
        ssl_ca_certs=str(folder / 'ca.crt'),
        ssl_certfile=str(folder / 'client.crt'),
        ssl_keyfile=str(folder / 'client.key'),
    )
    with ending(server):
        yield folder, port


def run(folder: Path, port: int, text: str) -> subprocess.CompletedProcess[str]:
    (folder / PROGRAM.caption).write_text(text.replace(PORT, str(port)))
    root = str(DOCS.parent)
    return subprocess.run(
        [sys.executable, PROGRAM.caption],
        cwd=folder,
        env={'PYTHONPATH': root, 'PATH': '/usr/bin:/bin'},
        capture_output=True,
        text=True,
    )


def test_both_sessions_work_over_tls(place: tuple[Path, int]) -> None:
    done = run(*place, PROGRAM.text)
    assert (done.returncode, done.stdout) == (0, '1\n'), done.stderr


@pytest.mark.parametrize(
    ('missing', 'why'),
    [
        # The server hangs up; whether its reason arrives before that is a matter of luck.
        ('&ssl_certfile=client.crt&ssl_keyfile=client.key', 'no answer from Redis'),
        ('ssl_ca_certs=ca.crt&', 'certificate verify failed'),
    ],
)
def test_who_lacks_a_certificate_is_told_so(
    place: tuple[Path, int], missing: str, why: str
) -> None:
    assert missing in PROGRAM.text
    done = run(*place, PROGRAM.text.replace(missing, ''))
    assert done.returncode == 1
    assert 'rom.exceptions.ServerUnavailable' in done.stderr
    assert why in done.stderr
