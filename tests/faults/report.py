"""The report: a table of what was tried and what was wrong, and the log of each failure."""

from collections import Counter
from collections.abc import Iterable, Mapping

from tests.faults.campaign import Failure, Tally
from tests.faults.journal import ACKNOWLEDGED, REFUSED, UNKNOWN
from tests.faults.oracle import KINDS

#: Columns of the table, and failures that are told with their log.
HEADINGS = ('story', 'tried', 'acknowledged', 'refused', 'unknown', 'faults', *KINDS)
MOST_FAILURES = 10


def is_clean(tallies: Mapping[str, Tally]) -> bool:
    """Nothing was wrong."""
    return not any(tally.problems for tally in tallies.values())


def table(tallies: Mapping[str, Tally], rst: bool = False) -> str:
    """Return the figures of each story and of all, and the faults by kind.

    Args:
        tallies: by story.
        rst: as reStructuredText.
    """
    rows: list[tuple[str, ...]] = [HEADINGS]
    rows += [_row(name, [tally]) for name, tally in tallies.items()]
    rows.append(_row('together', list(tallies.values())))
    faults = counted('fault', (tally.faults for tally in tallies.values()))
    return '\n\n'.join(drawn(part, rst) for part in (rows, faults)) + '\n'


def counted(heading: str, counters: Iterable[Counter[str]]) -> list[tuple[str, ...]]:
    """Return the rows of a table of kinds and how often there was each."""
    kinds: Counter[str] = Counter()
    for counter in counters:
        kinds.update(counter)
    return [(heading, 'times'), *((kind, f'{times:,}') for kind, times in sorted(kinds.items()))]


def failures(tallies: Mapping[str, Tally]) -> str:
    """Return what went wrong, each with the events of its row."""
    found = _mixed([failure for tally in tallies.values() for failure in tally.failures])
    parts = [_failure(failure) for failure in found[:MOST_FAILURES]]
    if len(found) > MOST_FAILURES:
        parts.append(f'{len(found) - MOST_FAILURES} more like these')
    return '\n\n'.join(parts)


def _mixed(found: list[Failure]) -> list[Failure]:
    """Return failures so that those of each kind come in turn."""
    seen: Counter[str] = Counter()
    places = []
    for failure in found:
        places.append(seen[failure.problem.kind])
        seen[failure.problem.kind] += 1
    order = sorted(range(len(found)), key=places.__getitem__)
    return [found[place] for place in order]


def _failure(failure: Failure) -> str:
    title = f'{failure.problem.kind}: {failure.problem.message}'
    return '\n    '.join([title, f'seed and story: {failure.seed}', *failure.log])


def _row(name: str, tallies: list[Tally]) -> tuple[str, ...]:
    answers: Counter[str] = Counter()
    problems: Counter[str] = Counter()
    for tally in tallies:
        answers.update(tally.answers)
        problems.update(tally.problems)
    numbers = [sum(tally.tried for tally in tallies)]
    numbers += [answers[outcome] for outcome in (ACKNOWLEDGED, REFUSED, UNKNOWN)]
    numbers += [sum(tally.faults.total() for tally in tallies)]
    numbers += [problems[kind] for kind in KINDS]
    return name, *(f'{number:,}' for number in numbers)


def drawn(rows: list[tuple[str, ...]], rst: bool) -> str:
    """Return rows of cells as a table, whose first row is its head."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    ruler = '  '.join('=' * width for width in widths)
    lines = ['  '.join(_cells(row, widths)).rstrip() for row in rows]
    if not rst:
        return '\n'.join(lines)
    return '\n'.join([ruler, lines[0], ruler, *lines[1:], ruler])


def _cells(row: tuple[str, ...], widths: list[int]) -> list[str]:
    first, *others = zip(row, widths, strict=True)
    return [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]
