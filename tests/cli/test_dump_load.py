"""`rom dump` and `rom load` as programs: through pipes and files, stopped, killed, and gone on."""

import json
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
import redis

from rom._core.embedded.server import open_server
from rom._core.ops.import_rows import CHOICES
from rom.cli.load import OnConflict
from tests.cli.conftest import Shop
from tests.support.patience import PATIENCE, eventually
from tests.support.servers import dump, without_notes

pytestmark = pytest.mark.one_server

MANY = 4000


def lines(count: int, first: int = 1) -> str:
    return ''.join(
        json.dumps(
            {'model': 'User', 'id': n, 'columns': {'email': f'u{n}', 'age': n, 'bio': 'some words'}}
        )
        + '\n'
        for n in range(first, first + count)
    )


def wait_for(path: Path, size: int, program: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and program.poll() is None:
        if path.exists() and path.stat().st_size > size:
            return
        time.sleep(0.002)
    pytest.fail(f'it wrote nothing: {program.communicate()}')


def test_out_and_in_again(filled: Shop) -> None:
    ran = filled.run('dump', 'shop.models', '--with-expired')
    assert ran.stderr.splitlines() == [
        'User: the data of its UnsafeColumns (visits) is left out.',
        'Dumped 26 rows.',
    ]
    before = without_notes(dump(filled.raw))
    before[b'Login:token:uidx'] = {b't3': b'4', b't4': b'5'}  # what has expired claims none
    filled.raw.flushdb()
    out = filled.fine('load', 'shop.models', input=ran.stdout)
    assert out == 'inserted\t26\nupdated\t0\nunchanged\t0\nskipped\t0\n'
    assert without_notes(dump(filled.raw)) == before
    path = filled.write('dump.jsonl', ran.stdout)
    again = filled.fine('load', 'shop.models', '--from', str(path), '--json')
    assert json.loads(again) == {
        'line': 26, 'inserted': 0, 'updated': 0, 'unchanged': 26, 'skipped': 0,
    }  # fmt: skip


def test_the_ways_are_those_of_the_library() -> None:
    assert tuple(way.value for way in OnConflict) == CHOICES


def test_dump_to_a_file_stopped_and_resumed(shop: Shop) -> None:
    shop.fine('load', 'shop.models', input=lines(MANY))
    whole = shop.fine('dump', 'shop.models:User')
    path = shop.folder / 'dump.jsonl'
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)):
        resume = ['--resume'] if path.exists() else []
        program = shop.start('dump', 'shop.models:User', '--to', str(path), *resume)
        wait_for(path, path.stat().st_size if path.exists() else 0, program)
        program.send_signal(number)
        out, errors = program.communicate(timeout=PATIENCE)
        if program.returncode == 0:
            continue  # it was faster
        assert (program.returncode, out) == (code, '')
        if code > 0:
            assert 'The same command with --resume continues after it.' in errors
            assert path.read_bytes() == whole.encode()[: path.stat().st_size]
    assert b'\n' in path.read_bytes()
    path.write_bytes(path.read_bytes() + b'{"model": "Us')
    shop.fine('dump', 'shop.models:User', '--to', str(path), '--resume')
    assert path.read_text() == whole


def test_load_stopped_killed_and_gone_on(shop: Shop) -> None:
    path = shop.write('users.jsonl', lines(MANY))
    arguments = ['load', 'shop.models:User', '--from', str(path), '--batch', '50']
    program = shop.start(*arguments)
    while program.poll() is None and shop.raw.hlen('users:email:uidx') < 200:
        time.sleep(0.002)
    program.send_signal(signal.SIGINT)
    _, errors = program.communicate(timeout=PATIENCE)
    assert program.returncode == 130, errors
    count = shop.raw.hlen('users:email:uidx')
    assert count % 50 == 0 and 200 <= count < MANY
    assert errors.splitlines()[-1] == (
        f'Stopped; nothing is half done. All lines up to {count} are loaded; --from-line '
        f'{count + 1} continues after them.'
    )
    assert shop.raw.get('users:id:') == b'%d' % MANY  # reserved

    program = shop.start(*arguments, '--from-line', str(count + 1), '--on-conflict', 'fail')
    while program.poll() is None and shop.raw.hlen('users:email:uidx') < count + 200:
        time.sleep(0.002)
    program.kill()
    program.communicate()
    killed = shop.raw.hlen('users:email:uidx')
    assert killed % 50 == 0 and count < killed < MANY

    out = json.loads(shop.fine(*arguments, '--json'))
    assert (out['line'], out['inserted'], out['unchanged']) == (MANY, MANY - killed, killed)
    assert shop.raw.hlen('users:email:uidx') == shop.raw.bitcount('users:id:live') == MANY
    assert shop.raw.zcard('users:age:idx') == MANY


def test_bad_lines(shop: Shop) -> None:
    text = lines(3) + 'nonsense\n' + lines(1, 5).replace('"age": 5', '"age": "x"') + lines(2, 6)
    said = shop.wrong(1, 'load', 'shop.models', '--batch', '3', input=text)
    assert said.splitlines() == [
        'line 4: invalid JSON at character 1: nonsense; expected a line like {"model": ..., '
        '"id": ..., "columns": {...}}',
        'line 5: User.age: expected an integer or null, got "x"',
        'Nothing of their batch was written. All lines up to 3 are loaded; --from-line 4 '
        'continues after them.',
    ]
    assert shop.raw.hlen('users:email:uidx') == 3


def test_what_is_there_already(filled: Shop) -> None:
    said = filled.wrong(1, 'load', 'shop.models', '--on-conflict', 'fail', input=lines(1, 20))
    assert said.startswith('line 1: User 20: expected an unused id, but the row exists; replace')
    assert said.endswith('No line is loaded.\n')


@pytest.mark.parametrize(
    ('arguments', 'what'),
    [
        (
            ['dump', 'shop.models', '--resume'],
            '--resume: expected a file to continue; name it with --to',
        ),
        (
            ['dump', 'shop.models', '--to', 'there'],
            'there: expected a new file, but it exists; continue it with --resume',
        ),
        (
            ['dump', 'shop.models', '--to', 'there', '--resume'],
            'there: expected a dump, got a last line',
        ),
        (
            ['dump', 'shop.models', '--to', 'nowhere/there'],
            'nowhere/there cannot be written: No such file or',
        ),
        (
            ['dump', 'shop.models', '--to', 'nowhere/there', '--resume'],
            'nowhere/there cannot be written: No such file or',
        ),
        (
            ['dump', 'shop.models', '--to', '.', '--resume'],
            '. cannot be written: Is a directory',
        ),
        (['load', 'shop.models', '--from', 'nowhere'], 'nowhere cannot be read: No such file or'),
        (
            ['load', 'shop.models', '--on-conflict', 'merge'],
            "'merge' is not one of 'update', 'repl",
        ),
    ],
)
def test_mistakes(shop: Shop, arguments: list[str], what: str) -> None:
    there = shop.write('there', 'my notes')
    assert what in shop.wrong(2, *arguments)
    assert there.read_text() == 'my notes'


def test_a_row_that_cannot_be_read(filled: Shop) -> None:
    filled.raw.hset('users:7', 'age', 'many')
    ran = filled.run('dump', 'shop.models:User')
    assert ran.returncode == 1
    assert len(ran.stdout.splitlines()) == 19
    message = "users:7, column 'age': the stored b'many' is not a valid Integer"
    assert f'Left out: {message}' in ran.stderr
    assert ran.stderr.endswith('Dumped 19 rows; 1 could not be read, and are left out.\n')


def test_a_pipe_that_closes(shop: Shop) -> None:
    shop.fine('load', 'shop.models', input=lines(2000))
    program = shop.start('dump', 'shop.models:User')
    assert program.stdout is not None and program.stderr is not None
    assert program.stdout.readline().startswith('{"model": "User", "id": 1,')
    program.stdout.close()
    assert program.wait(PATIENCE) == 1
    with program.stderr:
        assert 'Error' not in program.stderr.read()


def test_in_a_terminal_there_is_a_bar(shop: Shop) -> None:
    path = shop.write('users.jsonl', lines(1000))
    seen = shop.seen('load', 'shop.models', '--from', str(path))
    assert 'Loading users.jsonl' in seen and 'bytes' in seen
    assert 'inserted   1,000' in seen
    seen = shop.seen('dump', 'shop.models:User', '--to', str(shop.folder / 'again'))
    assert 'Dumping User' in seen and 'of 1,000 ids' in seen


def test_a_server_that_hangs(shop: Shop) -> None:
    """Nobody waits for it after a second signal; what is in for certain is told."""
    with open_server() as server, redis.Redis(unix_socket_path=str(server.socket)) as client:
        url = f'unix://{server.socket}'
        load = shop.start(
            'load', 'shop.models', '--batch', '20', '--url', url, stdin=subprocess.PIPE
        )
        assert load.stdin is not None and load.stderr is not None
        load.stdin.write(lines(200))
        load.stdin.flush()
        eventually(lambda: client.hlen('users:email:uidx') >= 100)
        client.execute_command('CLIENT', 'PAUSE', 60_000, 'WRITE')
        load.stdin.write(lines(200, 201))
        load.stdin.flush()
        eventually(lambda: any('b' in one['flags'] for one in client.client_list()))
        load.send_signal(signal.SIGINT)
        assert 'once more: at once' in load.stderr.readline()
        load.send_signal(signal.SIGINT)
        _, errors = load.communicate(timeout=PATIENCE)
    assert load.returncode == 130
    found = re.search(r'All lines up to (\d+) are loaded; --from-line (\d+)', errors)
    assert found is not None and int(found[2]) == int(found[1]) + 1 and int(found[1]) % 20 == 0


@pytest.mark.skipif(not Path('/dev/full').exists(), reason='there is no /dev/full')
def test_a_full_disk(filled: Shop) -> None:
    with open('/dev/full', 'wb') as full:
        program = subprocess.run(
            filled.command('dump', 'shop.models:Team'),
            cwd=filled.folder,
            env=filled.environment,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert program.returncode == 1
    assert program.stderr == 'Error: [Errno 28] No space left on device\n'
