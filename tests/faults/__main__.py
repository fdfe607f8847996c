"""The command behind `scripts/faults`."""

import argparse
import secrets
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.faults import campaign, fleet_campaign, fleet_report, report
from tests.faults.fleet_stories import FLEET_STORIES, FleetStory
from tests.faults.stories import STORIES, Story
from tests.support import servers


def main() -> int:
    """Run a campaign as the command line says; return 1 if anything was wrong."""
    parser = _parser()
    arguments = parser.parse_args()
    stories: Mapping[str, Story | FleetStory] = FLEET_STORIES if arguments.fleet else STORIES
    names = arguments.only or tuple(stories)
    for name in names:
        if name not in stories:
            parser.error(f'--only: no story {name!r}; there are {", ".join(stories)}')
    seed = secrets.randbelow(2**32) if arguments.seed is None else arguments.seed
    binary = arguments.server or next(iter(servers.available().values()), None)
    if binary is None:
        print('scripts/faults: there is no server here; --server PATH names one', file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # cleans up as Ctrl-C does
    signal.signal(signal.SIGINT, signal.default_int_handler)  # also in a shell's background
    try:
        tallies = (_on_fleet if arguments.fleet else _on_server)(arguments, binary, names, seed)
    except KeyboardInterrupt:
        print('scripts/faults: interrupted; everything was cleaned up', file=sys.stderr)
        return 130
    if report.is_clean(tallies):
        return 0
    print(report.failures(tallies), file=sys.stderr)
    print(f'scripts/faults: something is wrong; again: --seed {seed}', file=sys.stderr)
    return 1


def _on_server(
    arguments: argparse.Namespace, binary: Path, names: tuple[str, ...], seed: int
) -> Mapping[str, campaign.Tally]:
    settings = campaign.Settings(binary, arguments.commits, seed, names, arguments.seconds)
    _say(f'{binary}, --commits {settings.commits} --seed {seed}')
    tallies = campaign.run(settings, _say)
    print(report.table(tallies, rst=arguments.rst), end='')
    return tallies


def _on_fleet(
    arguments: argparse.Namespace, binary: Path, names: tuple[str, ...], seed: int
) -> Mapping[str, campaign.Tally]:
    _say(f'{binary}, --fleet --seed {seed}')
    stories = {name: FLEET_STORIES[name] for name in names}
    if arguments.small:
        stories = {name: story.small() for name, story in stories.items()}
    tallies = fleet_campaign.run(binary, stories, seed, arguments.rounds, _say)
    print(fleet_report.table(tallies, rst=arguments.rst), end='')
    return tallies


def _say(line: str) -> None:
    print(line, file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    alone, fleet = (
        '\n'.join(f'  {name:10} {story.about}' for name, story in stories.items())
        for stories in (STORIES, FLEET_STORIES)
    )
    parser = argparse.ArgumentParser(
        prog='scripts/faults',
        description='Writes while everything breaks, and looks what is stored afterwards.',
        epilog=f'stories:\n{alone}\n\nstories of --fleet:\n{fleet}',
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add('--commits', type=_positive, default=12_000, metavar='N', help='of all stories; 12000')
    add('--seed', type=int, metavar='S', help='of all dice; default: a new one, which is printed')
    add('--seconds', type=float, default=0.0, metavar='T', help='at most about so long')
    add('--only', type=_stories, default=(), metavar='STORY,...', help='these stories')
    add('--fleet', action='store_true', help='on a cluster, whose slots move and masters fail')
    add('--small', action='store_true', help='with --fleet: a tenth of that')
    add('--rounds', type=_positive, default=1, metavar='N', help='with --fleet: of each story; 1')
    add('--server', type=Path, metavar='PATH', help="the server's program; default: Valkey's")
    add('--rst', action='store_true', help='the table as reStructuredText')
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f'must be at least 1, got {number}')
    return number


def _stories(text: str) -> tuple[str, ...]:
    return tuple(text.split(','))


if __name__ == '__main__':
    sys.exit(main())
