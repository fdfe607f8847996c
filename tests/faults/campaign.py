"""The campaign: rounds of each story, each on an empty server, each judged at its end."""

import random
import re
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.faults import index_check, journal
from tests.faults.log import log_of
from tests.faults.oracle import (
    DOUBLED,
    DUPLICATE,
    FALSE_ERROR,
    ID_TWICE,
    STALE,
    WRONG_ANSWER,
    Oracle,
    Problem,
    Window,
)
from tests.faults.servers import KillableServer
from tests.faults.stories import STORIES, Story
from tests.faults.troubles import Troubles
from tests.faults.worker_task import ACTORS, PREPARE, Task
from tests.faults.workers import Workers
from tests.support.patience import PATIENCE
from tests.support.proxy import Command, Proxy
from tests.support.servers import dump

#: Acts of a round, about. More in one round: hotter rows, longer texts, a longer look at the end.
ROUND = 400
#: Seconds between two looks at what is due, and without any request until a round is given up.
LOOK = 0.002
HUNG = PATIENCE

#: On a single server these count as others do, in the columns of its table.
_PLAIN = {DUPLICATE: DOUBLED, ID_TWICE: DOUBLED, WRONG_ANSWER: FALSE_ERROR}
_TOKEN = re.compile(rb':done:(\w+)')


@dataclass(frozen=True)
class Settings:
    """What a campaign is to do.

    Attributes:
        binary: the program of the server.
        commits: about how many operations, of all stories together.
        seed: of all dice.
        stories: their names.
        seconds: no round begins later than that, and acts end; 0: no limit.
    """

    binary: Path
    commits: int
    seed: int
    stories: tuple[str, ...] = tuple(STORIES)
    seconds: float = 0.0


@dataclass(frozen=True)
class Failure:
    """A problem, and what is needed to see it again."""

    story: str
    seed: str
    problem: Problem
    log: list[str]


@dataclass
class Tally:
    """What came of one story.

    Attributes:
        tried: operations.
        answers: outcomes of operations.
        faults: what was done to them, by kind.
        problems: by kind.
        failures: the same, each with its log.
    """

    tried: int = 0
    seconds: float = 0.0
    answers: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    problems: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)


def run(settings: Settings, say: Callable[[str], None] = lambda line: None) -> dict[str, Tally]:
    """Run a campaign; return what came of each story.

    Args:
        settings: of the campaign.
        say: gets a line behind each round.
    """
    until = time.monotonic() + settings.seconds if settings.seconds else 0.0
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix='rom-faults-'))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        workers = stack.enter_context(Workers(folder / 'errors'))
        return {
            name: run_story(name, settings, workers, folder, until, say)
            for name in settings.stories
        }


def run_story(
    name: str,
    settings: Settings,
    workers: Workers,
    folder: Path,
    until: float = 0.0,
    say: Callable[[str], None] = lambda line: None,
) -> Tally:
    """Run one story's share of a campaign on a server of its own, round by round.

    Args:
        name: the story's.
        settings: of the campaign.
        workers: to use.
        folder: for the journals.
        until: the monotonic time when no round begins; 0: never.
        say: gets a line before the story, and one behind each round.
    """
    share = max(1, settings.commits // len(settings.stories))
    tally = Tally()
    say(f'{name}: {STORIES[name].about}')
    with KillableServer(settings.binary, STORIES[name].fsync) as server:
        for number in range(-(-share // ROUND)):
            if until and time.monotonic() > until:
                break
            acts = min(ROUND, share - number * ROUND)
            seed = f'{settings.seed} {name} {number}'
            Round(name, seed, acts, until, server, workers, folder).run(tally)
            say(f'{seed}: {tally.tried} tried, {tally.problems.total()} wrong')
    return tally


class Round:
    """Some workers of one story on an empty server.

    Args:
        name: the story's.
        seed: of all dice.
        acts: of all workers together, about.
        until: the monotonic time when acts end; 0: never.
        server, workers: to use.
        folder: for the journals.

    Attributes:
        deeds, keyspace: what it was judged by.
    """

    deeds: dict[str, journal.Deed]
    keyspace: index_check.Keyspace

    def __init__(
        self,
        name: str,
        seed: str,
        acts: int,
        until: float,
        server: KillableServer,
        workers: Workers,
        folder: Path,
    ) -> None:
        self._name = name
        self._story: Story = STORIES[name]
        self._seed = seed
        self._server = server
        self._workers = workers
        self._journals = folder / 'journals'
        actors = sum(ACTORS[kind] for kind in self._story.team)
        self._task = Task(
            name='',
            kind='',
            address='',
            journals=str(self._journals),
            seed=seed,
            acts=-(-acts // actors),
            disturb=self._story.disturb,
            forks=self._story.forks,
            until=until,
        )

    def run(self, tally: Tally) -> None:
        """Run it, judge it, and add to the tally."""
        begun = time.monotonic()
        self._prepare()
        dice = random.Random(self._seed)
        troubles = Troubles(self._story, self._server, self._workers, dice)
        with Proxy(self._server.socket, tag=token_of) as proxy:
            proxy.random(dice.randrange(2**32), None, **self._story.chances)
            self._work(proxy, troubles)
            proxy.heal()
            proxy.deliver()
        self._server.wait_until_quiet()
        self._judge(tally, troubles)
        tally.faults.update(proxy.faults)
        tally.faults.update(troubles.faults)
        tally.seconds += time.monotonic() - begun

    def _prepare(self) -> None:
        self._server.client.flushall()
        shutil.rmtree(self._journals, ignore_errors=True)
        self._journals.mkdir()
        self._workers.start(replace(self._task, kind=PREPARE, address=self._server.socket))
        while self._workers.running:
            self._workers.wait(HUNG)
        if self._workers.crashed:
            raise RuntimeError(self._workers.crashed[0])

    def _work(self, proxy: Proxy, troubles: Troubles) -> None:
        for number, kind in enumerate(self._story.team):
            name = f'w{number}'
            self._workers.start(replace(self._task, name=name, kind=kind, address=proxy.socket))
        seen, changed = -1, time.monotonic()
        while self._workers.running:
            self._workers.wait(LOOK)
            requests = proxy.requests.total()
            if requests != seen:
                seen, changed = requests, time.monotonic()
            if time.monotonic() - changed > HUNG:
                self._give_up()
            troubles.look(requests)
            self._replace(troubles)

    def _replace(self, troubles: Troubles) -> None:
        """Start a worker in the place of each that was killed, for what that one left undone."""
        while troubles.killed:
            task = troubles.killed.pop()
            done = len(journal.read(self._journals, f'{task.name}[a-f]*'))
            left = task.acts - done // ACTORS[task.kind]
            if left > 0:
                self._workers.start(replace(task, name=f'{task.name}k', acts=left))

    def _give_up(self) -> None:
        for pid in list(self._workers.running):
            self._workers.abort(pid)

    def _judge(self, tally: Tally, troubles: Troubles) -> None:
        self.deeds = deeds = journal.read(self._journals)
        self.keyspace = dump(self._server.client)
        problems = judge(deeds, self.keyspace, troubles.windows)
        problems += [Problem(FALSE_ERROR, crash) for crash in self._crashes()]
        tally.tried += len(deeds)
        tally.answers.update(deed.outcome for deed in deeds.values())
        tally.faults.update(self._own_faults(deeds))
        tally.problems.update(problem.kind for problem in problems)
        tally.failures += [
            Failure(self._name, self._seed, one, log_of(one.row, deeds)) for one in problems
        ]

    def _own_faults(self, deeds: Mapping[str, journal.Deed]) -> Iterator[str]:
        """What actors did to their own calls, and to themselves."""
        events = [event for deed in deeds.values() for event in deed.events]
        for error in (event.details.get('error', '') for event in events):
            if error.startswith('Disturbed: '):
                yield f'call {error.removeprefix("Disturbed: ")}'
        yield from ('forked' for _ in self._journals.glob('*f[0-9]*'))

    def _crashes(self) -> Iterator[str]:
        while self._workers.crashed:
            yield self._workers.crashed.pop()


def judge(
    deeds: Mapping[str, journal.Deed],
    keyspace: index_check.Keyspace,
    windows: Iterable[Window] = (),
) -> list[Problem]:
    """Return everything that is wrong with what is stored, and with what actors were told."""
    stale = [Problem(STALE, message) for message in index_check.check(keyspace)]
    found = Oracle(deeds, keyspace, windows).problems()
    return [replace(one, kind=_PLAIN.get(one.kind, one.kind)) for one in found] + stale


def token_of(command: Command) -> bytes | None:
    """Return the token of a commit, or of a question about one."""
    if command[0].upper() in (b'EVALSHA', b'EVAL', b'GET'):
        for word in command[2:4] if len(command) > 3 else command[1:]:
            found = _TOKEN.search(word)
            if found:
                return found[1]
    return None
