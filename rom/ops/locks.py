"""Locks: one trip a step; whether it is ours is decided by the script."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator

from rom.encoding.text import as_bytes
from rom.encoding.wire import pack
from rom.exceptions import DataRaceError, InvalidOperation
from rom.ops.requests import Operation, Script

# Between two tries to get a lock, in seconds.
_PAUSE = 0.005
_LONGEST_PAUSE = 0.1


class Claim:
    """What a lock is, whichever way it speaks to the server: what is locked, by whom, how long.

    Attributes:
        lockname: what is locked; the key is ``lock:`` and this name.
        acquire_timeout: how long to wait for it, in seconds.
        lock_timeout: how long it is held, in seconds.
    """

    def __init__(self, lockname: str | bytes, acquire_timeout: float, lock_timeout: float) -> None:
        if not acquire_timeout >= 0 or not 0 < lock_timeout < 1e9:
            raise InvalidOperation(
                'a lock waits for 0 seconds or more and is held for more than 0, not '
                f'acquire_timeout={acquire_timeout!r}, lock_timeout={lock_timeout!r}'
            )
        self._name(lockname)
        self.acquire_timeout = acquire_timeout
        self.lock_timeout = lock_timeout
        self._token = secrets.token_hex(16).encode('ascii')

    def _name(self, lockname: str | bytes) -> None:
        self.lockname = lockname
        self._key = b'lock:' + as_bytes(lockname)

    def _operation(self, what: str) -> Operation[bool]:
        return lock_step(what, self._key, self._token, self.lock_timeout)

    def _pauses(self) -> Iterator[float]:
        """How long to wait after each try that failed, in seconds; ends when it is time to give up.

        That time begins with the first try: at the call, and not when the first pause is asked for.
        """
        return _pauses(time.monotonic() + self.acquire_timeout)

    def _refusal(self) -> DataRaceError:
        return DataRaceError(
            f'the lock {self.lockname!r} is held by another, who did not give it back within '
            f'{self.acquire_timeout} s; wait longer, or try again later'
        )


def _pauses(give_up: float) -> Iterator[float]:
    pause = _PAUSE
    while (left := give_up - time.monotonic()) > 0:
        yield min(pause, left)
        pause = min(pause * 2, _LONGEST_PAUSE)


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
