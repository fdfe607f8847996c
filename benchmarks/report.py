"""The page docs/benchmarks.rst, made from results."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from textwrap import fill

from benchmarks import bars
from benchmarks.obstacles import OBSTACLES
from benchmarks.operations import OPERATIONS, Operation
from benchmarks.peers import BY_NAME, OURS, PEERS, REDISEARCH, Member
from benchmarks.results import Case, Results
from benchmarks.targets import MILLION, TARGETS, Target

DASH = '–'

_UNITS = ((1e9, 's'), (1e6, 'ms'), (1e3, 'µs'), (1, 'ns'))


def write(results: Results, page: Path, plots: Sequence[Path], beside: Path | None = None) -> None:
    """Write the page.

    Args:
        results: of a run.
        page: the file to write.
        plots: the pictures of cost against size to show on it.
        beside: the picture of rom beside a search engine, if there is one.
    """
    parts = [
        _head(results),
        _warning(results),
        _targets(results),
        _bulks(results),
        _calls(results),
        _queries(results),
        _beside_engine(results, page, beside),
        _models(results),
        _server_side(results),
        _memory(results),
        _maintenance(page),
        _concurrency(page),
        _partitions(page),
        _plots(page, plots),
        _peers(results),
    ]
    page.write_text('\n\n'.join(part for part in parts if part) + '\n', 'utf-8')


def _head(results: Results) -> str:
    facts, versions = results.facts, results.facts['versions']
    sizes = ', '.join(f'{size:,}' for size in results.sizes)
    engine = f' with {facts["engine"]}' if facts.get('engine') else ''
    run = fill(
        f'This run: {facts["date"]}, commit ``{facts["commit"]}``, {facts["server"]}{engine}, '
        f'Python {facts["python"]}, redis-py {versions["redis"]} with hiredis '
        f'{versions["hiredis"]}, {facts["system"]}, {facts["cores"]} cores; sets of {sizes} '
        'entities. The samples are in ``docs/benchmarks/samples.json``; '
        '``scripts/bench --report`` generates this page from them.',
        100,
    )
    return f"""\
Benchmarks
==========

``scripts/bench`` generates this page; do not edit it. Absolute times mean nothing, because the
machine may have been busy. The **ratios** are meaningful, because all peers took turns in one run:
each is the median of the ratios in {facts['rounds']} rounds. The peers run on one core and the
servers on another, so every call has to wake its server. Only rom busy-waits for short replies
while its core is otherwise idle, as here; this saves some 30 µs per call
(``rom.util.set_busy_poll(0)`` turns it off).

{run}

The model: email (unique, prefix, suffix), name (two or three words, full text), city (one of 50,
identity), age (0 to 99), score and created_at (floats), all indexed. All peers get the same data,
and their answers are compared with the data before anything is timed."""


def _warning(results: Results) -> str:
    """What to say of a run that is not the whole."""
    if results.sizes[-1] >= MILLION:
        return ''
    return """\
**A quick run:** without a set of a million, and with few rounds. It shows that all peers work, and
rough ratios; the goals are those of a whole run."""


# The goals.


def _targets(results: Results) -> str:
    rows = [_target_row(results, target) for target in TARGETS]
    reached = sum(row[3] == 'reached' for row in rows)
    missed = sum(row[3].startswith('**missed**') for row in rows)
    rest = len(rows) - reached - missed
    lead = f'{reached} reached, {missed} missed, {rest} not measured in this run.'
    table = _table(('measure', 'goal', 'measured', ''), rows, '46 14 26 14')
    missing = [row[0] for row in rows if row[3].startswith('**missed**')]
    return _section('Goals', lead, table) + _obstacles(missing)


def _obstacles(missing: list[str]) -> str:
    """What stands in the way of the goals that were missed."""
    reasons: dict[str, list[str]] = {}
    for what in missing:
        if what in OBSTACLES:
            reasons.setdefault(OBSTACLES[what], []).append(what)
    if not reasons:
        return ''
    items = []
    for reason, goals in reasons.items():
        text = fill(reason, 100, initial_indent='    ', subsequent_indent='    ')
        items.append(f'*{"*; *".join(goals)}*\n{text}')
    lead = 'Found by profiling; the figures are in ``benchmarks/obstacles.py``.'
    return '\n\n' + _section('Reasons for missed goals', lead, '\n\n'.join(items))


def _target_row(results: Results, target: Target) -> list[str]:
    goal = f'{"at least" if target.at_least else "at most"} {_short(target.goal)}{target.unit}'
    found = target.measure(results)
    if found is None:
        return [target.what, goal, DASH, 'not measured']
    value = f'{_short(found.value)}{target.unit}' + (f' ({found.where})' if found.where else '')
    if target.is_reached(found):
        return [target.what, goal, value, 'reached']
    return [target.what, goal, value, f'**missed** by {_short(target.missed_by(found))}×']


# Times.


def _bulks(results: Results) -> str:
    members = _present(results)
    rows = []
    for operation in _measured(results, 'bulk'):
        for count in operation.counts:
            case = Case(operation.name, count)
            if results.time(OURS, case) is not None:
                rows.append(
                    [f'{operation.title}: {count:,}', *_cells(results, members, case, count)]
                )
    lead = (
        'Time per entity, for so many at once; in brackets, the ratio to the time of rom. Peers '
        'with one or more round trips per entity got a thousand at most. Writes are timed once '
        'per round, and reads up to five times.'
    )
    return _section('Bulk operations', lead, _times_table(members, rows))


def _calls(results: Results) -> str:
    members = _present(results)
    rows = [
        [operation.title, *_cells(results, members, Case(operation.name, operation.counts[0]))]
        for operation in _measured(results, 'calls')
    ]
    lead = 'Time of a call, with 10,000 stored entities (or 1,000: see above).'
    return _section('Single calls', lead, _times_table(members, rows))


def _queries(results: Results) -> str:
    lead = 'Time of a query, with so many stored.'
    operations = [one for one in _measured(results, 'query') if not one.of]
    return _section('Queries', lead, _queries_table(results, operations)) if operations else ''


def _beside_engine(results: Results, page: Path, picture: Path | None) -> str:
    if picture is None:
        return ''
    lead = (
        f'How many times as fast as {BY_NAME[REDISEARCH].title} each answers, among '
        f'{bars.size_shown(results):,}. Who writes FT commands by hand has no entities, and no '
        'checks. The figures are those of the tables above.'
    )
    image = f'.. image:: {picture.relative_to(page.parent).as_posix()}\n   :alt: {picture.stem}'
    return _section('Beside a search engine', lead, image)


def _models(results: Results) -> str:
    operations = [one for one in _measured(results, 'query') if one.of]
    lead = (
        'The same for models of the schematics library; in brackets, the ratio to the time of '
        'rom.schematics.'
    )
    table = _queries_table(results, operations)
    return _section('Models of schematics', lead, table) if operations else ''


def _queries_table(results: Results, operations: Sequence[Operation]) -> str:
    """Of those who answer any of these, with the sizes that one of them was given."""
    cases = [
        (operation, Case(operation.name, size))
        for operation in operations
        for size in results.sizes
        if results.time(_base(operation), Case(operation.name, size)) is not None
    ]
    members = [
        member
        for member in _present(results)
        if any(results.time(member.name, case) is not None for _, case in cases)
    ]
    rows = [
        [
            f'{operation.title}: {case.size:,}',
            *_cells(results, members, case, base=_base(operation)),
        ]
        for operation, case in cases
    ]
    return _times_table(members, rows)


def _measured(results: Results, kind: str) -> Iterator[Operation]:
    for operation in OPERATIONS:
        names = {case.operation for case in results.samples.get(_base(operation), {})}
        if operation.kind == kind and operation.name in names:
            yield operation


def _base(operation: Operation) -> str:
    """The peer that the others are compared with."""
    return operation.of[0] if operation.of else OURS


def _present(results: Results) -> list[Member]:
    """Those who are in the results; who was not installed has a column of dashes."""
    return [member for member in PEERS if member.name in results.dashes]


def _cells(
    results: Results, members: Iterable[Member], case: Case, count: int = 1, base: str = OURS
) -> Iterator[str]:
    for member in members:
        time = results.time(member.name, case)
        if time is None:
            yield DASH
            continue
        ratio = results.ratio(member.name, base, case)
        beside = '' if member.name == base or ratio is None else f' ({_short(ratio)}×)'
        yield duration(time / count) + beside


def _times_table(members: Sequence[Member], rows: Sequence[Sequence[str]]) -> str:
    first = 34
    others = (100 - first) // max(len(members), 1)
    widths = ' '.join([str(first), *[str(others)] * len(members)])
    return _table(['', *(member.title for member in members)], rows, widths)


# What is exact, or nearly so.


def _server_side(results: Results) -> str:
    rows = []
    checks = results.checks
    members = _present(results)
    for operation in OPERATIONS:
        of_base = checks.get(_base(operation), {})
        cases = [case for case in of_base if case.operation == operation.name]
        if cases:
            case = max(cases, key=lambda case: case.size)
            title = (
                f'{operation.title}: {case.size:,}'
                if operation.kind != 'calls'
                else operation.title
            )
            rows.append([title, *(_check(checks.get(m.name, {}).get(case)) for m in members)])
    lead = (
        'Round trips; writes of a query, if any; and the longest time that one command held the '
        'server. (The time is the shorter of two runs. The others are exact.)'
    )
    return _section('Round trips, writes and the server', lead, _times_table(members, rows))


def _check(found: dict[str, int | None] | None) -> str:
    if found is None:
        return DASH
    trips, writes, longest = found['trips'], found['writes'], found['longest'] or 0
    parts = [] if trips is None else [f'{trips:,} trip' + 's' * (trips != 1)]
    if writes:
        parts.append(f'**{writes:,} writes**')
    parts.append(_held(longest))
    return ', '.join(parts)


def _held(longest: int) -> str:
    """Microseconds of the longest command; 0: none was long enough to be noted."""
    if longest >= 100:
        return f'{longest / 1000:.1f} ms'
    return '< 0.1 ms' if longest else '< 1 ms'


def _memory(results: Results) -> str:
    members = _present(results)
    rows = [
        [f'bytes per entity, of {size:,}', *_bytes(results, members, size)]
        for size in results.sizes
    ]
    rows += [
        [f'time per entity to load {size:,}', *_loads(results.loads, members, size)]
        for size in results.sizes
    ]
    if results.server_times:
        rows += [
            [f"of which the server's CPU, {size:,}", *_loads(results.server_times, members, size)]
            for size in results.sizes
        ]
    lead = "The server's memory, and the time of the first load, measured once."
    imports = ''
    ratio = results.import_ratio('rom', 'redis')
    if ratio is not None:
        imports = f'Importing rom takes {_short(ratio)} times as long as importing redis.'
    return '\n\n'.join(
        part
        for part in (_section('Memory and loading', lead, _times_table(members, rows)), imports)
        if part
    )


def _bytes(results: Results, members: Iterable[Member], size: int) -> Iterator[str]:
    ours = results.memory.get(OURS, {}).get(size)
    for member in members:
        found = results.memory.get(member.name, {}).get(size)
        if found is None:
            yield DASH
        elif member.name == OURS or not ours:
            yield f'{found:,.0f}'
        else:
            yield f'{found:,.0f} ({_short(found / ours)}×)'


def _loads(
    times: Mapping[str, Mapping[int, float]], members: Iterable[Member], size: int
) -> Iterator[str]:
    for member in members:
        found = times.get(member.name, {}).get(size)
        yield DASH if found is None else duration(found)


def _plots(page: Path, plots: Sequence[Path]) -> str:
    images = '\n\n'.join(
        f'.. image:: {plot.relative_to(page.parent).as_posix()}\n   :alt: {plot.stem}'
        for plot in plots
    )
    return _section('Cost against size', 'Both axes are logarithmic.', images) if plots else ''


def _maintenance(page: Path) -> str:
    """What `benchmarks.maintaining` has measured, if it has."""
    table = page.with_suffix('') / 'maintenance.txt'
    if not table.exists():
        return ''
    lead = 'Measured by ``scripts/bench --maintenance``.'
    return _section(
        'Reindexing and checking', lead, f'.. include:: {table.parent.name}/{table.name}'
    )


def _concurrency(page: Path) -> str:
    """What `benchmarks.concurrency` has measured, if it has."""
    table = page.with_suffix('') / 'concurrency.txt'
    if not table.exists():
        return ''
    lead = (
        'Tasks of asyncio, each in a session of its own, by the shared connections of the client. '
        'They are compared with a client that takes a connection of its pool for each request. '
        'They are also compared with ``HGETALL`` of the client library. Measured by '
        '``scripts/bench --concurrency``.'
    )
    return _section('Concurrent tasks', lead, f'.. include:: {table.parent.name}/{table.name}')


def _partitions(page: Path) -> str:
    """What `benchmarks.partitions` has measured, if it has."""
    table = page.with_suffix('') / 'partitions.txt'
    if not table.exists():
        return ''
    lead = (
        'Models over 64 partitions, on clusters, and their commits on one server beside those of '
        'models without partitions. Measured by ``scripts/bench --partitions``.'
    )
    return _section('Partitions', lead, f'.. include:: {table.parent.name}/{table.name}')


def _peers(results: Results) -> str:
    lines = []
    for member in _present(results):
        lines.append(f'{member.title}\n{_indented(member.note)}')
        reasons: dict[str, list[str]] = {}
        for operation, reason in results.dashes[member.name].items():
            reasons.setdefault(reason, []).append(operation)
        for reason, operations in reasons.items():
            names = ', '.join(f'``{name}``' for name in operations if name)
            lines.append(_indented(f'{DASH} {names + ": " if names else ""}{reason}.'))
    lead = 'And the meaning of each dash.'
    return _section('The peers', lead, '\n\n'.join(lines))


# Words and tables.


def duration(ns: float) -> str:
    """A time, with three digits.

    >>> duration(1234), duration(45_600_000), duration(12)
    ('1.23 µs', '45.6 ms', '12 ns')
    """
    for size, unit in _UNITS:
        if ns >= size:
            return f'{_short(ns / size)} {unit}'
    return '0'


def _short(number: float) -> str:
    """Three digits, no exponent.

    >>> _short(1234.5), _short(12.34), _short(0.6543), _short(8.0)
    ('1,234', '12.3', '0.654', '8')
    """
    if number >= 100 or number == int(number):
        return f'{number:,.0f}'
    return f'{number:.3g}'


def _indented(text: str) -> str:
    return fill(text, 100, initial_indent='    ', subsequent_indent='    ')


def _section(title: str, lead: str, body: str) -> str:
    return f'{title}\n{"-" * len(title)}\n\n{fill(lead, 100)}\n\n{body}'


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], widths: str) -> str:
    lines = ['.. list-table::', '   :header-rows: 1', f'   :widths: {widths}', '']
    for row in [head, *rows]:
        for number, cell in enumerate(row):
            lines.append(f'   {"*" if number == 0 else " "} - {cell}'.rstrip())
    return '\n'.join(lines)
