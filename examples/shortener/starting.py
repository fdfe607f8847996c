"""Start of an example: options, data server, port."""

from __future__ import annotations

import argparse
import errno
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import rom

HOST = '127.0.0.1'

#: Serve on a listening socket until Ctrl-C.
Serve = Callable[[socket.socket], None]


def start(framework: str, port: int, serve: Serve) -> None:
    """Run an example until Ctrl-C.

    Args:
        framework: the name for messages; in lower case, the folder.
        port: the default port.
        serve: the function that serves on a socket.
    """
    folder = framework.lower()
    parser = argparse.ArgumentParser(
        prog=f'examples/{folder}/run', description=f'A URL shortener, with {framework} and rom.'
    )
    parser.add_argument(
        '--port', type=_port, default=port, help='where to listen; 0: any (default: %(default)s)'
    )
    parser.add_argument(
        '--keep',
        metavar='PATH',
        help='keep the links in this folder; without it they are deleted',
    )
    given = parser.parse_args()
    data = 'embedded:' if given.keep is None else f'embedded:{Path(given.keep).absolute()}'
    with _listening(parser.prog, given.port) as listening:
        address = f'http://{HOST}:{listening.getsockname()[1]}/'
        try:
            # Before the address is printed, because the pages need the data.
            rom.connect(data).ping()
            print(f'The URL shortener ({framework}) is at {address}', flush=True)
            print('Ctrl-C ends it.', flush=True)
            serve(listening)
        except KeyboardInterrupt:
            pass
        except rom.ORMError as error:
            _refuse(parser.prog, str(error))
    print('\nIt has ended.', flush=True)


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f'expected a port from 0 to 65535, got {text!r}')
    return int(text)


def _listening(program: str, port: int) -> socket.socket:
    try:
        return socket.create_server((HOST, port), backlog=128)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            other = port + 1 if port < 65535 else port - 1
            _refuse(
                program,
                f'port {port} is taken, by another program or another run of this one. '
                f'Choose another: {program} --port {other}',
            )
        _refuse(program, f'cannot listen on port {port}: {error.strerror}. Choose another: --port')


def _refuse(program: str, reason: str) -> NoReturn:
    print(f'{program}: {reason}', file=sys.stderr)
    raise SystemExit(1)
