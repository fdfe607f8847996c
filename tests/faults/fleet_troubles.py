"""What befalls a fleet, each after so many events in the journals: a slow machine sees as much.

Before a master is lost, a mark is written and waited for: what was acknowledged earlier is on the
replica. Acknowledged writes between this mark and the time when the replica is in the master's
place are those that may be lost.
"""

import random
import time
from collections import Counter
from collections.abc import Callable

from tests.faults.fleet_server import KEY, ClusterFleet, Fleet
from tests.faults.fleet_stories import (
    HAND_OVER,
    KILL_MASTER,
    LOSING,
    MOVE,
    MOVE_BY_SERVER,
    NOTHING,
    STOP_MASTER,
    FleetStory,
)
from tests.faults.oracle import Window
from tests.support.slot_moves import can_move_by_itself, move_by_hand, move_by_server

#: Events in all journals from a mark to the loss of a master, at most.
LOSABLE = 60
#: Seconds between two batches of keys that move, at most; batches of a move, at most.
PAUSE, BATCHES = 0.02, 40


class FleetTroubles:
    """Makes the troubles of a story, in an order of the dice.

    Attributes:
        faults: how many were made, by kind.
        longest: the seconds of the longest of each kind, until all was well again.
        windows: the times whose acknowledged writes may be lost.
        moved: keys that were moved by hand.
        twice: those of them that were at both masters.
    """

    def __init__(self, story: FleetStory, fleet: Fleet, dice: random.Random) -> None:
        self.faults: Counter[str] = Counter()
        self.longest: dict[str, float] = {}
        self.windows: list[Window] = []
        self.moved = 0
        self.twice: list[bytes] = []
        self._fleet = fleet
        self._dice = dice
        self._left = [kind for kind, times in story.plan.items() for _ in range(times)]
        dice.shuffle(self._left)
        self._between = story.between
        self._due = self._later(0, self._between)
        self._mark: float | None = None
        self._make: dict[str, Callable[[], None]] = {
            NOTHING: lambda: None,
            MOVE: self._move,
            MOVE_BY_SERVER: self._move_by_server,
            HAND_OVER: lambda: self._fleet.hand_over() and None,
            KILL_MASTER: self._kill_master,
            STOP_MASTER: self._stop_master,
        }

    def look(self, events: int) -> bool:
        """Make the trouble that is due; tell whether any is left.

        Args:
            events: how many there are in all journals.
        """
        if events < self._due:
            return True
        if not self._left:
            return False
        if self._left[-1] in LOSING and self._mark is None:
            self._mark = self._fleet.mark()
            self._due = self._later(events, LOSABLE)
            return True
        kind, begun = self._left.pop(), time.monotonic()
        self._make[kind]()
        self.longest[kind] = max(self.longest.get(kind, 0.0), time.monotonic() - begun)
        self.faults[kind] += 1
        self._due = self._later(events, self._between)
        return True

    def _later(self, events: int, most: int) -> int:
        return events + self._dice.randint(most // 4, most)

    def _move(self) -> None:
        assert isinstance(self._fleet, ClusterFleet)
        moved = move_by_hand(
            self._fleet.cluster,
            KEY,
            batches=self._dice.randint(1, BATCHES),
            between=lambda: time.sleep(self._dice.uniform(0, PAUSE)),
        )
        self.moved += moved.keys
        self.twice += moved.twice

    def _move_by_server(self) -> None:
        assert isinstance(self._fleet, ClusterFleet)
        if can_move_by_itself(self._fleet.cluster):
            move_by_server(self._fleet.cluster, KEY)
        else:
            self._move()

    def _kill_master(self) -> None:
        lost = self._fleet.kill()
        self._close_window()
        self._fleet.restart(lost)

    def _stop_master(self) -> None:
        lost = self._fleet.stop()
        self._fleet.cont(lost)
        self._close_window()

    def _close_window(self) -> None:
        assert self._mark is not None
        self.windows.append(Window(self._mark, time.monotonic()))
        self._mark = None
