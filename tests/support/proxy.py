"""A proxy between a client and a server that breaks connections where a test says so.

What happens to a write when its connection breaks depends on when it breaks:

    before the request     the server never saw the command
    after the request      the server has executed it, and the client will never know

Both look the same to the client, which then repeats the command or gives up. The proxy does either
on purpose:

    with Proxy(server.socket) as proxy:
        client = redis.Redis(unix_socket_path=proxy.socket)
        proxy.cut_after_request(1)                              # the next command, once
        proxy.cut_before_request(proxy.named('EVALSHA'))        # the next EVALSHA, once
        proxy.cut_after_request(proxy.named('EXEC'), times=3)   # the next three
        proxy.random(seed=7, before=0.1, after=0.1)             # until proxy.heal()

A network and a server do worse than that, and so does the proxy:

    delay      the request waits before it is passed on
    hold       the connection breaks, and the request reaches the server later, on a connection of
               the proxy's own: when `deliver()` is called, or (random) after a later request with
               the same tag was answered, so that it comes behind the question what became of it
    answer     the server executes the request, and the client gets a server's error for it

How it knows where a request ends and when it was answered: each connection has two threads. One
takes the client's bytes apart into commands (RESP arrays of strings), asks the rules about each,
and passes it on. The other counts the server's replies (the parser of hiredis), and passes their
bytes on, until the connection is condemned: from then on it only counts. So a cut "after" is: pass
the command on, wait until there are as many replies as there were commands, close both sides. In a
pipeline, the replies of the commands in front of the condemned one are lost as well, unless they
were on their way already, and the commands behind it are never sent; a network does the same.

What a client says while it connects (HELLO, AUTH, CLIENT, SELECT) passes unharmed and uncounted.
Subscriptions have more replies than commands: do not send them through here.
"""

import contextlib
import random
import shutil
import socket
import tempfile
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import hiredis

from rom._core.drivers import eviction_warning

Command = tuple[bytes, ...]
Predicate = Callable[[Command], bool]
Tag = Callable[[Command], bytes | None]
Address = str | tuple[str, int]

HANDSHAKE = frozenset({b'HELLO', b'AUTH', b'CLIENT', b'SELECT'})
BEFORE, AFTER, DELAY, HOLD, ANSWER = 'before', 'after', 'delay', 'hold', 'answer'
KINDS = (BEFORE, AFTER, DELAY, HOLD, ANSWER)
PATIENCE = 10.0  # seconds for an answer; a command that blocks for longer is cut unanswered
LONGEST = 0.02  # seconds that a random delay takes at most
LATEST = 8  # answers that pass at most between the question and the delivery of a held request

#: What servers say instead of the answer, in their own words.
ERRORS = (
    'BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.',
    'LOADING Redis is loading the dataset in memory',
    "READONLY You can't write against a read only replica.",
    'CLUSTERDOWN The cluster is down',
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    "NOPERM User default has no permissions to run the 'evalsha' command",
    "OOM command not allowed when used memory > 'maxmemory'.",
    'NOREPLICAS Not enough good replicas to write.',
    'ERR max number of clients reached',
    'ERR something is wrong with this server',
)


@dataclass(frozen=True)
class Fault:
    """What befalls one request.

    Attributes:
        kind: one of `KINDS`.
        seconds: of a delay.
        error: the answer, without its sign.
        later: answers to let pass between the question and the delivery of a held request.
    """

    kind: str
    seconds: float = 0.0
    error: str = ERRORS[-1]
    later: int = 0


class Proxy:
    """Listens on `socket`, a unix socket, and passes on to `target`: a path or (host, port).

    Args:
        target: the server.
        tag: returns what a command is about. Random faults hold back only commands that have a
            tag, until another command with the same one was answered.
    """

    def __init__(self, target: Address, tag: Tag = lambda command: None) -> None:
        self.requests: Counter[str] = Counter()  # commands seen, by name; what was cut too
        self.cuts: Counter[str] = Counter()  # 'before' and 'after': connections cut
        self.faults: Counter[str] = Counter()  # everything done to requests, by kind; cuts too
        self._target = target
        self._tag = tag
        self._rules = _Rules()
        self._late = _Late(target, tag)
        self._lock = threading.Lock()
        self._links: set[_Link] = set()
        self._folder = Path(tempfile.mkdtemp(prefix='rom-proxy-'))
        self.socket = str(self._folder / 'socket')
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.socket)
        self._listener.listen(64)
        self._closed = False
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()
        # Commands are counted, and rom asks each server a question of its own, once.
        eviction_warning._servers.add(f'unix:{self.socket}')

    # --- what a test says ---

    @staticmethod
    def named(*names: str) -> Predicate:
        """A predicate: the command has one of these names."""
        wanted = {name.upper().encode() for name in names}
        return lambda command: command[0].upper() in wanted

    def cut_before_request(self, when: int | Predicate, times: int = 1) -> None:
        """Drop the connection when the command comes; the server never gets it.

        `when`: the how manyth from now (1: the next one), or a predicate on the command, a tuple
        of bytes; it then holds for the first `times` commands that it is true for.
        """
        self._add(Fault(BEFORE), when, times)

    def cut_after_request(self, when: int | Predicate, times: int = 1) -> None:
        """Let the server execute the command, then drop the connection without the reply."""
        self._add(Fault(AFTER), when, times)

    def delay_request(self, when: int | Predicate, seconds: float, times: int = 1) -> None:
        """Let the request, and all that follows it on its connection, wait."""
        self._add(Fault(DELAY, seconds=seconds), when, times)

    def hold_request(self, when: int | Predicate, times: int = 1) -> None:
        """Drop the connection, and keep the request for `deliver()`."""
        self._add(Fault(HOLD), when, times)

    def answer_error(self, when: int | Predicate, error: str = ERRORS[-1], times: int = 1) -> None:
        """Let the server execute the command, and give the client this error for its answer."""
        self._add(Fault(ANSWER, error=error), when, times)

    def deliver(self) -> list[object]:
        """Send what was held back to the server; return what it answers."""
        return self._late.deliver()

    def random(self, seed: int, only: Predicate | None = None, **chances: float) -> None:
        """From now on, do this to requests with these probabilities; same seed, same faults.

        Args:
            seed: of the dice.
            only: the commands concerned; default: all.
            **chances: by kind of fault (`KINDS`).
        """
        unknown = chances.keys() - set(KINDS)
        if unknown:
            raise ValueError(f'faults are {", ".join(KINDS)}, not {", ".join(sorted(unknown))}')
        with self._lock:
            self._rules.random = _Chance(random.Random(seed), chances, only, self._tag)

    def heal(self) -> None:
        """Forget all rules. Connections that are open stay open."""
        with self._lock:
            self._rules = _Rules()

    def drop_all(self) -> None:
        """Close every open connection now, as a server does that goes away."""
        with self._lock:
            links = list(self._links)
        for link in links:
            link.close()

    def close(self) -> None:
        """Stop listening, drop what is open, wait for the threads."""
        if self._closed:
            return
        self._closed = True
        with contextlib.suppress(OSError):  # wakes accept()
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._accepting.join(PATIENCE)
        with self._lock:
            links = list(self._links)
        for link in links:
            link.close()
            link.join()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # --- what its threads do ---

    def _add(self, fault: Fault, when: int | Predicate, times: int) -> None:
        rule = (
            _Rule(fault, lambda command: True, skip=when - 1, times=1)
            if isinstance(when, int)
            else _Rule(fault, when, skip=0, times=times)
        )
        with self._lock:
            self._rules.rules.append(rule)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            link = _Link(client, self._target, self._judge, self._late, self._forget)
            with self._lock:
                self._links.add(link)
            link.start()

    def _judge(self, command: Command) -> Fault | None:
        name = command[0].upper()
        if name in HANDSHAKE:
            return None
        with self._lock:
            self.requests[name.decode('latin-1')] += 1
            fault = self._rules.judge(command)
            if fault:
                self.faults[fault.kind] += 1
                self.cuts.update([fault.kind] if fault.kind in (BEFORE, AFTER) else [])
            return fault

    def _forget(self, link: '_Link') -> None:
        with self._lock:
            self._links.discard(link)


# --- the rules -----------------------------------------------------------------------------------


@dataclass
class _Rule:
    fault: Fault
    matches: Predicate
    skip: int
    times: int

    def applies(self, command: Command) -> bool:
        if self.times <= 0 or not self.matches(command):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.times -= 1
        return True


@dataclass
class _Chance:
    dice: random.Random
    chances: dict[str, float]
    only: Predicate | None
    tag: Tag

    def throw(self, command: Command) -> Fault | None:
        if self.only is not None and not self.only(command):
            return None
        thrown = self.dice.random()
        for kind, chance in self.chances.items():
            if thrown < chance:
                return self._fault(kind, command)
            thrown -= chance
        return None

    def _fault(self, kind: str, command: Command) -> Fault | None:
        # What is nobody's question is never delivered: it is lost, as with a cut before it.
        if kind == HOLD and self.tag(command) is None:
            return Fault(BEFORE)
        return Fault(
            kind,
            seconds=self.dice.uniform(0, LONGEST),
            error=self.dice.choice(ERRORS),
            later=self.dice.randrange(LATEST),
        )


class _Rules:
    def __init__(self) -> None:
        self.rules: list[_Rule] = []
        self.random: _Chance | None = None

    def judge(self, command: Command) -> Fault | None:
        # Every rule sees every command, so that each counts on its own; the first one decides.
        faults = [rule.fault for rule in self.rules if rule.applies(command)]
        if self.random is not None:
            faults += [thrown] if (thrown := self.random.throw(command)) else []
        return faults[0] if faults else None


# --- requests that come late ---------------------------------------------------------------------


@dataclass(eq=False)
class _Held:
    wire: bytes
    tag: bytes | None
    later: int
    is_asked: bool = False


@dataclass
class _Late:
    """Keeps requests back, and sends each to the server on a connection of its own.

    A link that has an answer tells so before it passes the answer on. So what is delivered right
    behind the question is carried out before the client hears what became of it.
    """

    target: Address
    tag: Tag
    held: list[_Held] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def hold(self, command: Command, wire: bytes, later: int) -> None:
        with self.lock:
            self.held.append(_Held(wire, self.tag(command), later))

    def answered(self, command: Command) -> None:
        """A command was answered: deliver what waited for that."""
        if not self.held:
            return
        with self.lock:
            tag = self.tag(command)
            due = [one for one in self.held if _is_due(one, tag)]
            self.held = [one for one in self.held if one not in due]
        self._send(due)

    def deliver(self) -> list[object]:
        with self.lock:
            due, self.held = self.held, []
        return self._send(due)

    def _send(self, due: list[_Held]) -> list[object]:
        replies = []
        for one in due:
            with contextlib.suppress(OSError):  # no server: the request is lost
                replies.append(_ask(self.target, one.wire))
        return replies


def _is_due(one: _Held, tag: bytes | None) -> bool:
    if one.is_asked:
        one.later -= 1
    elif tag is not None and tag == one.tag:
        one.is_asked = True
    return one.is_asked and one.later <= 0


def _connect(target: Address) -> socket.socket:
    server = socket.socket(socket.AF_UNIX if isinstance(target, str) else socket.AF_INET)
    server.settimeout(PATIENCE)
    server.connect(target)
    return server


def _ask(target: Address, wire: bytes) -> object:
    """Send one request on a new connection; return the reply, an error as an exception."""
    with _connect(target) as server:
        server.sendall(wire)
        reader = hiredis.Reader()
        while (reply := reader.gets()) is False:
            data = server.recv(65536)
            if not data:
                raise ConnectionError('the server closed the connection')
            reader.feed(data)
        return reply


# --- a connection --------------------------------------------------------------------------------


class _Link:
    """One client's connection and ours to the server, with a thread for each direction."""

    def __init__(
        self,
        client: socket.socket,
        target: Address,
        judge: Callable[[Command], Fault | None],
        late: _Late,
        forget: Callable[['_Link'], None],
    ) -> None:
        self._client = client
        self._target = target
        self._judge = judge
        self._late = late
        self._forget = forget
        self._server = socket.socket(socket.AF_UNIX if isinstance(target, str) else socket.AF_INET)
        self._due: deque[Command] = deque()  # sent, and not answered yet
        self._sent = 0
        self._answered = 0
        self._condemned = False
        self._over = False
        self._changed = threading.Condition()
        self._threads = [
            threading.Thread(target=self._run, args=(action,), daemon=True)
            for action in (self._requests, self._replies)
        ]
        self._running = len(self._threads)

    def start(self) -> None:
        try:
            self._server.connect(self._target)
        except OSError:  # no server, no service: the client sees its connection close
            self._let_go()
            return
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(PATIENCE)

    def close(self) -> None:
        """End both sides. The threads wake up, and the last one of them lets go of the sockets."""
        with self._changed:
            self._over = True
            self._changed.notify_all()
        for side in (self._client, self._server):
            with contextlib.suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)

    def _run(self, action: Callable[[], None]) -> None:
        with contextlib.suppress(OSError):
            action()
        self.close()
        with self._changed:
            self._running -= 1
            last = self._running == 0
        if last:
            self._let_go()

    def _let_go(self) -> None:
        self._client.close()
        self._server.close()
        self._forget(self)

    def _requests(self) -> None:
        parser = _Requests()
        while data := self._client.recv(65536):
            passing = bytearray()
            for command, wire in parser.feed(data):
                fault = self._judge(command)
                kind = fault.kind if fault else None
                if fault and kind == HOLD:
                    self._late.hold(command, wire, fault.later)
                if kind in (BEFORE, HOLD):
                    self._condemn(bytes(passing))
                    return
                if fault and kind in (DELAY, ANSWER):
                    self._server.sendall(passing)
                    passing.clear()
                if fault and kind == DELAY:
                    time.sleep(fault.seconds)
                if fault and kind == ANSWER:
                    self._answer(command, wire, fault.error)
                    continue
                passing += wire
                self._expect(command)
                if kind == AFTER:
                    self._condemn(bytes(passing))
                    return
            self._server.sendall(passing)

    def _expect(self, command: Command) -> None:
        self._due.append(command)
        self._sent += 1

    def _condemn(self, last: bytes) -> None:
        """Send this, wait until the server has answered all of it, deliver nothing of that."""
        with self._changed:
            self._condemned = True
        self._server.sendall(last)
        self._wait_for_all()

    def _answer(self, command: Command, wire: bytes, error: str) -> None:
        """Pass a command on, keep its answer, and say something else."""
        self._wait_for_all()
        self._condemn_one(command, wire)
        self._client.sendall(f'-{error}\r\n'.encode())

    def _condemn_one(self, command: Command, wire: bytes) -> None:
        self._expect(command)
        self._condemn(wire)
        with self._changed:
            if self._answered < self._sent:
                raise OSError('the server went away')
            self._condemned = False

    def _wait_for_all(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._over or self._answered >= self._sent, PATIENCE)

    def _replies(self) -> None:
        reader = hiredis.Reader()
        while data := self._server.recv(65536):
            reader.feed(data)
            answered = sum(1 for _ in _replies(reader))
            for _ in range(min(answered, len(self._due))):
                self._late.answered(self._due.popleft())
            with self._changed:
                self._answered += answered
                condemned = self._condemned
                self._changed.notify_all()
            if not condemned:
                self._client.sendall(data)


def _replies(reader: hiredis.Reader) -> Iterator[object]:
    """The whole replies so far; what the server pushes by itself answers nothing."""
    while (reply := reader.gets()) is not False:
        if not isinstance(reply, hiredis.PushNotification):
            yield reply


class _Requests:
    """Takes a client's bytes apart: every command as soon as it is whole, and its bytes."""

    def __init__(self) -> None:
        self._buffer = b''

    def feed(self, data: bytes) -> Iterator[tuple[Command, bytes]]:
        self._buffer += data
        start = 0
        while (found := self._one(start)) is not None:
            command, end = found
            yield command, self._buffer[start:end]
            start = end
        self._buffer = self._buffer[start:]

    def _one(self, start: int) -> tuple[Command, int] | None:
        header = self._line(start, b'*')
        if header is None:
            return None
        count, position = header
        words = []
        for _ in range(count):
            header = self._line(position, b'$')
            if header is None:
                return None
            length, position = header
            if len(self._buffer) < position + length + 2:
                return None
            words.append(self._buffer[position : position + length])
            position += length + 2
        return tuple(words), position

    def _line(self, start: int, sign: bytes) -> tuple[int, int] | None:
        """The number in the line at `start`, and where the next line begins."""
        end = self._buffer.find(b'\r\n', start)
        if end < 0:
            return None
        if self._buffer[start : start + 1] != sign:
            raise OSError(f'no RESP request: {self._buffer[start : start + 40]!r}')
        return int(self._buffer[start + 1 : end]), end + 2
