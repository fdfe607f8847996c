"""A session for each request of an ASGI application: Starlette, FastAPI, and others.

::

    app = fastapi.FastAPI()
    app.add_middleware(RomMiddleware, url='redis://localhost')

    @app.post('/users', status_code=201)
    async def sign_up(name: str, session: RomSession) -> dict[str, str]:
        if await session.get_by(User, name=name) is not None:
            ...
        User(name=name)

`RomSession` is a FastAPI dependency. Starlette endpoints use ``request.state.rom_session``. Plain
functions, which run in a thread, use `rom.session`. The middleware commits the changes before it
sends the response, if its status is a success; see ``docs/howto/web-frameworks.rst``.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any, TypeAlias

from rom._core import session_context
from rom._core.sessions import AsyncSession
from rom.contrib import not_installed
from rom.contrib.conflict_responses import CONFLICTS, STATUS, conflict_body
from rom.contrib.request_scope import RequestScope
from rom.contrib.settings import Settings
from rom.exceptions import InvalidOperation, ORMError

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
ASGIApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

_KEY = 'rom.request_scope'


class RomMiddleware:
    """ASGI middleware that gives each HTTP request its sessions.

    Websockets and the lifespan get the application's client, but no session.

    Args:
        app: the application.
        **settings: the arguments of :class:`rom.contrib.settings.Settings`.

    Raises:
        ORMError: a setting is unknown or invalid.

    Example::

        app.add_middleware(RomMiddleware, url='redis://localhost', commit_on=range(200, 300))
    """

    def __init__(self, app: ASGIApp, /, **settings: Any) -> None:
        self.app = app
        self._settings = Settings.of(settings, 'RomMiddleware(...)')
        self._settings.connect()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope['type'] != 'http':
            with session_context.connected(self._settings.own):
                await self.app(scope, receive, send)
            return
        request_scope = scope[_KEY] = RequestScope(self._settings)
        scope.setdefault('state', {})['rom_session'] = request_scope.awaited
        exchange = _Exchange(request_scope, scope, receive, send, self._settings)
        try:
            with request_scope.active():
                await exchange.run(self.app)
        finally:
            request_scope.end()


class _Exchange:
    """A request and its response: which messages were sent, and which must not be.

    A commit that fails must become an error response. So `send` commits before it passes a message
    on, and after a failure it passes on nothing more.
    """

    def __init__(
        self,
        request_scope: RequestScope,
        scope: Scope,
        receive: Receive,
        send: Send,
        settings: Settings,
    ) -> None:
        self._request_scope = request_scope
        self._scope = scope
        self._receive = receive
        self._send = send
        self._settings = settings
        self._has_begun = False
        self._has_ended = False
        self._refused: Exception | None = None

    async def run(self, app: ASGIApp) -> None:
        """Run the application, and answer the conflicts that it leaves unhandled."""
        error: Exception | None = None
        try:
            await app(self._scope, self.receive, self.send)
        except Exception as raised:
            error = raised
        # A framework may catch the error that `send` raised, and raise another one, or none. The
        # first is the one that says why the response was not sent.
        error = self._refused or error
        if error is not None:
            self._request_scope.fail()
            if self._has_begun or not await self._is_answered(error):
                raise error
        elif self._has_ended:
            await self._request_scope.acommit()

    async def receive(self) -> Message:
        """Pass a message to the application; a disconnect amid the response discards changes."""
        message = await self._receive()
        if message['type'] == 'http.disconnect' and self._has_begun and not self._has_ended:
            self._request_scope.fail()
        return message

    async def send(self, message: Message) -> None:
        """Send a message of the application, after its changes are committed."""
        if self._refused is not None:
            raise self._refused
        begins, ends = message['type'] == 'http.response.start', _is_last(message)
        try:
            if begins:
                await self._request_scope.acommit_for(message['status'])
            elif ends:
                await self._request_scope.acommit()
        except Exception as error:
            self._refused = error
            raise
        self._has_begun = self._has_begun or begins
        await self._send(message)
        if ends:
            self._request_scope.note_response()
            self._has_ended = True

    async def _is_answered(self, error: Exception) -> bool:
        """Answer an error of the commit by the application's handler, or a conflict with JSON.

        Returns:
            Whether it was answered.
        """
        if not isinstance(error, ORMError):
            return False
        if self._refused is not None and (handler := self._handler(error)) is not None:
            await self._answer_by(handler, error)
            return True
        if self._settings.conflicts != STATUS or not isinstance(error, CONFLICTS):
            return False
        body = conflict_body(error)
        headers = [
            (b'content-type', b'application/json'),
            (b'content-length', b'%d' % len(body)),
        ]
        await self._send({'type': 'http.response.start', 'status': STATUS, 'headers': headers})
        await self._send({'type': 'http.response.body', 'body': body})
        return True

    def _handler(self, error: Exception) -> Callable[..., Any] | None:
        """Return the Starlette exception handler for this error, if there is one."""
        by_type, _ = self._scope.get('starlette.exception_handlers', ({}, {}))
        return next((by_type[kind] for kind in type(error).__mro__ if kind in by_type), None)

    async def _answer_by(self, handler: Callable[..., Any], error: Exception) -> None:
        from starlette.requests import Request

        request: Any = Request(self._scope, self._receive)
        if inspect.iscoroutinefunction(handler):
            response = await handler(request, error)
        else:
            response = await asyncio.to_thread(handler, request, error)
        await response(self._scope, self._receive, self._send)


def _is_last(message: Message) -> bool:
    kind = message['type']
    if kind == 'http.response.body':
        return not message.get('more_body', False)
    return bool(kind == 'http.response.pathsend')


def session_of(scope: Scope) -> AsyncSession:
    """Return the session of a request, given its ASGI scope.

    Raises:
        InvalidOperation: the middleware is missing, or the scope is not of an HTTP request.

    Example::

        session = session_of(request.scope)
    """
    request_scope: RequestScope | None = scope.get(_KEY)
    if request_scope is None:
        raise InvalidOperation(
            'this ASGI scope has no session: add the middleware rom.contrib.asgi.RomMiddleware; '
            'in a websocket, use `async with rom.AsyncSession()` for each message'
        )
    return request_scope.awaited


if TYPE_CHECKING:
    RomSession: TypeAlias = AsyncSession
else:

    def __getattr__(name: str) -> Any:
        if name != 'RomSession':
            raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
        globals()[name] = made = _dependency()
        return made


def _dependency() -> Any:
    """Return the annotation by which FastAPI passes the session to an endpoint."""
    from typing import Annotated

    try:
        from fastapi import Depends
        from fastapi.requests import HTTPConnection
    except ModuleNotFoundError:
        raise not_installed(f'{__name__}.RomSession', 'FastAPI', 'fastapi') from None

    async def rom_session(connection: HTTPConnection) -> AsyncSession:
        return session_of(connection.scope)

    # FastAPI resolves annotations by the module's globals, and HTTPConnection is a local name here.
    rom_session.__annotations__['connection'] = HTTPConnection
    return Annotated[AsyncSession, Depends(rom_session)]
