"""The command: many schedules by hand. See the package."""

import argparse
import secrets
import sys
import time
from collections import Counter

from tests.faults.shards import schedule
from tests.support import servers

_MOST_FAILURES = 5


def main() -> int:
    """Run schedules as the command line says; return 1 if anything was wrong."""
    parser = argparse.ArgumentParser('python -m tests.faults.shards', description=__doc__)
    parser.add_argument('--schedules', type=int, default=300)
    parser.add_argument('--seed', type=int, help='the first; each schedule has the next')
    arguments = parser.parse_args()
    first = secrets.randbelow(2**32) if arguments.seed is None else arguments.seed
    met, outcomes, failures = Counter[str](), Counter[str](), 0
    begun = time.monotonic()
    running = servers.Servers()
    try:
        server = running.get(next(iter(servers.available())))
        with server.connect() as connection:
            for seed in range(first, first + arguments.schedules):
                result = schedule.run(connection, seed, with_indexes=seed % 20 == 0)
                met += result.met
                outcomes += result.outcomes
                if result.problems:
                    failures += 1
                    print(f'--seed {seed}: {"; ".join(result.problems[:3])}', flush=True)
                if failures == _MOST_FAILURES:
                    break
    finally:
        running.close()
    seconds = time.monotonic() - begun
    print(f'{arguments.schedules} schedules from seed {first}: {failures} failed, {seconds:.0f} s')
    print(', '.join(f'{name} {count:,}' for name, count in sorted(met.items())))
    print(', '.join(f'{name} {count:,}' for name, count in sorted(outcomes.items())))
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main())
