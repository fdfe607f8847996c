"""The demo itself: connect, load, ask, and show the commands to continue with."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from rom._core.drivers.urls import without_password
from rom.cli.demo.characters import code_points, count_existing, declaration, load_characters
from rom.cli.demo.questions import PREPARATION, QUESTIONS, ask, prepared_names
from rom.cli.demo.screens import Screen
from rom.cli.errors import DeferredSignals
from rom.cli.model_args import use_server

INTRODUCTION = (
    'rom demo: the characters of Unicode that have a name, as entities of one model, with words, '
    'whole names, beginnings, ends and numbers indexed.'
)


SUGGESTED_FOLDER = 'unicode-data'

TO_TRY = (
    "chars.filter(words='heart').all()",
    "chars.startswith(name='GREEK').order_by('-point').first().to_dict()",
    "Character.get_by(name='PILE OF POO').char",
)

REMOVAL = "db.unlink(*db.scan_iter('{rom-demo}:*', 1000))"


@dataclass(frozen=True, slots=True)
class DemoServer:
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

    def __init__(self, screen: Screen, server: DemoServer, limit: int | None) -> None:
        self.screen = screen
        self.server = server
        self.limit = limit
        self.done = 0
        self.total = 0

    def run(self) -> None:
        """Run the whole demo."""
        use_server(self.server.url)
        existing = count_existing(self.server.shown)
        self.screen.say(INTRODUCTION)
        self.screen.head('The model')
        self.screen.lines(declaration().splitlines())
        self.load(existing)
        self.ask()
        self.close()

    def load(self, existing: int) -> None:
        """Load the characters that the server lacks."""
        self.screen.head('The data')
        points = code_points(self.limit)
        self.total = len(points)
        if existing == self.total:
            self.done = existing
            self.screen.say(f'All {existing:,} characters are there already: nothing to load.')
            return
        if existing:
            self.screen.say(
                f'{existing:,} characters are there already: looking for what is missing.'
            )
        begin = time.monotonic()
        with DeferredSignals(message='') as deferred, self.screen.loading(self.total) as show:

            def advance(count: int) -> None:
                self.done += count
                show(count)
                deferred.raise_pending()

            added = load_characters(points, existing, advance)
        seconds = time.monotonic() - begin
        self.screen.say(_loaded(added, self.total, seconds))

    def ask(self) -> None:
        """Ask the questions."""
        self.screen.head('Some questions')
        self.screen.lines(PREPARATION, '>>> ')
        names = prepared_names()
        for number, question in enumerate(QUESTIONS, 1):
            self.screen.head(f'{number}. {question.title}')
            for answer in ask(question, names):
                self.screen.answer(answer, question.columns)

    def close(self) -> None:
        """Tell how to continue."""
        url = self.server.shown
        if self.server.kept:
            self.screen.head('Your turn, on the same data')
        else:
            self.screen.head('Your turn: the server ends now, and its data with it; to keep them')
            keep = f'{rom_command()} demo --keep {SUGGESTED_FOLDER}'
            self.screen.lines([keep], '$ ')
            url = f'embedded:{SUGGESTED_FOLDER}'
        self.screen.lines([python_command()], '$ ')
        self.screen.lines((*shell_lines(url), *TO_TRY), '>>> ')
        if self.server.is_shared:
            self.screen.head('And when you have seen enough: to remove it all')
            self.screen.lines([REMOVAL], '>>> ')

    def stopped(self) -> str:
        """Return the message after Ctrl-C, with the work done and the state of the data."""
        if not self.total:
            return 'Stopped before anything was written.'
        if self.done < self.total:
            how_far = f'Stopped after {self.done:,} of {self.total:,} characters'
        else:
            how_far = 'Stopped; all characters are loaded'
        if self.server.kept:
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


def shell_lines(url: str) -> tuple[str, ...]:
    """Return the lines to type in a Python shell to use the data of a demo."""
    return ('import rom', f'db = rom.connect({url!r})', *PREPARATION)


def python_command() -> str:
    """Return the shell command that starts this Python."""
    return _shell_word(sys.executable)


def rom_command() -> str:
    """Return the shell command that starts `rom`."""
    name = Path(sys.argv[0])
    if name.name == '__main__.py' or not os.access(name, os.X_OK):
        return f'{python_command()} -m rom.cli'
    return _shell_word(str(name.absolute()))


def _shell_word(program: str) -> str:
    """Return a program's name if the shell finds it on PATH, else its shorter path."""
    path = Path(program)
    if shutil.which(path.name) == program:
        return path.name
    try:
        return shlex.quote(f'./{path.relative_to(Path.cwd())}')
    except ValueError:
        return shlex.quote(program)
