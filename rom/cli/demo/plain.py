"""The demo in a pipe, a file, or a terminal without escape sequences: plain lines."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.cells import cell_len

from rom.cli.demo.answers import line_of, loading_line, measure_of, rows_of
from rom.cli.demo.questions import Answer

INDENT = '    '
GAP = '  '

SECONDS_BETWEEN = 5.0


class Plain:
    """Prints lines of any length, without colours."""

    def say(self, text: str) -> None:
        print(text, flush=True)

    def head(self, text: str) -> None:
        print(f'\n{text}')

    def lines(self, lines: Sequence[str], prompt: str = '') -> None:
        for line in lines:
            print(f'{INDENT}{prompt}{line}'.rstrip())

    @contextmanager
    def loading(self, total: int) -> Iterator[Callable[[int], None]]:
        begin = last = time.monotonic()
        done = 0

        def advance(count: int) -> None:
            nonlocal done, last
            done += count
            now = time.monotonic()
            if now - last >= SECONDS_BETWEEN:
                last = now
                self.say(INDENT + loading_line(done, total, done / (now - begin)))

        yield advance

    def answer(self, answer: Answer, columns: Sequence[str]) -> None:
        self.lines([answer.line], '>>> ')
        if not answer.has_value or answer.value is None:
            return
        rows = rows_of(answer.value, columns)
        if rows is None:
            print(f'{INDENT}{line_of(answer.value)}  ({measure_of(answer)})')
            return
        for line in aligned(rows):
            print(INDENT + line)
        print(f'{INDENT}({measure_of(answer)})')


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield rows as lines, in columns as wide as their widest cell on a screen.

    >>> list(aligned([('a', '1', 'x'), ('bcd', '22', 'y')]))
    ['a    1   x', 'bcd  22  y']
    """
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        padded = (
            cell + ' ' * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True)
        )
        yield GAP.join(padded).rstrip()
