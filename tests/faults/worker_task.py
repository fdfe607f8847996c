"""What a worker is told to do. (Apart from the worker, which imports rom.)"""

from dataclasses import dataclass

PREPARE, PROCESS, THREADS, TASKS = 'prepare', 'process', 'threads', 'tasks'
#: What the addresses of sentinels begin with.
SENTINELS = 'sentinels '
READERS, CHECK = 'readers', 'check'
ACTORS = {PROCESS: 1, THREADS: 3, TASKS: 4, READERS: 3}


@dataclass(frozen=True)
class Task:
    """What a worker is to do.

    Attributes:
        name: of the worker; its actors add a letter.
        kind: `PREPARE`, `CHECK` or a key of `ACTORS`.
        address: the socket of the server, or that of a proxy before it; or of a cluster the nodes
            to begin with, as host:port,host:port; or of sentinels, behind `SENTINELS`.
        journals: the folder of the journals.
        seed: of its dice.
        acts: how many each actor does.
        disturb: the chance that a call is cancelled or interrupted.
        forks: the chance that a child is forked behind an act, by a worker without threads.
        until: the monotonic time when no more acts are begun; 0: none.
        is_durable: the sessions wait until a replica has what they write.
        over: a file; where there is one, no more acts are begun.
    """

    name: str
    kind: str
    address: str
    journals: str
    seed: str
    acts: int = 0
    disturb: float = 0.0
    forks: float = 0.0
    until: float = 0.0
    over: str = ''
    is_durable: bool = False

    @property
    def nodes(self) -> list[tuple[str, int]]:
        """The nodes of the cluster to begin with; none: a single server."""
        return [] if self.address.startswith(('/', SENTINELS)) else _pairs(self.address)

    @property
    def sentinels(self) -> list[tuple[str, int]]:
        """The sentinels to ask for the server; none: there are none."""
        return _pairs(self.address[len(SENTINELS) :]) if self.address.startswith(SENTINELS) else []


def _pairs(addresses: str) -> list[tuple[str, int]]:
    pairs = (address.rpartition(':') for address in addresses.split(','))
    return [(host, int(port)) for host, _, port in pairs]
