"""The stories of a fleet: what befalls a cluster while programs work on it."""

from dataclasses import dataclass, replace

from tests.faults.worker_task import PROCESS, READERS, TASKS, THREADS

NOTHING = 'nothing'
MOVE, MOVE_BY_SERVER, HAND_OVER = 'slot moved by hand', 'slot moved by servers', 'handed over'
KILL_MASTER, STOP_MASTER = 'master killed', 'master stopped'
#: What loses acknowledged writes that no replica has.
LOSING = (KILL_MASTER, STOP_MASTER)


@dataclass(frozen=True)
class FleetStory:
    """Workers, and what befalls the cluster one after the other; the dice choose the order.

    Attributes:
        about: a line for people.
        plan: how often each trouble is made.
        between: events in the journals from one to the next, at most.
        is_watched: it befalls a main server with replicas and a sentinel, and no cluster.
        is_durable: programs wait until a replica has what they write, so that nothing is lost.
        team: the kinds of the workers.
    """

    about: str
    plan: dict[str, int]
    between: int = 600
    is_watched: bool = False
    is_durable: bool = False
    team: tuple[str, ...] = (PROCESS, PROCESS, PROCESS, THREADS, THREADS, TASKS, TASKS, READERS)

    def small(self) -> 'FleetStory':
        """The same with a tenth of the troubles and half of the workers."""
        plan = {trouble: -(-times // 10) for trouble, times in self.plan.items()}
        return replace(self, plan=plan, between=200, team=(PROCESS, THREADS, TASKS, READERS))


FLEET_STORIES = {
    'calm': FleetStory('nothing befalls the cluster', {NOTHING: 10}),
    'moves': FleetStory(
        'the slot moves to and fro, by hand and by the servers: nothing is lost',
        {MOVE: 20, MOVE_BY_SERVER: 10},
    ),
    'handovers': FleetStory(
        'replicas take over from masters, and slots move: nothing is lost',
        {HAND_OVER: 10, MOVE: 5},
    ),
    'kills': FleetStory(
        'masters are killed and come back empty: lost is only what no replica has',
        {KILL_MASTER: 10, MOVE: 3},
    ),
    'stops': FleetStory(
        'masters stand still, are replaced, and go on: lost is only what no replica has',
        {STOP_MASTER: 5, HAND_OVER: 2},
    ),
    'durable': FleetStory(
        'masters are killed and stopped; programs wait for the replica, and lose nothing',
        {KILL_MASTER: 6, STOP_MASTER: 3},
        is_durable=True,
    ),
    'sentinel': FleetStory(
        'a main server that a sentinel watches is handed over, and killed',
        {HAND_OVER: 5, KILL_MASTER: 5},
        is_watched=True,
    ),
}
