"""Entry point of `python -m examples.flask`."""

from __future__ import annotations

import logging
import socket

from werkzeug.serving import make_server

from examples.flask.app import app
from examples.shortener.starting import HOST, start


def serve(listening: socket.socket) -> None:
    logging.getLogger('werkzeug').setLevel(logging.WARNING)
    server = make_server(
        HOST, listening.getsockname()[1], app, threaded=True, fd=listening.fileno()
    )
    server.serve_forever()


if __name__ == '__main__':
    start('Flask', 8001, serve)
