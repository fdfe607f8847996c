"""`rom explain`: how the server answers a query."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Annotated, Any

import typer

import rom
from rom._core.drivers.io_guard import BarredError, no_requests
from rom._core.encoding.text import show
from rom.cli import output
from rom.cli.errors import UsageError, report_errors
from rom.cli.model_args import open_models, require_names, scope_of
from rom.cli.options import AsJson, Debug, Models, Url


def explain(
    expression: Annotated[
        str,
        typer.Argument(
            metavar='QUERY',
            show_default=False,
            help="Python, as in 'User.query.filter(age=(18, None))'; knows the models by their "
            'names, rom, datetime and decimal.',
        ),
    ],
    names: Models = None,
    url: Url = None,
    run: Annotated[
        bool, typer.Option('--run', help='Also run the query, and show the steps with their times.')
    ] = False,
    count: Annotated[
        bool, typer.Option('--count', help='Explain count() instead of all().')
    ] = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Show how the server answers a query, as a tree.

    The expression is evaluated without access to the server, so it writes nothing.
    """
    with report_errors(debug):
        scope = scope_of(open_models(require_names(names), url))
        explained = query_of(expression, scope).explain(run=run, of='count' if count else 'all')
        if as_json:
            output.as_json(explained.as_dict())
        else:
            output.text(str(explained))


def query_of(expression: str, scope: Mapping[str, Any]) -> rom.Query[Any]:
    """Evaluate an expression to a query; a request to the server is refused.

    Raises:
        UsageError: the expression cannot be evaluated, is not a query, or makes a request.
    """
    try:
        code = compile(expression.strip(), '<QUERY>', 'eval')
    except (SyntaxError, ValueError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        raise UsageError(f'{expression!r}: expected a Python expression: {reason}') from error
    try:
        with no_requests():
            found = eval(code, dict(scope))
    except BarredError as error:
        raise UsageError(
            f'{expression}: {error}; nothing was sent. Give a query that is not sent yet: leave '
            'out .all(), .first(), .count(), .delete() and the like'
        ) from error
    except Exception as error:
        problem = f'{type(error).__name__}: {error}{_suggestion(error, scope)}'
        raise UsageError(f'{expression}: {problem}') from error
    if isinstance(found, type) and issubclass(found, rom.Model):
        raise UsageError(f'{expression}: expected a query, got a model; write {expression}.query')
    if not isinstance(found, rom.Query):
        raise UsageError(
            f'{expression}: expected a query, got {show(found)}; leave out .all(), .first(), '
            '.count() and the like'
        )
    return found


def _suggestion(error: Exception, scope: Mapping[str, Any]) -> str:
    if not isinstance(error, NameError):
        return ''
    close = difflib.get_close_matches(error.name or '', scope, 1)
    known = [name for name in scope if not name.startswith('_')]
    return f'; did you mean {close[0]}?' if close else f'; there are {", ".join(known)}'
