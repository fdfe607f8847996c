"""Locks: one round trip for each step; the script decides who holds a lock.

A request whose answer is lost may have been carried out, may never be, or may be carried out later:
it can wait in a buffer of the network after its sender gave up. So a client that does not know
whether it got the lock *voids* its token. The script then releases the lock, and refuses the token
from then on.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Final

from rom._core.encoding.text import as_bytes, show
from rom._core.encoding.wire import pack
from rom._core.ops.requests import Operation, Script
from rom.exceptions import DataRaceError, InvalidOperation

# Pause between two tries to get a lock, in seconds.
_PAUSE = 0.005
_LONGEST_PAUSE = 0.1

#: How long a request may be under way, in seconds. So long the server remembers a void token, and
#: so long the client tries to void it on a server that does not answer.
LATE: Final = 180.0
_LONGEST_LATE_PAUSE = 5.0

# An answer that took longer, in seconds, may belong to a copy sent by the client library. The first
# request may still be under way, and must not take the lock after the release.
_PROMPT = 0.05


# 31 years, in seconds.
_FOREVER: Final = 1e9


def _is_number(value: object) -> bool:
    # A NaN of decimals raises where it is compared.
    return isinstance(value, (int, float, Fraction)) or (
        isinstance(value, Decimal) and not value.is_nan()
    )


def _seconds(value: float | Decimal | Fraction) -> float:
    """Return a time that can be added to a clock: decimals cannot, nor can very large ints."""
    if isinstance(value, (Decimal, Fraction)) or value > _FOREVER:
        return float(min(value, _FOREVER))
    return value  # as it is, for messages


class Claim:
    """State of a lock that blocking and asyncio locks share: name, token and timeouts.

    Attributes:
        lockname: the name of the lock; its key is ``lock:`` and this name.
        acquire_timeout: how long to wait for the lock, in seconds.
        lock_timeout: how long the lock is held, in seconds.
    """

    def __init__(self, lockname: str | bytes, acquire_timeout: float, lock_timeout: float) -> None:
        are_numbers = _is_number(acquire_timeout) and _is_number(lock_timeout)
        if not are_numbers or not acquire_timeout >= 0 or not 0 < lock_timeout < _FOREVER:
            raise InvalidOperation(
                'a lock waits for 0 seconds or more and is held for more than 0, not '
                f'acquire_timeout={show(acquire_timeout)}, lock_timeout={show(lock_timeout)}'
            )
        self._name(lockname)
        self.acquire_timeout = _seconds(acquire_timeout)
        self.lock_timeout = _seconds(lock_timeout)
        self._token = b''
        self._is_prompt = True
        self._renounce()

    def _name(self, lockname: str | bytes) -> None:
        self.lockname = lockname
        self._key = b'lock:' + as_bytes(lockname)

    def _operation(self, what: str, token: bytes) -> Operation[bool]:
        hold = LATE if what == 'void' else self.lock_timeout
        return lock_step(what, self._key, token, hold)

    @property
    def _is_held(self) -> bool:
        """True while the lock is certainly held: it was acquired, and its time is not over."""
        return time.monotonic() < self._held_until

    def _note(self, begun: float, is_done: bool) -> bool:
        """Note the server's answer to an acquire or a refresh, and return it."""
        self._held_until = begun + self.lock_timeout if is_done else 0.0
        self._is_prompt &= time.monotonic() - begun < _PROMPT
        return is_done

    def _renounce(self) -> tuple[str, bytes]:
        """Draw a new token, and so become another holder.

        Returns:
            The step that gives back a lock that the old token may hold, and the old token.
        """
        what = 'release' if self._is_prompt else 'void'
        token, self._token = self._token, secrets.token_hex(16).encode('ascii')
        self._held_until, self._is_prompt = 0.0, True
        return what, token

    def _pauses(self) -> Iterator[float]:
        """Return the pauses between tries, in seconds, which end with `acquire_timeout`.

        The timeout begins at this call, which is that of the first try, not at the first pause.
        """
        return _pauses(time.monotonic() + self.acquire_timeout, _LONGEST_PAUSE)

    def _refusal(self) -> DataRaceError:
        return DataRaceError(
            f'the lock {self.lockname!r} is held by another, who did not give it back within '
            f'{self.acquire_timeout} s; wait longer, or try again later'
        )


def late_pauses() -> Iterator[float]:
    """Return the pauses between tries to void a token, in seconds."""
    return _pauses(time.monotonic() + LATE, _LONGEST_LATE_PAUSE)


def _pauses(give_up: float, longest: float) -> Iterator[float]:
    pause = _PAUSE
    while (left := give_up - time.monotonic()) > 0:
        yield min(pause, left)
        pause = min(pause * 2, longest)


def lock_step(what: str, key: bytes, token: bytes, hold: float) -> Operation[bool]:
    """Acquire, refresh, release or void a lock.

    Args:
        what: 'acquire', 'refresh', 'release' or 'void'.
        key: the key of the lock.
        token: the token of the holder.
        hold: how long the lock is held, or a void token remembered, in seconds.

    Returns:
        True if the step was done, because the lock was free or held with this token.
    """
    milliseconds = b'%d' % max(round(hold * 1000), 1)
    request = {'key': key, 'token': token, 'what': what, 'hold': milliseconds}
    done: int = yield Script('lock', key, pack(request))
    return bool(done)
