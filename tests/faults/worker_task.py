"""What a worker is told to do. (Apart from the worker, which imports rom.)"""

from dataclasses import dataclass

PREPARE, PROCESS, THREADS, TASKS = 'prepare', 'process', 'threads', 'tasks'
ACTORS = {PROCESS: 1, THREADS: 3, TASKS: 4}


@dataclass(frozen=True)
class Task:
    """What a worker is to do.

    Attributes:
        name: of the worker; its actors add a letter.
        kind: `PREPARE` or a key of `ACTORS`.
        socket: the server's, or that of a proxy before it.
        journals: the folder of the journals.
        seed: of its dice.
        acts: how many each actor does.
        disturb: the chance that a call is cancelled or interrupted.
        forks: the chance that a child is forked behind an act, by a worker without threads.
        until: the monotonic time when no more acts are begun.
    """

    name: str
    kind: str
    socket: str
    journals: str
    seed: str
    acts: int = 0
    disturb: float = 0.0
    forks: float = 0.0
    until: float = 0.0
