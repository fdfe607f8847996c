"""`rom models`: the columns, indexes, entity counts and memory of models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, get_args

import typer

from rom._core.columns import Column, OneToMany
from rom._core.model import Model
from rom._core.ops.maintenance.index_stats import Gauge, Kind, Survey
from rom._core.schema import Schema
from rom.cli import output
from rom.cli.errors import report_errors
from rom.cli.model_args import open_models, require_names
from rom.cli.options import AsJson, Debug, Models, Url
from rom.cli.output import Size
from rom.cli.progress import progress_bar
from rom.index_stats import index_stats

COLUMNS = ('column', 'type', 'options')
KINDS = get_args(Kind)
INDEXES = ('index', 'of', '>keys', '>entries', '>memory')


@dataclass(frozen=True, slots=True)
class Facts:
    """A model's count of entities, and the sizes of its keys."""

    model: type[Model]
    count: int
    gauges: Survey | None


def models(
    names: Models = None,
    url: Url = None,
    sample: Annotated[
        int,
        typer.Option(
            metavar='N',
            min=1,
            help='Measure N keys of each index, and estimate the others from them.',
        ),
    ] = 100,
    quick: Annotated[
        bool, typer.Option('--quick', help='Only count the entities; do not measure memory.')
    ] = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Show columns, indexes, counts and memory.

    Numbers with a ~ are estimates from a sample. The memory of indexes needs a scan of all keys of
    the server, a thousand at a time; --quick leaves it out.
    """
    with report_errors(debug):
        known = open_models(require_names(names), url)
        surveys = {} if quick else _surveys(known, sample)
        facts = [Facts(model, model.query.count(), surveys.get(model)) for model in known]
        if as_json:
            output.as_json([_data(fact) for fact in facts])
            return
        for index, fact in enumerate(facts):
            _show(fact, is_first=index == 0)


def _surveys(known: list[type[Model]], sample: int) -> dict[type[Model], Survey]:
    found: dict[type[Model], Survey] = {}
    with progress_bar('Counting keys', unit='keys') as progress:
        for step in index_stats(known, sample):
            if isinstance(step, dict):
                found |= step
            else:
                progress.set(*step)
    return found


def _show(fact: Facts, is_first: bool) -> None:
    schema = fact.model._schema
    name, namespace = schema.name, schema.keys.namespace
    rows = (fact.gauges or {}).get(('rows', ''))
    total = _total(fact.gauges)
    weighed = [] if total is None else [f'about {output.shown(Size(total))} of memory']
    counted = 'entity' if fact.count == 1 else 'entities'
    details = [f'{fact.count:,} {counted}', *weighed, f'keys {namespace}:*', fact.model.__module__]
    output.heading(f'{"" if is_first else chr(10)}{name}  ({", ".join(details)})')
    output.row(
        'model',
        name,
        namespace,
        fact.model.__module__,
        fact.count,
        rows and rows.memory,
        total,
    )
    columns = [(column, options['type'], _words(options)) for column, options in _columns(schema)]
    output.table('column', COLUMNS, columns, [name])
    output.gap()
    gauges = sorted(
        (fact.gauges or {}).values(), key=lambda gauge: (KINDS.index(gauge.kind), gauge.name)
    )
    output.table('index', INDEXES, [_cells(gauge) for gauge in gauges], [name])


def _total(gauges: Survey | None) -> int | None:
    return None if gauges is None else sum(gauge.memory or 0 for gauge in gauges.values())


def _cells(gauge: Gauge) -> tuple[Any, ...]:
    is_whole = gauge.sampled >= gauge.keys
    size = None if gauge.memory is None else Size(gauge.memory)
    estimated = [value if is_whole else output.Estimate(value) for value in (gauge.entries, size)]
    return gauge.kind, gauge.name, gauge.keys, *estimated


def _columns(schema: Schema) -> list[tuple[str, dict[str, Any]]]:
    found = [(name, _options_of(column)) for name, column in schema.columns.items()]
    found += [(name, _options_of_list(one)) for name, one in schema.lists.items()]
    found += [(name, {'type': 'UnsafeColumn'}) for name in schema.unsafe]
    for name in schema.places:
        found.append((name, {'type': 'GeoIndex'}))
    for compound in schema.compounds:
        found.append((compound.name, {'type': 'compound index'}))
    for unique in schema.uniques:
        if len(unique.columns) > 1:
            found.append((' '.join(unique.columns), {'type': 'unique together'}))
    return found


def _options_of_list(one: OneToMany) -> dict[str, Any]:
    if type(one) is OneToMany:
        return {'type': 'OneToMany'}
    return {'type': 'ManyToMany', 'reverse of': f'{one.ftable}.{one.column}'}


def _options_of(column: Column[Any]) -> dict[str, Any]:
    """Return a column's type, and those of its options that are not the default."""
    options: dict[str, Any] = {'type': type(column).__name__}
    if column.element is not None:
        options['of'] = type(column.element).__name__
    for option in ('required', 'unique', 'index', 'prefix', 'suffix'):
        if getattr(column, option):
            options[option] = True
    if column.is_relation or column.is_links:
        options |= {
            'to': getattr(column, 'ftable', ''),
            'on_delete': getattr(column, 'on_delete', ''),
        }
    makes = column.keygen or column.keygen2
    if makes is not None:
        options['keygen'] = getattr(makes, '__name__', type(makes).__name__)
    return options


def _words(options: dict[str, Any]) -> str:
    """Return the options of a column as one line."""
    words = [
        name if value is True else f'{name}={value}'
        for name, value in options.items()
        if name != 'type'
    ]
    return ', '.join(words)


def _data(fact: Facts) -> dict[str, Any]:
    """Return the facts as data for JSON."""
    schema = fact.model._schema
    gauges = None if fact.gauges is None else list(fact.gauges.values())
    return {
        'model': schema.name,
        'module': fact.model.__module__,
        'namespace': schema.keys.namespace,
        'entities': fact.count,
        'bytes': _total(fact.gauges),
        'columns': [{'name': name, **options} for name, options in _columns(schema)],
        'indexes': gauges
        and [
            {
                'kind': gauge.kind,
                'of': gauge.name,
                'keys': gauge.keys,
                'entries': gauge.entries,
                'bytes': gauge.memory,
                'sampled': gauge.sampled,
            }
            for gauge in gauges
        ],
    }
