"""Output of subcommands: tables on a terminal; elsewhere tab-separated lines, or JSON.

Results go to stdout. Messages about the run (progress, notes, errors) go to stderr, so that a pipe
gets only results.
"""

from __future__ import annotations

import contextlib
import functools
import io
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

HEADING = 'bold'
FAINT = 'dim'
GAP = (0, 2, 0, 0)
INDENT = (0, 0, 0, 2)

_ESCAPES = str.maketrans({'\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r'})


def safe(text: str) -> str:
    """Return text in which all control characters but newlines are escaped.

    Names of keys and values of rows may come from an attacker, and hold escape sequences.

    >>> safe('a' + chr(27) + '[2J' + chr(10) + 'b')
    'a\\\\x1b[2J\\nb'
    """
    if text.isprintable():
        return text
    return ''.join(c if c == '\n' or c.isprintable() else ascii(c)[1:-1] for c in text)


def is_terminal(stream: TextIO) -> bool:
    """Return whether a stream is a terminal that understands escape sequences."""
    return stream.isatty() and os.environ.get('TERM') not in (None, '', 'dumb')


def console(to_stderr: bool = False) -> Console:
    """Return the console of rich that all subcommands print with, without markup.

    While a progress bar is shown, output to the terminal must go through the bar's own console, or
    it would be written over.
    """
    if _moving and (to_stderr or is_terminal(sys.stdout)):
        return _moving[-1]
    return _console(to_stderr)


@functools.cache
def _console(to_stderr: bool) -> Console:
    return Console(stderr=to_stderr, highlight=False, emoji=False, markup=False)


_moving: list[Console] = []


@contextlib.contextmanager
def above(moving: Console) -> Iterator[None]:
    """Print above the progress bar of this console, until the end of the block."""
    _moving.append(moving)
    try:
        yield
    finally:
        _moving.remove(moving)


def escape_unencodable() -> None:
    """Escape characters that the output's encoding lacks, instead of raising an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors='backslashreplace')


def heading(text: str) -> None:
    """Print a heading on a terminal; lines for programs have none."""
    if is_terminal(sys.stdout):
        console().print(Text(safe(text), HEADING))


def gap() -> None:
    """Print an empty line on a terminal."""
    if is_terminal(sys.stdout):
        console().print()


def row(*cells: Any) -> None:
    """Print a line for programs with the data that a heading shows on a terminal."""
    if not is_terminal(sys.stdout):
        print('\t'.join(map(cell, cells)))


def table(
    kind: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], cells: Sequence[str] = ()
) -> None:
    """Print rows: a table on a terminal; else a line each, its cells separated by tabs.

    Args:
        kind: one word for the rows: the first cell of each line for programs.
        columns: the titles on a terminal. One that begins with '>' is for numbers.
        rows: strings, numbers, and None for unknown or missing values.
        cells: further cells after the kind, which a heading shows on a terminal.
    """
    if not is_terminal(sys.stdout):
        for row in rows:
            print('\t'.join(map(cell, [kind, *cells, *row])))
        return
    if not rows:
        return
    made = Table(box=None, pad_edge=False, header_style=FAINT, padding=GAP)
    for title in columns:
        is_number = title.startswith('>')
        made.add_column(
            title.removeprefix('>'),
            justify='right' if is_number else 'left',
            no_wrap=is_number,
            overflow='fold',
        )
    for row in rows:
        made.add_row(*(Text(shown(value)) for value in row))
    console().print(Padding(made, INDENT))


def line(*cells: Any) -> None:
    """Print the same cells as one line for people or for programs."""
    if is_terminal(sys.stdout):
        text('  '.join(map(shown, cells)))
    else:
        row(*cells)


def facts(known: Mapping[str, Any]) -> None:
    """Print names and their values, a line each."""
    width = max(map(len, known))
    for name, value in known.items():
        line(name.ljust(width) if is_terminal(sys.stdout) else name, value)


def text(text: str) -> None:
    """Print lines without wrapping them."""
    if is_terminal(sys.stdout):
        console().print(Text(safe(text)), soft_wrap=True)
    else:
        print(safe(text))


def as_json(data: Any) -> None:
    """Print data as JSON."""
    written = json.dumps(data, indent=2, ensure_ascii=False)
    print(''.join(c if c == '\n' or c.isprintable() else _in_json(c) for c in written))


def _in_json(character: str) -> str:
    return json.dumps(character)[1:-1]


def note(text: str) -> None:
    """Print a message about the run on stderr."""
    on = console(to_stderr=True)
    on.print(Text(safe(text)), soft_wrap=not on.is_terminal)


class Size(int):
    """A size in bytes."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value that is an estimate."""

    value: Any


def cell(value: Any) -> str:
    """Return a value for programs: no thousands separators, control characters escaped.

    >>> cell(12345), cell('a\\tb'), cell(None)
    ('12345', 'a\\\\tb', '')
    """
    if isinstance(value, Estimate):
        return cell(value.value)
    if isinstance(value, Size):
        value = int(value)
    return '' if value is None else safe(str(value).translate(_ESCAPES))


def shown(value: Any) -> str:
    """Return a value for people.

    >>> shown(12345), shown(Size(12345)), shown(Estimate(5)), shown(None)
    ('12,345', '12.3 kB', '~5', '')
    """
    if isinstance(value, Estimate):
        return '' if value.value is None else f'~{shown(value.value)}'
    if isinstance(value, Size):
        return _size(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return f'{value:,}'
    return cell(value)


def _size(value: int) -> str:
    for unit, one in (('GB', 10**9), ('MB', 10**6), ('kB', 10**3)):
        if value >= one:
            return f'{value / one:,.1f} {unit}'
    return f'{value} B'


# Two adjacent units are precise enough.
_UNITS = (('d', 86400), ('h', 3600), ('min', 60), ('s', 1))


def format_duration(seconds: float) -> str:
    """Return a duration for people to read, to the second, in at most two units.

    >>> [format_duration(seconds) for seconds in (45, 130, 3600, 11_105, 200_000)]
    ['45 s', '2 min 10 s', '1 h', '3 h 5 min', '2 d 7 h']
    """
    left = round(seconds)
    parts: list[str] = []
    for unit, one in _UNITS:
        count, left = divmod(left, one)
        if count:
            parts.append(f'{count} {unit}')
        elif parts:
            break
        if len(parts) == 2:
            break
    return ' '.join(parts) or '0 s'
