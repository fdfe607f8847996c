"""What came out of a run: raw samples, and the medians and ratios that the report shows."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple


class Case(NamedTuple):
    """What was measured: an operation of so many users, or on a set of so many."""

    operation: str
    size: int


@dataclass
class Results:
    """All that a run found.

    Attributes:
        facts: when, with what, on which server.
        dashes: peer -> operation ('' for all) -> why there is no number.
        samples: peer -> case -> nanoseconds of a call, one median for each round; None where a
            round has none.
        checks: peer -> case -> 'trips', 'writes' and 'longest' (microseconds of one command).
        memory: peer -> size -> bytes of an entity.
        loads: peer -> size -> nanoseconds of an entity.
        server_times: the same, of the server alone: its CPU.
        imports: package -> nanoseconds, one for each round.
    """

    facts: dict[str, Any] = field(default_factory=dict)
    dashes: dict[str, dict[str, str]] = field(default_factory=dict)
    samples: dict[str, dict[Case, list[float]]] = field(default_factory=dict)
    checks: dict[str, dict[Case, dict[str, int | None]]] = field(default_factory=dict)
    memory: dict[str, dict[int, float]] = field(default_factory=dict)
    loads: dict[str, dict[int, float]] = field(default_factory=dict)
    server_times: dict[str, dict[int, float]] = field(default_factory=dict)
    imports: dict[str, list[float]] = field(default_factory=dict)

    @property
    def sizes(self) -> list[int]:
        """The sizes of the large sets."""
        return list(self.facts['sizes'])

    def add(self, peer: str, case: Case, times: list[int]) -> None:
        """Note a round's sample."""
        self.samples.setdefault(peer, {}).setdefault(case, []).append(float(median(times)))

    def time(self, peer: str, case: Case) -> float | None:
        """The median of the rounds, in nanoseconds."""
        found = self.samples.get(peer, {}).get(case)
        return median(found) if found else None

    def ratio(self, peer: str, other: str, case: Case) -> float | None:
        """How many times as long a peer takes as another: the median of the rounds' ratios."""
        ones = self.samples.get(peer, {}).get(case)
        others = self.samples.get(other, {}).get(case)
        if not ones or not others:
            return None
        return median(one / two for one, two in zip(ones, others, strict=False))

    def growth(self, peer: str, operation: str, small: int, large: int) -> float | None:
        """How many times as long it takes with a large set as with a small one."""
        ones = self.samples.get(peer, {}).get(Case(operation, small))
        others = self.samples.get(peer, {}).get(Case(operation, large))
        if not ones or not others:
            return None
        return median(two / one for one, two in zip(ones, others, strict=False))

    def import_ratio(self, package: str, other: str) -> float | None:
        """How many times as long importing a package takes as importing another."""
        pairs = zip(self.imports.get(package, ()), self.imports.get(other, ()), strict=False)
        ratios = [one / two for one, two in pairs]
        return median(ratios) if ratios else None

    def save(self, path: Path) -> None:
        """Write all of it, as JSON."""
        plain = asdict(self)
        for name in ('samples', 'checks'):
            plain[name] = {
                peer: [[*case, found] for case, found in cases.items()]
                for peer, cases in getattr(self, name).items()
            }
        plain['samples'] = {
            peer: [[*case, [round(sample) for sample in found]] for *case, found in cases]
            for peer, cases in plain['samples'].items()
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_by_line(plain), 'utf-8')

    @classmethod
    def read(cls, path: Path) -> Results:
        """What `save` wrote."""
        plain = json.loads(path.read_text('utf-8'))
        for name in ('samples', 'checks'):
            plain[name] = {
                peer: {Case(operation, size): found for operation, size, found in cases}
                for peer, cases in plain[name].items()
            }
        plain.setdefault('server_times', {})  # a run of before did not measure it
        for name in ('memory', 'loads', 'server_times'):
            plain[name] = {
                peer: {int(size): found for size, found in sizes.items()}
                for peer, sizes in plain[name].items()
            }
        return cls(**plain)


def _by_line(plain: dict[str, Any]) -> str:
    """JSON with a line for each case, so that it can be read and compared."""
    parts = []
    for name, value in plain.items():
        if name in ('samples', 'checks'):
            peers = []
            for peer, cases in value.items():
                lines = ',\n   '.join(json.dumps(case) for case in cases)
                peers.append(f'  {json.dumps(peer)}: [\n   {lines}\n  ]')
            text = '{\n' + ',\n'.join(peers) + '\n }'
        else:
            text = json.dumps(value, indent=1).replace('\n', '\n ')
        parts.append(f' {json.dumps(name)}: {text}')
    return '{\n' + ',\n'.join(parts) + '\n}\n'
