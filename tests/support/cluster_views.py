"""What a node of a cluster sees: itself and the others; and whether all of them see the same."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from tests.support.fleet import HOST, Process

#: What the flags of a node begin with that another one cannot count on.
_UNWELL = ('fail', 'handshake', 'noaddr')


class Node(NamedTuple):
    """A node as a node sees it.

    Attributes:
        id: its name in the cluster.
        flags: `master`, `slave`, `fail?` and the like.
        master: the id of its master; '-': it has none.
        is_linked: whoever looks has a connection to it.
        slots: those of its own, as pairs of the first and the last.
        moving: the slots that come or go.
    """

    id: str
    flags: tuple[str, ...]
    master: str
    is_linked: bool
    slots: tuple[tuple[int, int], ...]
    moving: tuple[str, ...]

    @property
    def is_master(self) -> bool:
        return 'master' in self.flags

    @property
    def is_well(self) -> bool:
        return self.is_linked and not any(flag.startswith(_UNWELL) for flag in self.flags)

    def has(self, slot: int) -> bool:
        """Tell whether a slot is one of its own."""
        return any(first <= slot <= last for first, last in self.slots)


class View(NamedTuple):
    """All nodes as one of them sees them."""

    itself: Node
    nodes: dict[str, Node]

    def is_well(self, size: int) -> bool:
        """Tell whether it sees that many nodes, and each is well."""
        return len(self.nodes) == size and all(node.is_well for node in self.nodes.values())


def seen_by(node: Process) -> View:
    """Return what a node sees."""
    text: Any = node.client.execute_command('CLUSTER', 'NODES')
    nodes = [_node(line.split()) for line in text.decode().splitlines()]
    itself = next(one for one in nodes if 'myself' in one.flags)
    return View(itself, {one.id: one for one in nodes})


def _node(words: list[str]) -> Node:
    id, _, flags, master, _, _, _, link, *slots = words
    return Node(
        id,
        tuple(flag for flag in flags.split(',')),
        master,
        link == 'connected',
        tuple(_range(slot) for slot in slots if not slot.startswith('[')),
        tuple(slot for slot in slots if slot.startswith('[')),
    )


def _range(text: str) -> tuple[int, int]:
    first, _, last = text.partition('-')
    return int(first), int(last or first)


def complaint(running: Iterable[Process]) -> str:
    """Return what is wrong with the nodes that run; '': nothing.

    All see each other, and the same roles and slots; no slot moves; the cluster takes requests;
    each replica has a connection to its master, and has read what that one held.
    """
    views = {node: seen_by(node) for node in running}
    own = [view.itself for view in views.values()]
    for node, view in views.items():
        for itself in own:
            seen = view.nodes.get(itself.id)
            if seen is None or not seen.is_well or seen.moving or _differ(seen, itself):
                return f'{node} sees {seen}, which sees itself as {itself}'
        if not takes_requests(node):
            return f'{node} says that the cluster is down'
        replication: dict[str, Any] = node.client.info('replication')
        if not view.itself.is_master and replication.get('master_link_status') != 'up':
            return f'{node} has no connection to its master'
    return ''


def takes_requests(node: Process) -> bool:
    """Tell whether a node says that the cluster is not down."""
    told: dict[str, str] = node.client.cluster('INFO')
    return told['cluster_state'] == 'ok'


def introduce_again(running: Iterable[Process]) -> None:
    """Have nodes tell others what they are, where those have not heard.

    They do so by themselves in time, but one other node a second.
    """
    views = {node: seen_by(node) for node in running}
    for view in views.values():
        for other, itself in ((node, own.itself) for node, own in views.items()):
            seen = view.nodes.get(itself.id)
            if seen is None or _differ(seen, itself):
                port = next(node.port for node, own in views.items() if own is view)
                other.client.cluster('MEET', HOST, port)


def _differ(seen: Node, itself: Node) -> bool:
    return (seen.is_master, seen.master, seen.slots) != (
        itself.is_master,
        itself.master,
        itself.slots,
    )
