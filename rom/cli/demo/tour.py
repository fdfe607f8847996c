"""The demo itself: connect, load, ask, and tell how to continue."""

from __future__ import annotations

import time
from dataclasses import dataclass

from rom._core.drivers.connections import without_password
from rom.cli.demo import closing
from rom.cli.demo.characters import code_points, declaration
from rom.cli.demo.loading import already_there, load
from rom.cli.demo.questions import PREPARATION, QUESTIONS, ask, prepared
from rom.cli.demo.screen import Screen
from rom.cli.model_args import use
from rom.cli.signals import Stopping

INTRODUCTION = (
    'rom demo: the characters of Unicode that have a name, as entities of one model, with words, '
    'whole names, beginnings, ends and numbers indexed.'
)


@dataclass(frozen=True, slots=True)
class Place:
    """The server and the data of the demo.

    Attributes:
        url: the URL of the server.
        kept: the data outlives the demo.
    """

    url: str
    kept: bool

    @property
    def is_shared(self) -> bool:
        """True if the server is not the demo's own."""
        return not self.url.startswith('embedded:')

    @property
    def shown(self) -> str:
        """The URL without its password."""
        return without_password(self.url)


class Tour:
    """One run of the demo."""

    def __init__(self, screen: Screen, place: Place, limit: int | None) -> None:
        self.screen = screen
        self.place = place
        self.limit = limit
        self.done = 0
        self.total = 0

    def run(self) -> None:
        """Run the whole demo."""
        use(self.place.url)
        there = already_there(self.place.shown)
        self.screen.say(INTRODUCTION)
        self.screen.head('The model')
        self.screen.lines(declaration().splitlines())
        self.load(there)
        self.ask()
        self.close()

    def load(self, there: int) -> None:
        """Load the characters that the server lacks."""
        self.screen.head('The data')
        points = code_points(self.limit)
        self.total = len(points)
        if there == self.total:
            self.done = there
            self.screen.say(f'All {there:,} characters are there already: nothing to load.')
            return
        if there:
            self.screen.say(f'{there:,} characters are there already: looking for what is missing.')
        begin = time.monotonic()
        with Stopping(said='') as stopping, self.screen.loading(self.total) as show:

            def advance(count: int) -> None:
                self.done += count
                show(count)
                stopping.here()

            added = load(points, there, advance)
        seconds = time.monotonic() - begin
        self.screen.say(_loaded(added, self.total, seconds))

    def ask(self) -> None:
        """Ask the questions."""
        self.screen.head('Some questions')
        self.screen.lines(PREPARATION, '>>> ')
        names = prepared()
        for number, question in enumerate(QUESTIONS, 1):
            self.screen.head(f'{number}. {question.title}')
            for answer in ask(question, names):
                self.screen.answer(answer, question.columns)

    def close(self) -> None:
        """Tell how to continue."""
        url = self.place.shown
        if self.place.kept:
            self.screen.head('Your turn, on the same data')
        else:
            self.screen.head('Your turn: the server ends now, and its data with it; to keep them')
            keep = f'{closing.rom_command()} demo --keep {closing.SUGGESTED_FOLDER}'
            self.screen.lines([keep], '$ ')
            url = f'embedded:{closing.SUGGESTED_FOLDER}'
        self.screen.lines([closing.python_command()], '$ ')
        self.screen.lines((*closing.shell_lines(url), *closing.TO_TRY), '>>> ')
        if self.place.is_shared:
            self.screen.head('And when you have seen enough: to remove it all')
            self.screen.lines([closing.REMOVAL], '>>> ')

    def stopped(self) -> str:
        """Return the message after Ctrl-C, with the work done and the state of the data."""
        if not self.total:
            return 'Stopped before anything was written.'
        if self.done < self.total:
            how_far = f'Stopped after {self.done:,} of {self.total:,} characters'
        else:
            how_far = 'Stopped; all characters are loaded'
        if self.place.kept:
            then = 'the same command goes on from there'
        else:
            then = 'they go with their server (--keep PATH keeps them)'
        return f'{how_far}. A batch is written whole or not at all: nothing is half done; {then}.'


def _loaded(added: int, total: int, seconds: float) -> str:
    if not added:
        return 'Nothing is missing.'
    if added < total:
        return f'Loaded the {added:,} characters that were missing, in {seconds:.1f} s.'
    return f'Loaded {added:,} characters in {seconds:.1f} s: {added / seconds:,.0f} a second.'
