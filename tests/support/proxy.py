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
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import hiredis

Command = tuple[bytes, ...]
Predicate = Callable[[Command], bool]
Address = str | tuple[str, int]

HANDSHAKE = frozenset({b'HELLO', b'AUTH', b'CLIENT', b'SELECT'})
BEFORE, AFTER = 'before', 'after'
PATIENCE = 10.0  # seconds for an answer; a command that blocks for longer is cut unanswered


class Proxy:
    """Listens on `socket`, a unix socket, and passes on to `target`: a path or (host, port)."""

    def __init__(self, target: Address) -> None:
        self.requests: Counter[str] = Counter()  # commands seen, by name; what was cut too
        self.cuts: Counter[str] = Counter()  # 'before' and 'after': connections cut
        self._target = target
        self._rules = _Rules()
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
        self._add(BEFORE, when, times)

    def cut_after_request(self, when: int | Predicate, times: int = 1) -> None:
        """Let the server execute the command, then drop the connection without the reply."""
        self._add(AFTER, when, times)

    def random(
        self, seed: int, before: float = 0.0, after: float = 0.0, only: Predicate | None = None
    ) -> None:
        """From now on, cut with these probabilities; the same seed, the same cuts."""
        with self._lock:
            self._rules.random = _Chance(random.Random(seed), before, after, only)

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

    def _add(self, where: str, when: int | Predicate, times: int) -> None:
        rule = (
            _Rule(where, lambda command: True, skip=when - 1, times=1)
            if isinstance(when, int)
            else _Rule(where, when, skip=0, times=times)
        )
        with self._lock:
            self._rules.rules.append(rule)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            link = _Link(client, self._target, self._judge, self._forget)
            with self._lock:
                self._links.add(link)
            link.start()

    def _judge(self, command: Command) -> str | None:
        name = command[0].upper()
        if name in HANDSHAKE:
            return None
        with self._lock:
            self.requests[name.decode('latin-1')] += 1
            verdict = self._rules.judge(command)
            if verdict:
                self.cuts[verdict] += 1
            return verdict

    def _forget(self, link: '_Link') -> None:
        with self._lock:
            self._links.discard(link)


# --- the rules -----------------------------------------------------------------------------------


@dataclass
class _Rule:
    where: str
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
    before: float
    after: float
    only: Predicate | None

    def throw(self, command: Command) -> str | None:
        if self.only is not None and not self.only(command):
            return None
        thrown = self.dice.random()
        if thrown < self.before:
            return BEFORE
        return AFTER if thrown < self.before + self.after else None


class _Rules:
    def __init__(self) -> None:
        self.rules: list[_Rule] = []
        self.random: _Chance | None = None

    def judge(self, command: Command) -> str | None:
        # Every rule sees every command, so that each counts on its own; the first one decides.
        verdicts = [rule.where for rule in self.rules if rule.applies(command)]
        if self.random is not None:
            verdicts += [thrown] if (thrown := self.random.throw(command)) else []
        return verdicts[0] if verdicts else None


# --- a connection --------------------------------------------------------------------------------


class _Link:
    """One client's connection and ours to the server, with a thread for each direction."""

    def __init__(
        self,
        client: socket.socket,
        target: Address,
        judge: Callable[[Command], str | None],
        forget: Callable[['_Link'], None],
    ) -> None:
        self._client = client
        self._target = target
        self._judge = judge
        self._forget = forget
        self._server = socket.socket(socket.AF_UNIX if isinstance(target, str) else socket.AF_INET)
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
                verdict = self._judge(command)
                if verdict is None:
                    passing += wire
                    self._sent += 1
                    continue
                if verdict == AFTER:
                    passing += wire
                    self._sent += 1
                self._condemn(bytes(passing))
                return
            self._server.sendall(passing)

    def _condemn(self, last: bytes) -> None:
        """Send this, wait until the server has answered all of it, deliver nothing of that."""
        with self._changed:
            self._condemned = True
        self._server.sendall(last)
        with self._changed:
            self._changed.wait_for(lambda: self._over or self._answered >= self._sent, PATIENCE)

    def _replies(self) -> None:
        reader = hiredis.Reader()
        while data := self._server.recv(65536):
            reader.feed(data)
            answered = sum(1 for _ in _replies(reader))
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
