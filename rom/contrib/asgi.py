"""A session for each request of an ASGI application: Starlette, FastAPI, and others.

::

    app = fastapi.FastAPI()
    app.add_middleware(RomMiddleware, url='redis://localhost')

    @app.post('/users', status_code=201)
    async def sign_up(name: str, session: RomSession) -> dict[str, str]:
        if await session.get_by(User, name=name) is not None:
            ...
        User(name=name)

`RomSession` is a dependency of FastAPI; in Starlette it is ``request.state.rom_session``. Plain
functions, which run in a thread, have the request's `rom.session`. What they changed is committed
before the response leaves, if that is a success; see ``docs/howto/web-frameworks.rst``.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any, TypeAlias

from rom import current
from rom.contrib.conflicts import CONFLICTS, STATUS, body_of
from rom.contrib.missing import not_installed
from rom.contrib.settings import Settings
from rom.contrib.unit import Unit
from rom.exceptions import InvalidOperation, ORMError
from rom.sessions import AsyncSession

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
ASGIApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

_KEY = 'rom.unit'


class RomMiddleware:
    """The middleware. Websockets and the lifespan have its connection, and no session.

    Args:
        app: the application.
        **settings: as :class:`rom.contrib.settings.Settings` takes them.

    Raises:
        ORMError: a setting that makes no sense.

    Example::

        app.add_middleware(RomMiddleware, url='redis://localhost', commit_on=range(200, 300))
    """

    def __init__(self, app: ASGIApp, /, **settings: Any) -> None:
        self.app = app
        self._settings = Settings.of(settings, 'RomMiddleware(...)')
        self._settings.connect()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope['type'] != 'http':
            with current.connected(self._settings.own):
                await self.app(scope, receive, send)
            return
        unit = scope[_KEY] = Unit(self._settings)
        scope.setdefault('state', {})['rom_session'] = unit.awaited
        exchange = _Exchange(unit, scope, receive, send, self._settings)
        try:
            with unit.active():
                await exchange.run(self.app)
        finally:
            unit.end()


class _Exchange:
    """A request and its response: what has left already, and what must not leave."""

    def __init__(
        self, unit: Unit, scope: Scope, receive: Receive, send: Send, settings: Settings
    ) -> None:
        self._unit = unit
        self._scope = scope
        self._receive = receive
        self._send = send
        self._settings = settings
        self._has_begun = False
        self._has_ended = False
        self._refused: Exception | None = None

    async def run(self, app: ASGIApp) -> None:
        """Have the application answer."""
        error: Exception | None = None
        try:
            await app(self._scope, self.receive, self.send)
        except Exception as raised:
            error = raised
        # What a framework makes of an error in `send` is about a response that never left.
        error = self._refused or error
        if error is not None:
            self._unit.fail()
            if self._has_begun or not await self._is_answered(error):
                raise error
        elif self._has_ended:
            await self._unit.aproceed()

    async def receive(self) -> Message:
        """What the application awaits. A client that leaves has not seen the whole response."""
        message = await self._receive()
        if message['type'] == 'http.disconnect' and self._has_begun and not self._has_ended:
            self._unit.fail()
        return message

    async def send(self, message: Message) -> None:
        """What the application calls. Before a part leaves, what it changed is written."""
        if self._refused is not None:
            raise self._refused
        begins, ends = message['type'] == 'http.response.start', _is_last(message)
        try:
            if begins:
                await self._unit.arespond(message['status'])
            elif ends:
                await self._unit.aproceed()
        except Exception as error:
            self._refused = error
            raise
        self._has_begun = self._has_begun or begins
        await self._send(message)
        if ends:
            self._unit.answered()
            self._has_ended = True

    async def _is_answered(self, error: Exception) -> bool:
        """Answer an error of the commit as the program does, or a conflict with JSON."""
        if not isinstance(error, ORMError):
            return False
        if self._refused is not None and (handler := self._handler(error)) is not None:
            await self._answer_by(handler, error)
            return True
        if self._settings.conflicts != STATUS or not isinstance(error, CONFLICTS):
            return False
        body = body_of(error)
        headers = [
            (b'content-type', b'application/json'),
            (b'content-length', b'%d' % len(body)),
        ]
        await self._send({'type': 'http.response.start', 'status': STATUS, 'headers': headers})
        await self._send({'type': 'http.response.body', 'body': body})
        return True

    def _handler(self, error: Exception) -> Callable[..., Any] | None:
        """What the program has said is to be done with such an error, with Starlette."""
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
    """The session of a request, by its ASGI scope.

    Raises:
        InvalidOperation: the middleware is missing, or this is no HTTP request.

    Example::

        session = session_of(request.scope)
    """
    unit: Unit | None = scope.get(_KEY)
    if unit is None:
        raise InvalidOperation(
            'there is no session here: add the middleware rom.contrib.asgi.RomMiddleware; '
            'a websocket has none of its own: use `async with rom.AsyncSession()` for each message'
        )
    return unit.awaited


if TYPE_CHECKING:
    RomSession: TypeAlias = AsyncSession
else:

    def __getattr__(name: str) -> Any:
        if name != 'RomSession':
            raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
        globals()[name] = made = _dependency()
        return made


def _dependency() -> Any:
    """What FastAPI makes a session of, in the signature of an endpoint."""
    from typing import Annotated

    try:
        from fastapi import Depends
        from fastapi.requests import HTTPConnection
    except ModuleNotFoundError:
        raise not_installed(f'{__name__}.RomSession', 'FastAPI', 'fastapi') from None

    async def rom_session(connection: HTTPConnection) -> AsyncSession:
        return session_of(connection.scope)

    # FastAPI reads the types when an endpoint is declared, and this one is not a global name.
    rom_session.__annotations__['connection'] = HTTPConnection
    return Annotated[AsyncSession, Depends(rom_session)]
