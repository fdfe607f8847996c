"""The sessions, and the one that every thread has already."""

from typing import TYPE_CHECKING

from rom.lazily import lazily
from rom.sessions.proxy import session
from rom.sessions.sync import Session

if TYPE_CHECKING:
    from rom.sessions.aio import AsyncSession
else:
    __getattr__ = lazily(__name__, {'AsyncSession': 'rom.sessions.aio'})

__all__ = ['AsyncSession', 'Session', 'session']
