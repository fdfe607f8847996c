"""The command behind `scripts/faults`."""

import argparse
import secrets
import signal
import sys
from pathlib import Path

from tests.faults import campaign, report
from tests.faults.stories import STORIES
from tests.support import servers


def main() -> int:
    """Run a campaign as the command line says; return 1 if anything was wrong."""
    arguments = _parser().parse_args()
    seed = secrets.randbelow(2**32) if arguments.seed is None else arguments.seed
    binary = arguments.server or next(iter(servers.available().values()), None)
    if binary is None:
        print('scripts/faults: there is no server here; --server PATH names one', file=sys.stderr)
        return 2
    settings = campaign.Settings(binary, arguments.commits, seed, arguments.only, arguments.seconds)
    print(f'{binary}, --commits {settings.commits} --seed {seed}', file=sys.stderr)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # cleans up as Ctrl-C does
    signal.signal(signal.SIGINT, signal.default_int_handler)  # also in a shell's background
    try:
        tallies = campaign.run(settings, say=lambda line: print(line, file=sys.stderr))
    except KeyboardInterrupt:
        print('scripts/faults: interrupted; everything was cleaned up', file=sys.stderr)
        return 130
    print(report.table(tallies, rst=arguments.rst), end='')
    if report.is_clean(tallies):
        return 0
    print(report.failures(tallies), file=sys.stderr)
    print(f'scripts/faults: something is wrong; again: --seed {seed}', file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    stories = '\n'.join(f'  {name:10} {story.about}' for name, story in STORIES.items())
    parser = argparse.ArgumentParser(
        prog='scripts/faults',
        description='Writes while everything breaks, and looks what is stored afterwards.',
        epilog=f'stories:\n{stories}',
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add('--commits', type=_positive, default=12_000, metavar='N', help='of all stories; 12000')
    add('--seed', type=int, metavar='S', help='of all dice; default: a new one, which is printed')
    add('--seconds', type=float, default=0.0, metavar='T', help='at most about so long')
    add('--only', type=_stories, default=tuple(STORIES), metavar='STORY,...', help='these stories')
    add('--server', type=Path, metavar='PATH', help="the server's program; default: Valkey's")
    add('--rst', action='store_true', help='the table as reStructuredText')
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f'must be at least 1, got {number}')
    return number


def _stories(text: str) -> tuple[str, ...]:
    names = tuple(text.split(','))
    for name in names:
        if name not in STORIES:
            raise argparse.ArgumentTypeError(f'no story {name!r}; there are {", ".join(STORIES)}')
    return names


if __name__ == '__main__':
    sys.exit(main())
