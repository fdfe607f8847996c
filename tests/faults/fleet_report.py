"""The report of a campaign on a fleet: the same, and how long programs had to wait."""

from collections.abc import Mapping

from tests.faults.fleet_campaign import FleetTally
from tests.faults.journal import ACKNOWLEDGED, REFUSED, UNKNOWN
from tests.faults.oracle import CLUSTER_KINDS
from tests.faults.report import counted, drawn

#: `no replica` counts acknowledged operations that were lost and may be: no replica had them.
HEADINGS = ('story', 'tried', 'acknowledged', 'refused', 'unknown', 'no replica', *CLUSTER_KINDS)
PAUSES = ('longest call', 'longest wait')


def table(tallies: Mapping[str, FleetTally], rst: bool = False) -> str:
    """Return the figures of each story; the troubles, and the errors that programs were told.

    Args:
        tallies: by story.
        rst: as reStructuredText.
    """
    figures = [HEADINGS, *(_figures(name, tally) for name, tally in tallies.items())]
    pauses: list[tuple[str, ...]] = [('story', *PAUSES)]
    pauses += [
        (name, _longest_call(tally), f'{tally.paused:.1f} s') for name, tally in tallies.items()
    ]
    longest: dict[str, float] = {}
    for tally in tallies.values():
        for kind, seconds in tally.troubled.items():
            longest[kind] = max(longest.get(kind, 0.0), seconds)
    head, *rows = counted('trouble', (tally.faults for tally in tallies.values()))
    troubles = [(*head, 'longest'), *((*row, f'{longest[row[0]]:.1f} s') for row in rows)]
    errors = counted('error', (tally.errors for tally in tallies.values()))
    return '\n\n'.join(drawn(part, rst) for part in (figures, pauses, troubles, errors)) + '\n'


def _longest_call(tally: FleetTally) -> str:
    act = max(tally.longest, key=tally.longest.__getitem__, default='')
    return f'{tally.longest.get(act, 0):.1f} s ({act})'


def _figures(name: str, tally: FleetTally) -> tuple[str, ...]:
    numbers = [tally.tried, *(tally.answers[kind] for kind in (ACKNOWLEDGED, REFUSED, UNKNOWN))]
    numbers += [tally.allowed, *(tally.problems[kind] for kind in CLUSTER_KINDS)]
    return name, *(f'{number:,}' for number in numbers)
