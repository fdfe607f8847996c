"""Locks: one trip a step; whether it is ours is decided by the script."""

from __future__ import annotations

from rom.encoding.wire import pack
from rom.ops.requests import Operation, Script


def lock_step(what: str, key: bytes, token: bytes, hold: float) -> Operation[bool]:
    """Acquire, refresh or release a lock.

    Args:
        what: which of them.
        key: the lock's.
        token: who we are.
        hold: how long it is held, in seconds.

    Returns:
        It was done: the lock was free, or ours.
    """
    milliseconds = b'%d' % max(round(hold * 1000), 1)
    request = {'key': key, 'token': token, 'what': what, 'hold': milliseconds}
    done: int = yield Script('lock', key, pack(request))
    return bool(done)
