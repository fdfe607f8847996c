"""docs/howto/command-line.rst: each command in it is run, and prints what it says."""

import doctest
import re
import subprocess

import pytest

from rom.cli import errors
from tests.cli.conftest import ROOT, Shop

pytestmark = pytest.mark.one_server

DOCUMENT = (ROOT / 'docs/howto/command-line.rst').read_text()


def test_commands(shop: Shop) -> None:
    for name, rest in ('models', ' is'), ('migrations', ''), ('sharded', ' is'):
        file = re.search(rf'``shop/{name}\.py``{rest}::\n\n((?:    .*\n|\n)+)', DOCUMENT)
        assert file is not None
        (shop.folder / 'shop' / f'{name}.py').write_text(
            ''.join(line[4:] for line in file[1].splitlines(keepends=True))
        )
    shop.write('rom', '#!/bin/sh\nexec ' + ' '.join(shop.command()) + ' "$@"\n').chmod(0o755)
    found = re.findall(r'^    \$ (.*)\n((?:    (?!\$ ).+\n)*)', DOCUMENT, re.MULTILINE)
    assert len(found) >= 9
    for command, expected in found:
        ran = subprocess.run(
            command,
            shell=True,
            cwd=shop.folder,
            env={**shop.environment, 'PATH': f'{shop.folder}:{shop.environment["PATH"]}'},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert ran.returncode == 0, (command, ran.stdout)
        told = ''.join(line[4:] for line in expected.splitlines(keepends=True))
        assert doctest.OutputChecker().check_output(told, ran.stdout, doctest.ELLIPSIS), (
            f'{command}\n{ran.stdout}'
        )


def test_the_exit_codes_are_told_as_they_are() -> None:
    told = (errors.__doc__ or '').replace('`rom', '``rom').replace('check`', 'check``')
    table = told[told.index('=====') :].replace('status`', 'status``').rstrip()
    assert table in DOCUMENT


def test_every_command_is_in_it() -> None:
    from rom.cli.app import COMMANDS

    for command in COMMANDS:
        assert command.__name__ == 'demo' or f'``rom {command.__name__}``' in DOCUMENT
