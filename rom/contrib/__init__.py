"""Integrations with web frameworks: a session for each request.

Import the module of your framework: `rom.contrib.flask`, `rom.contrib.django` or
`rom.contrib.asgi` (Starlette, FastAPI). `rom.contrib.request_scope` has the life cycle that they
share.
"""

from __future__ import annotations


def not_installed(module: str, framework: str, install: str) -> ImportError:
    """Return the error for a rom module whose framework is missing."""
    return ImportError(f'{module} needs {framework}, which is not installed: pip install {install}')
