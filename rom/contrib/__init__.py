"""Integrations with web frameworks: a session for each request.

Import the module of your framework: `rom.contrib.flask`, `rom.contrib.django` or
`rom.contrib.asgi` (Starlette, FastAPI). `rom.contrib.request_scope` has the life cycle that they
share.
"""
