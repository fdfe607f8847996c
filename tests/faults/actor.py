"""An actor: one writer with a session of its own, which writes down what it tries and hears.

The same acts run in both worlds: a blocking session is wrapped so that its methods are awaited
(`tests/support/worlds.py`), and the coroutine is then driven without an event loop.
"""

import asyncio
import random
import signal
import threading
import time
import traceback
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import rom
from tests.faults.journal import ACKNOWLEDGED, REFUSED, TRY, UNKNOWN, WRONG, Deed, Journal

Call = Callable[[], Awaitable[Any]]

#: Seconds between two tries to find out, and how many. The server is away for less than that.
PAUSE = 0.005
TRIES = 3000
RACES = 300
#: Seconds within which a call is disturbed, if at all.
DISTURBED_WITHIN = 0.003


class Disturbed(Exception):
    """The actor's own call was cancelled or interrupted."""


class GaveUp(Exception):
    """The outcome of an operation stays unknown."""


class Refused(Exception):
    """The operation was refused, and the journal says why."""


class Actor:
    """One writer.

    Args:
        session: to be awaited.
        journal: its own.
        dice: what it does, and when it is disturbed.
        disturb: the chance that a call is cancelled or interrupted.
        is_async: it runs in an event loop.

    Attributes:
        own: rows that no other actor writes, by kind; an act makes them when they are missing.
    """

    def __init__(
        self,
        session: Any,
        journal: Journal,
        dice: random.Random,
        disturb: float = 0.0,
        is_async: bool = False,
    ) -> None:
        self.s = session
        self.journal = journal
        self.dice = dice
        self.is_async = is_async
        self.own: dict[str, Any] = {}
        self._chance = disturb

    def begin(self, act: str, row: str, **what: Any) -> Deed:
        """Begin an operation on a row ('{op}': of this operation); nothing is written down yet."""
        op = self.journal.new_operation()
        return Deed(op, act, row.format(op=op), what)

    async def until_known(self, deed: Deed, call: Call, repeat: bool = True) -> Any:
        """Do something until its outcome is known; return what it returns.

        Args:
            deed: the operation.
            call: does it; once more after an answer that leaves the outcome open.
            repeat: it may be done once more; else the operation is given up.

        Raises:
            Refused: it was, for certain.
            GaveUp: nobody knows.
        """
        for _ in range(TRIES):
            self.journal.write(deed.op, TRY, act=deed.act, row=deed.row, **deed.what)
            try:
                result = await self._disturbed(call)
            except (rom.ServerUnavailable, rom.ServerError, Disturbed) as error:
                self.journal.write(deed.op, UNKNOWN, error=_told(error))
            except rom.NotReplicatedError as error:
                # It was carried out, and may be lost: done once more it could count twice.
                self.journal.write(deed.op, UNKNOWN, error=_told(error))
                raise GaveUp from error
            except (rom.ORMError, ValueError) as error:
                about = getattr(error, 'namespace', None)
                self.journal.write(deed.op, REFUSED, error=_told(error), about=about)
                raise Refused(type(error).__name__) from error
            except Exception as error:
                self.wrong(deed, _told(error) + _where(error))
                raise GaveUp from error
            else:
                self.journal.write(deed.op, ACKNOWLEDGED, result=result)
                return result
            if not repeat:
                break
            await self.pause()
        raise GaveUp

    async def unless_raced(self, deed: Deed, call: Call, entity: Any, fresh: Call) -> Any:
        """Do the same, and again on a fresh row where another writer of this entity was faster.

        Raises:
            Refused: it was, for another reason.
            GaveUp: nobody knows, or others are faster again and again.
        """
        for _ in range(RACES):
            try:
                return await self.until_known(deed, call)
            except Refused as error:
                cause = error.__cause__
                if not isinstance(cause, rom.DataRaceError):
                    raise
                if (cause.namespace, cause.id) != (entity._namespace, entity.id):
                    raise
            await fresh()
        self.wrong(deed, f'others were faster {RACES} times')
        raise GaveUp

    async def read(self, call: Call) -> Any:
        """Return what a read returns, once it gets through.

        Raises:
            GaveUp: it never does, or fails.
        """
        for _ in range(TRIES):
            try:
                return await self._disturbed(call)
            except (rom.ServerUnavailable, rom.ServerError, Disturbed):
                await self.pause()
            except Exception as error:
                self.wrong(self.begin('read', ''), _told(error) + _where(error))
                raise GaveUp from error
        raise GaveUp

    def wrong(self, deed: Deed, what: str) -> None:
        """Write down what no other writer can explain."""
        self.journal.write(deed.op, WRONG, error=what, act=deed.act, row=deed.row)

    async def pause(self) -> None:
        """Wait a moment."""
        seconds = self.dice.uniform(0, 2 * PAUSE)
        if self.is_async:
            await asyncio.sleep(seconds)
        else:
            time.sleep(seconds)

    async def _disturbed(self, call: Call) -> Any:
        if self.dice.random() >= self._chance:
            return await call()
        seconds = self.dice.uniform(0, DISTURBED_WITHIN)
        if self.is_async:
            return await _cancelled(call, self.dice.randrange(8), seconds)
        return await _interrupted(call, seconds)


async def _cancelled(call: Call, turns: int, seconds: float) -> Any:
    """Await a call in a task that is cancelled after some turns of the loop, or some time."""
    task = asyncio.ensure_future(call())
    if turns:
        for _ in range(turns):
            await asyncio.sleep(0)
    else:
        await asyncio.sleep(seconds)
    task.cancel()
    try:
        return await task
    except asyncio.CancelledError:
        raise Disturbed('cancelled') from None


async def _interrupted(call: Call, seconds: float) -> Any:
    """Await a call that a signal interrupts, as Ctrl-C does; in a main thread only."""
    if threading.current_thread() is not threading.main_thread():
        return await call()
    signal.signal(signal.SIGALRM, _interrupt)
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.00001))
            return await call()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except KeyboardInterrupt:
        raise Disturbed('interrupted') from None


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def drive(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine that only awaits what blocks."""
    try:
        work.send(None)
    except StopIteration as end:
        return end.value
    raise RuntimeError(f'{work} awaits something that needs an event loop')


def _where(error: BaseException) -> str:
    """The last calls on the way to an error."""
    frames = traceback.extract_tb(error.__traceback__)[-5:]
    return ' at ' + ' < '.join(f'{Path(f.filename).name}:{f.lineno}' for f in reversed(frames))


def _told(error: BaseException) -> str:
    return f'{type(error).__name__}: {error}'[:300]
