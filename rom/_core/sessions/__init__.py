"""Session, AsyncSession, and `session`, the proxy for the current one."""

from typing import TYPE_CHECKING

from rom._core.sessions.proxy import session
from rom._core.support.public_names import lazily

if TYPE_CHECKING:
    from rom._core.sessions.async_session import AsyncSession
    from rom._core.sessions.sync_session import Session
else:
    __getattr__ = lazily(
        __name__,
        {
            'AsyncSession': 'rom._core.sessions.async_session',
            'Session': 'rom._core.sessions.sync_session',
        },
    )

__all__ = ['AsyncSession', 'Session', 'session']
