"""The stories: who writes, and what befalls them."""

from dataclasses import dataclass, field

from tests.faults.servers import ALWAYS, EVERYSEC
from tests.faults.worker_task import PROCESS, TASKS, THREADS

KILL_SERVER, CUT_FILE, KILL_WORKER = 'server killed', 'file cut', 'worker killed'
FLUSH_SCRIPTS, KILL_CLIENTS = 'scripts flushed', 'clients killed'


@dataclass(frozen=True)
class Story:
    """Workers that write at the same time, and what befalls them.

    Attributes:
        about: a line for people.
        team: the kinds of its workers.
        chances: what befalls a request, by kind (`tests/support/proxy.py`).
        disturb: the chance that a call is cancelled (tasks), or interrupted by a signal.
        forks: the chance that a child is forked behind an act.
        troubles: what befalls all of them from outside, and after how many requests on average.
        fsync: of the server.
    """

    about: str
    team: tuple[str, ...] = (PROCESS, PROCESS, THREADS, TASKS)
    chances: dict[str, float] = field(default_factory=dict)
    disturb: float = 0.0
    forks: float = 0.0
    troubles: dict[str, int] = field(default_factory=dict)
    fsync: str = ALWAYS


STORIES = {
    'calm': Story('no fault at all; only other writers'),
    'cuts': Story(
        'connections break before and behind requests, and requests wait',
        chances={'before': 0.05, 'after': 0.06, 'delay': 0.03},
    ),
    'late': Story(
        'requests arrive behind the question what became of them',
        chances={'hold': 0.10, 'before': 0.02, 'after': 0.02},
    ),
    'errors': Story(
        'requests that were carried out are answered with errors of the server',
        chances={'answer': 0.10, 'after': 0.02},
    ),
    'kills': Story(
        'workers are killed and replaced',
        troubles={KILL_WORKER: 60},
        chances={'after': 0.01, 'delay': 0.05},
    ),
    'restarts': Story(
        'the server is killed and started again; it keeps all that it acknowledged',
        troubles={KILL_SERVER: 150},
        chances={'delay': 0.02},
    ),
    'tail': Story(
        'the server is killed, and loses the last that it acknowledged',
        troubles={CUT_FILE: 200},
        chances={'delay': 0.02},
        fsync=EVERYSEC,
    ),
    'cancels': Story('tasks are cancelled at any moment', team=(TASKS, TASKS), disturb=0.3),
    'signals': Story(
        'programs are interrupted by signals at any moment, and go on',
        team=(PROCESS, PROCESS, PROCESS),
        disturb=0.3,
    ),
    'forks': Story(
        'programs fork children that write on', team=(PROCESS, PROCESS, PROCESS), forks=0.2
    ),
    'scripts': Story(
        'the server forgets its scripts, and throws its clients out',
        troubles={FLUSH_SCRIPTS: 40, KILL_CLIENTS: 60},
    ),
    'all': Story(
        'everything at once',
        chances={'before': 0.02, 'after': 0.03, 'hold': 0.03, 'answer': 0.03, 'delay': 0.02},
        disturb=0.05,
        forks=0.02,
        troubles={KILL_WORKER: 300, KILL_SERVER: 500, FLUSH_SCRIPTS: 200, KILL_CLIENTS: 200},
    ),
}
