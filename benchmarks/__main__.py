"""`scripts/bench`: the options, and what is done with the results."""

from __future__ import annotations

import argparse
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from benchmarks import bars, concurrency, environments, maintaining, partitions, report, runner
from benchmarks.operations import BY_NAME, SMALL_SET
from benchmarks.peers import BY_NAME as MEMBERS
from benchmarks.peers import OURS, Member
from benchmarks.plots import NAMES
from benchmarks.results import Results
from benchmarks.team import PeerFailed

DOCS = environments.ROOT / 'docs'
FOLDER = DOCS / 'benchmarks'
SAMPLES = FOLDER / 'samples.json'


def main() -> None:
    """Run, or make the page of an earlier run."""
    options = _options()
    if options.maintenance:
        maintaining.main(['--to', str(options.out / 'maintenance.txt')])
        return
    if options.concurrency:
        concurrency.main(['--to', str(options.out / 'concurrency.txt')])
        return
    if options.partitions:
        partitions.main(['--to', str(options.out / 'partitions.txt')])
        return
    if options.report:
        results, samples = Results.read(options.report), options.report
    else:
        results, samples = runner.run(_plan(options)), options.json
        results.save(samples)
        runner.say(f'{samples}: the samples')
    plots = _plots(samples, options.out)
    page = options.out.parent / f'{options.out.name}.rst'
    report.write(results, page, plots, bars.write(results, options.out))
    runner.say(f'{page}: the tables')


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog='scripts/bench',
        description='Measures rom beside its peers; writes docs/benchmarks.rst.',
    )
    parser.add_argument(
        '--quick', action='store_true', help='sets of 10,000 and 30,000, 3 rounds: some minutes'
    )
    parser.add_argument('--sizes', type=_numbers, help='of the sets, as 10000,100000,1000000')
    parser.add_argument('--rounds', type=int, help='how often everything is timed (7)')
    parser.add_argument(
        '--only',
        action='append',
        default=[],
        choices=list(BY_NAME),
        help='this operation; may be repeated',
    )
    parser.add_argument(
        '--peers', type=lambda text: text.split(','), help=f'besides {OURS}: {",".join(MEMBERS)}'
    )
    parser.add_argument('--json', type=Path, default=SAMPLES, help='where to keep the samples')
    parser.add_argument(
        '--out',
        type=Path,
        default=FOLDER,
        help='folder of the plots; the page is OUT.rst, beside it',
    )
    parser.add_argument(
        '--report',
        type=Path,
        nargs='?',
        const=SAMPLES,
        help='measure nothing: make the page of these samples',
    )
    parser.add_argument(
        '--maintenance',
        action='store_true',
        help='measure nothing but a reindex and a check of 200,000 products',
    )
    parser.add_argument(
        '--concurrency',
        action='store_true',
        help='measure nothing but asyncio tasks that run at the same time',
    )
    parser.add_argument(
        '--partitions',
        action='store_true',
        help='measure nothing but partitions, on clusters of 1, 3 and 6 masters',
    )
    options = parser.parse_args()
    unknown = set(options.peers or ()) - MEMBERS.keys()
    if unknown:
        parser.error(f'no peer {", ".join(sorted(unknown))}; there are {", ".join(MEMBERS)}')
    if options.sizes and min(options.sizes) < SMALL_SET // 10:
        parser.error(f'a set has {SMALL_SET // 10:,} entities at least')
    if options.rounds is not None and options.rounds < 1:
        parser.error('there must be one round at least')
    return options


def _plan(options: argparse.Namespace) -> runner.Plan:
    sizes = options.sizes or ((10_000, 30_000) if options.quick else (10_000, 100_000, 1_000_000))
    sizes = sorted(set(sizes))
    names = MEMBERS.keys() if options.peers is None else {OURS, *options.peers}
    return runner.Plan(
        sizes=tuple(sizes),
        rounds=options.rounds or (3 if options.quick else 7),
        members=tuple(
            _quickly(member, sizes[0]) if options.quick else member
            for name, member in MEMBERS.items()
            if name in names
        ),
        operations=tuple(name for name in BY_NAME if not options.only or name in options.only),
        least=1000 if options.quick else 0,
    )


def _quickly(member: Member, smallest: int) -> Member:
    """A peer that is too slow for a million need not show more than the smallest set, either."""
    return member if member.most >= 1_000_000 else replace(member, most=smallest)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part.replace('_', '')) for part in text.split(','))


def _plots(samples: Path, folder: Path) -> list[Path]:
    """Draw the plots, if matplotlib can be had."""
    try:
        python = environments.prepare(environments.PLOTS, environments.PLOTS_REQUIRE)
    except environments.Unavailable as reason:
        runner.say(f'without plots: {reason}')
        return []
    script = Path(__file__).with_name('plots.py')
    for name in NAMES.values():
        (folder / f'{name}.png').unlink(missing_ok=True)
    subprocess.run([python, '-P', str(script), str(samples), str(folder)], check=True)
    return [path for name in NAMES.values() if (path := folder / f'{name}.png').exists()]


if __name__ == '__main__':
    try:
        main()
    except PeerFailed as failure:
        sys.exit(f'scripts/bench: {failure}')
