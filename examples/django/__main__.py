"""Entry point of `python -m examples.django`."""

from __future__ import annotations

import socket
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application

from examples.shortener.starting import HOST, start


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None: ...


def serve(listening: socket.socket) -> None:
    settings.configure(
        ALLOWED_HOSTS=[HOST, 'localhost'],
        MIDDLEWARE=[
            'examples.django.views.Conflicts',
            'django.middleware.security.SecurityMiddleware',
            'django.middleware.common.CommonMiddleware',
        ],
        ROOT_URLCONF='examples.django.views',
        APPEND_SLASH=False,
    )
    django.setup()
    server = Server((HOST, 0), Quiet, bind_and_activate=False)
    server.socket.close()
    server.socket = listening
    server.server_name, server.server_port = HOST, listening.getsockname()[1]
    server.setup_environ()
    server.set_app(get_wsgi_application())
    server.serve_forever()


if __name__ == '__main__':
    start('Django', 8002, serve)
