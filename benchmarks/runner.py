"""A run: everything is loaded, then checked, then timed, all peers in turn, round by round.

What is slow at one moment is slow for all who are measured at that moment. So the peers take turns
as closely as can be: for each operation one after the other, before the next operation; and a
different one begins in each round. Sizes take turns as well, each on a server of its own, so that
growth is measured within a round, too.
"""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import engine, environments
from benchmarks.operations import OPERATIONS, SEARCHES, Operation
from benchmarks.peers import OURS, Member
from benchmarks.questions import Questions
from benchmarks.results import Case, Results
from benchmarks.server import THRESHOLD, Servers
from benchmarks.team import PeerFailed, Worker

# Of one sample of a query.
MOST_CALLS = 30
MOST_SECONDS = 0.5

# What each fresh process does to see how long an import takes.
IMPORT = 'import time; t = time.perf_counter_ns(); import {}; print(time.perf_counter_ns() - t)'
IMPORTS = ('redis', 'rom')


@dataclass(frozen=True)
class Plan:
    """What to run.

    Attributes:
        sizes: of the large sets, ascending.
        rounds: how often everything is timed.
        members: who.
        operations: names of those to measure.
        least: bulks of fewer users are left out.
    """

    sizes: tuple[int, ...]
    rounds: int
    members: tuple[Member, ...]
    operations: tuple[str, ...]
    least: int = 0


def run(plan: Plan) -> Results:
    """Carry out a plan.

    Raises:
        PeerFailed: our own engine failed, or gave a wrong answer.
    """
    results = Results()
    with ExitStack() as stack:
        found = _engine(plan, results)
        with _on_core(1):
            workers = dict(_workers(plan, results, stack))
        members = [member for member in plan.members if member.name in workers]
        with _on_core(0):
            servers = stack.enter_context(Servers(plan.sizes, members, found))
        results.facts = _facts(plan, members, servers)
        say(results.facts['server'])
        session = _Session(plan, members, workers, servers, results)
        session.load()
        session.check()
        for number in range(plan.rounds):
            session.time(number)
        session.time_imports()
    return results


@contextmanager
def _on_core(place: int) -> Iterator[None]:
    """What is started meanwhile runs on this core, if there are several.

    The servers have one, the peers another. A single call then always wakes a core up, as it would
    wake another machine, which takes longer than the call itself; left to the scheduler, some peers
    would meet their server on their own core in some rounds, and most of what is measured would be
    chance.
    """
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else []
    if len(cores) < 2:  # or not on Linux
        yield
        return
    os.sched_setaffinity(0, {cores[place]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def _engine(plan: Plan, results: Results) -> engine.Engine | None:
    """The search engine, if a member needs it; without it, what they cannot do."""
    needing = [member for member in plan.members if member.engine]
    if not needing:
        return None
    try:
        return engine.prepare()
    except environments.Unavailable as reason:
        say(f'without a search engine: {reason}')
        lacking = f'the search engine could not be installed: {reason}'
        for member in needing:
            names = [''] if member.engine == 'all' else [one.name for one in SEARCHES]
            results.dashes[member.name] = dict.fromkeys(names, lacking)
        return None


def _workers(plan: Plan, results: Results, stack: ExitStack) -> Iterator[tuple[str, Worker]]:
    """A worker for each peer that is available; for the others, a notice."""
    for member in plan.members:
        dashes = results.dashes.get(member.name, {})
        if '' in dashes:
            continue
        try:
            python = environments.prepare(member.name, member.requires)
            worker = stack.enter_context(closing(Worker(member.name, python)))
        except (environments.Unavailable, PeerFailed) as reason:
            if member.name == OURS:
                raise
            say(f'without {member.title}: {reason}')
            results.dashes[member.name] = {'': f'could not be installed: {reason}'}
            continue
        results.dashes[member.name] = {**dashes, **worker.cannot}
        yield member.name, worker


def _facts(plan: Plan, members: Sequence[Member], servers: Servers) -> dict[str, Any]:
    commit = subprocess.run(
        ['git', 'describe', '--always', '--dirty', '--abbrev=10'],
        cwd=environments.ROOT,
        capture_output=True,
        text=True,
    )
    return {
        'date': datetime.date.today().isoformat(),
        'commit': commit.stdout.strip() or 'unknown',
        'server': servers.small(OURS).name(),
        'engine': next(filter(None, (servers.small(one.name).engine() for one in members)), ''),
        'python': platform.python_version(),
        'system': f'{platform.system()} {platform.machine()}',
        'sizes': list(plan.sizes),
        'rounds': plan.rounds,
        'cores': os.cpu_count(),
        'versions': environments.versions(environments.prepare(OURS, _ours(plan).requires)),
    }


def _ours(plan: Plan) -> Member:
    return next(member for member in plan.members if member.name == OURS)


class _Session:
    """One run's state: who is there, where their data are, what was found."""

    def __init__(
        self,
        plan: Plan,
        members: Sequence[Member],
        workers: dict[str, Worker],
        servers: Servers,
        results: Results,
    ) -> None:
        self.plan = plan
        self.members = members
        self.workers = workers
        self.servers = servers
        self.results = results
        self.questions = {size: Questions(size) for size in plan.sizes}
        self.operations = [one for one in OPERATIONS if one.name in plan.operations]

    def load(self) -> None:
        """Write the large sets, and see how much memory they take."""
        for size in self.plan.sizes:
            for member in self.members:
                # The smallest set shows the memory, of those too who cannot be asked.
                asks = any(self._can(member.name, one.name) for one in self._queries())
                if size > member.most or (size > self.plan.sizes[0] and not asks):
                    continue
                self._load(member, size)

    def _load(self, member: Member, size: int) -> None:
        worker, server = self.workers[member.name], self.servers.of(member.name, size)
        # What a server gets once and for all, scripts above all, is no part of the data.
        worker.order('use', **server.small(member.name))
        worker.order('create', count=100)
        server.flush_small(member.name)
        worker.order('use', **server.large(member.name))
        before, worked = server.used_memory(), server.seconds_of_cpu()
        ns = worker.order('load', size=size)
        worked = server.seconds_of_cpu() - worked
        used = (server.used_memory() - before) / size
        self.results.memory.setdefault(member.name, {})[size] = round(used, 1)
        self.results.server_times.setdefault(member.name, {})[size] = round(worked * 1e9 / size)
        self.results.loads.setdefault(member.name, {})[size] = round(ns / size)
        seconds = ns / 1e9
        say(f'{member.title}: {size:,} entities in {seconds:.1f} s, {used:.0f} bytes each')

    def _queries(self) -> list[Operation]:
        return [one for one in self.operations if one.kind == 'query']

    def _can(self, peer: str, operation: str) -> bool:
        return operation not in self.results.dashes[peer]

    # The cases of an operation, and who takes part.

    def cases(self, round_: int = 0) -> Iterator[tuple[Operation, int, str]]:
        """Everything to do in a round: an operation, of how many or among how many, by whom."""
        self._small_set()
        for operation in self.operations:
            sizes = self.plan.sizes if operation.kind == 'query' else self._counts(operation)
            for size in sizes:
                for member in self._in_turn(round_):
                    if self._takes_part(member, operation, size):
                        yield operation, size, member.name

    def _counts(self, operation: Operation) -> list[int]:
        return [n for n in operation.counts if operation.kind != 'bulk' or n >= self.plan.least]

    def _takes_part(self, member: Member, operation: Operation, size: int) -> bool:
        if operation.kind == 'query':
            fits = size in self.results.memory.get(member.name, {})
        else:
            fits = operation.kind == 'calls' or size <= member.most_at_once
        return fits and self._can(member.name, operation.name)

    def _small_set(self) -> None:
        """Write the small sets, if what is to be measured does not."""
        names = {one.name for one in self.operations if one.kind != 'query'}
        if names and 'create' not in names:
            for member in self.members:
                self._create(member.name, member.most_at_once)

    def _create(self, peer: str, count: int, **more: Any) -> Any:
        worker = self._on_small(peer, empty=True)
        return worker.order('create', count=count, **more)

    def _on_small(self, peer: str, empty: bool = False) -> Worker:
        worker, server = self.workers[peer], self.servers.small(peer)
        if empty:
            server.flush_small(peer)
        worker.order('use', **server.small(peer))
        return worker

    def _in_turn(self, round_: int) -> list[Member]:
        at = round_ % len(self.members)
        return [*self.members[at:], *self.members[:at]]

    def _small_order(self, operation: Operation, size: int, peer: str, **more: Any) -> Any:
        if operation.name == 'create':
            return self._create(peer, size, **more)
        worker = self._on_small(peer)
        return worker.order(operation.name, count=size, **more)

    def _query_order(self, operation: Operation, size: int, peer: str, **more: Any) -> Any:
        worker = self.workers[peer]
        worker.order('use', **self.servers.of(peer, size).large(peer))
        questions = self.questions[size].ask(operation.name)
        return worker.order('query', name=operation.name, questions=questions, **more)

    # The two passes.

    def check(self) -> None:
        """Do everything once: is it right, in how many trips, and how long is the server held?"""
        for operation, size, peer in self.cases():
            try:
                if operation.kind == 'query':
                    found = self._check_query(operation, size, peer)
                else:
                    found = self._check_small(operation, size, peer)
            except PeerFailed as reason:
                if peer == OURS:
                    raise
                say(str(reason))
                short = str(reason).partition('\n')[0]
                self.results.dashes[peer][operation.name] = short
                continue
            self.results.checks.setdefault(peer, {})[Case(operation.name, size)] = found

    def _check_small(self, operation: Operation, size: int, peer: str) -> dict[str, int | None]:
        server = self.servers.small(peer)
        server.watch(THRESHOLD)
        done = self._small_order(operation, size, peer, check=True)
        return {'trips': done['trips'], 'writes': None, 'longest': server.longest()}

    def _check_query(self, operation: Operation, size: int, peer: str) -> dict[str, int | None]:
        # Once for the connection and the scripts, which come before the first call only.
        self._query_order(operation, size, peer, most=1, seconds=0)
        server = self.servers.of(peer, size)
        asked = self.questions[size].ask(operation.name)
        writes, longest = server.writes(), []
        # Twice, for the machine may be at something else: what a command takes, it takes again.
        for _ in range(2):
            server.watch(0)
            done = self._query_order(
                operation, size, peer, most=len(asked), seconds=2.0, check=True
            )
            longest.append(server.longest())
        for question, answer in zip(asked, done['answers'], strict=False):
            problem = self.questions[size].objection(operation.name, question, answer)
            if problem:
                raise PeerFailed(f'{peer} gave a wrong answer: {problem}')
        return {'trips': done['trips'], 'writes': server.writes() - writes, 'longest': min(longest)}

    def time(self, number: int) -> None:
        """One round."""
        began = time.monotonic()
        for operation, size, peer in self.cases(number):
            if operation.kind == 'query':
                done = self._query_order(
                    operation, size, peer, most=MOST_CALLS, seconds=MOST_SECONDS
                )
            else:
                done = self._small_order(operation, size, peer)
            self.results.add(peer, Case(operation.name, size), done['ns'])
        seconds = time.monotonic() - began
        say(f'round {number + 1} of {self.plan.rounds}: {seconds:.0f} s')

    def time_imports(self) -> None:
        """Import packages in fresh processes, in turn; the first time is not counted."""
        python = environments.prepare(OURS, _ours(self.plan).requires)
        for number in range(max(self.plan.rounds * 3, 10)):
            for package in IMPORTS:
                ns = _time_of_import(python, package)
                if number:
                    self.results.imports.setdefault(package, []).append(ns)


def _time_of_import(python: Path, package: str) -> int:
    """A package that pip installed is compiled; the first import compiles that of a checkout."""
    compiling = {k: v for k, v in os.environ.items() if k != 'PYTHONDONTWRITEBYTECODE'}
    done = subprocess.run(
        [python, '-c', IMPORT.format(package)],
        cwd=environments.ROOT,
        env=compiling,
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout)


def say(line: str) -> None:
    """Tell whoever waits."""
    print(f'[bench] {line}', file=sys.stderr, flush=True)
