"""Entry point of `python -m examples.fastapi`."""

from __future__ import annotations

import socket

import uvicorn

from examples.fastapi.app import app
from examples.shortener.starting import start


def serve(listening: socket.socket) -> None:
    uvicorn.Server(uvicorn.Config(app, log_level='warning')).run([listening])


if __name__ == '__main__':
    start('FastAPI', 8003, serve)
