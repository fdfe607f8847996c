"""The campaign on a fleet: a round of each story, on one cluster that is emptied before each."""

import random
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults import index_check, journal
from tests.faults.campaign import Failure, Tally
from tests.faults.fleet_server import HEAD, ClusterFleet, Fleet, SentinelFleet
from tests.faults.fleet_stories import FleetStory
from tests.faults.fleet_troubles import FleetTroubles
from tests.faults.journal import REFUSED, TRY, UNKNOWN, WRONG, Deed
from tests.faults.log import log_of
from tests.faults.oracle import FALSE_ERROR, STALE, TORN, Oracle, Problem
from tests.faults.worker_task import CHECK, PREPARE, Task
from tests.faults.workers import Workers
from tests.support.cluster import Cluster
from tests.support.fleet import ending
from tests.support.patience import PATIENCE
from tests.support.watched import Watched

#: Seconds between two looks at the journals, and acts of an actor that the end does not stop.
LOOK = 0.02
ENDLESS = 10**9
#: What a program is told while a cluster cannot serve it; anything else is wrong.
PATIENT = ('ServerUnavailable', 'NotReplicatedError')


@dataclass
class FleetTally(Tally):
    """What came of a story on a fleet.

    Attributes:
        allowed: acknowledged operations that were lost within the windows of lost masters.
        longest: seconds of the longest call of each act.
        paused: seconds of the longest operation, with all its tries.
        troubled: seconds of the longest trouble of each kind, until all was well again.
        errors: answers that were errors, by their class.
    """

    allowed: int = 0
    longest: dict[str, float] = field(default_factory=dict)
    paused: float = 0.0
    troubled: dict[str, float] = field(default_factory=dict)
    errors: Counter[str] = field(default_factory=Counter)


def run(
    binary: Path,
    stories: Mapping[str, FleetStory],
    seed: int,
    rounds: int = 1,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, FleetTally]:
    """Run a campaign; return what came of each story.

    Args:
        binary: the program of the nodes.
        stories: by name.
        seed: of all dice.
        rounds: of each story, each on an empty cluster.
        say: gets a line before each story, and one behind each round.
    """
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix='rom-faults-'))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        workers = stack.enter_context(Workers(folder / 'errors', head=HEAD))
        fleets: dict[type[Fleet], Fleet] = {}
        tallies = {}
        for name, story in stories.items():
            say(f'{name}: {story.about}')
            tallies[name] = tally = FleetTally()
            kind = SentinelFleet if story.is_watched else ClusterFleet
            if kind not in fleets:
                fleets[kind] = stack.enter_context(_started(kind, binary))
            for number in range(rounds):
                own = f'{seed} {name} {number}'
                FleetRound(name, story, own, fleets[kind], workers, folder).run(tally)
                say(f'{own}: {tally.tried} tried, {tally.problems.total()} wrong')
        return tallies


@contextmanager
def _started(kind: type[Fleet], binary: Path) -> Iterator[Fleet]:
    if kind is SentinelFleet:
        with ending(Watched(binary)) as watched:
            yield SentinelFleet(watched)
    else:
        with ending(Cluster(binary)) as cluster:
            yield ClusterFleet(cluster)


class FleetRound:
    """The workers of one story on an empty cluster, until all its troubles were made.

    Args:
        name: the story's.
        story: what is to happen.
        seed: of all dice.
        fleet, workers: to use.
        folder: for the journals.
    """

    def __init__(
        self,
        name: str,
        story: FleetStory,
        seed: str,
        fleet: Fleet,
        workers: Workers,
        folder: Path,
    ) -> None:
        self._name = name
        self._story = story
        self._seed = seed
        self._fleet = fleet
        self._workers = workers
        self._journals = folder / 'journals'
        self._over = folder / 'over'

    def run(self, tally: FleetTally) -> None:
        """Run it, judge it, and add to the tally."""
        begun = time.monotonic()
        troubles = FleetTroubles(self._story, self._fleet, random.Random(self._seed))
        self._prepare()
        self._work(troubles)
        self._fleet.wait_until_quiet()
        self._do(CHECK)
        self._judge(tally, troubles)
        tally.faults.update(troubles.faults)
        for kind, seconds in troubles.longest.items():
            tally.troubled[kind] = max(tally.troubled.get(kind, 0.0), seconds)
        tally.seconds += time.monotonic() - begun

    def _task(self, kind: str, name: str = '') -> Task:
        return Task(
            name=name or kind,
            kind=kind,
            address=self._fleet.address,
            journals=str(self._journals),
            seed=f'{self._seed} {name}',
            acts=ENDLESS,
            over=str(self._over),
            is_durable=self._story.is_durable,
        )

    def _prepare(self) -> None:
        self._fleet.empty()
        shutil.rmtree(self._journals, ignore_errors=True)
        self._journals.mkdir()
        self._over.unlink(missing_ok=True)
        self._do(PREPARE)
        if self._workers.crashed:
            raise RuntimeError(self._workers.crashed[0])

    def _do(self, kind: str) -> None:
        """Have one worker do something alone."""
        self._workers.start(self._task(kind))
        while self._workers.running:
            self._workers.wait(PATIENCE)

    def _work(self, troubles: FleetTroubles) -> None:
        for number, kind in enumerate(self._story.team):
            self._workers.start(self._task(kind, f'w{number}'))
        count, changed = Events(self._journals), time.monotonic()
        while self._workers.running:
            self._workers.wait(LOOK)
            if count.look():
                changed = time.monotonic()
            elif time.monotonic() - changed > PATIENCE:
                for pid in list(self._workers.running):
                    self._workers.abort(pid)
            if not self._over.exists() and not troubles.look(count.total):
                self._over.touch()

    def _judge(self, tally: FleetTally, troubles: FleetTroubles) -> None:
        deeds = journal.read(self._journals)
        keyspace, astray = self._fleet.keyspace(), self._fleet.astray()
        oracle = Oracle(deeds, keyspace, troubles.windows, self._story.is_durable)
        problems = oracle.problems()
        problems += [Problem(STALE, message) for message in index_check.check(keyspace)]
        problems += [
            Problem(STALE, f'{key!r} is at a server that must not have it') for key in astray
        ]
        problems += [Problem(TORN, f'{key!r} was at two masters') for key in troubles.twice]
        problems += [Problem(FALSE_ERROR, crash) for crash in self._workers.crashed]
        problems += [one for deed in deeds.values() for one in _impatient(deed)]
        self._workers.crashed.clear()
        tally.tried += len(deeds)
        tally.allowed += len(oracle.allowed)
        tally.answers.update(deed.outcome for deed in deeds.values())
        tally.problems.update(problem.kind for problem in problems)
        tally.failures += [
            Failure(self._name, self._seed, one, log_of(one.row, deeds)) for one in problems
        ]
        for deed in deeds.values():
            _measure(deed, tally)


def _impatient(deed: Deed) -> list[Problem]:
    """What a program was told that it cannot know to try again."""
    errors = {event.details['error'] for event in deed.events if event.kind == UNKNOWN}
    return [
        Problem(FALSE_ERROR, f'{deed.op} ({deed.act}) was told {error}', deed.row)
        for error in errors
        if not error.startswith(PATIENT)
    ]


def _measure(deed: Deed, tally: FleetTally) -> None:
    tried = 0.0
    for event in deed.events:
        if event.kind == TRY:
            tried = event.time
            continue
        if tried:
            tally.longest[deed.act] = max(tally.longest.get(deed.act, 0.0), event.time - tried)
        if event.kind in (REFUSED, UNKNOWN, WRONG):
            tally.errors[event.details['error'].partition(':')[0]] += 1
    tally.paused = max(tally.paused, deed.told_at - deed.events[0].time)


class Events:
    """Counts what is written into the journals of a folder."""

    def __init__(self, folder: Path) -> None:
        self.total = 0
        self._folder = folder
        self._read: dict[Path, int] = {}

    def look(self) -> int:
        """Count what is new; return how much that is."""
        new = 0
        for path in self._folder.iterdir():
            with path.open('rb') as file:
                file.seek(self._read.get(path, 0))
                text = file.read()
            self._read[path] = self._read.get(path, 0) + len(text)
            new += text.count(b'\n')
        self.total += new
        return new
