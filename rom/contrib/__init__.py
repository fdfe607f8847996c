"""Web frameworks: a session for each request. Each has a module of its own, to be imported by it.

`rom.contrib.flask`, `rom.contrib.django` and `rom.contrib.asgi` (Starlette, FastAPI) are thin; what
happens to a request is told in `rom.contrib.unit`.
"""
