"""The sessions, and the one that every thread has already."""

from rom.sessions.aio import AsyncSession
from rom.sessions.proxy import session
from rom.sessions.sync import Session

__all__ = ['AsyncSession', 'Session', 'session']
