"""`rom shell`: Python, with models and a session at hand."""

from __future__ import annotations

import code
import signal
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated, Any

import typer

import rom
from rom._core.model import Model
from rom.cli.errors import Code, report_errors
from rom.cli.model_args import open_models, scope_of
from rom.cli.options import Debug, Models, Url


def shell(
    names: Models = None,
    url: Url = None,
    program: Annotated[
        str | None, typer.Option('-c', metavar='CODE', help='Run CODE, and exit.')
    ] = None,
    plain: Annotated[
        bool, typer.Option('--plain', help='Use plain Python, even if IPython is installed.')
    ] = False,
    debug: Debug = False,
) -> None:
    """Start Python with models and a session.

    Or run -c CODE, or a program from a pipe. Only session.commit() writes changes.
    """
    with report_errors(debug, lambda: 'Stopped; only committed changes are written.'):
        models = open_models(names or [], url)
        scope = {**scope_of(models), 'session': rom.session}
        if program is not None:
            _run(program, '<CODE>', scope)
        elif not sys.stdin.isatty():
            _run(sys.stdin.read(), '<stdin>', scope)
        else:
            _talk(scope, banner(models), plain)


def banner(models: Sequence[type[Model]]) -> str:
    """Return the lines that a shell shows first: the server, the models and the names."""
    names = ', '.join(model.__name__ for model in models) or 'none; name their module to have them'
    return (
        f'rom {rom.VERSION} on Python {sys.version.split()[0]}, {_server()}\n'
        f'  models   {names}\n'
        '  names    rom, session, datetime, decimal\n'
        '  writing  session.commit() writes what was changed, session.rollback() forgets it'
    )


def _server() -> str:
    """Return the address of the server, without a request and without its password."""
    options = rom.util.get_connection().connection_pool.connection_kwargs
    if options.get('path'):
        return f'unix:{options["path"]}'
    host, port = options.get('host', 'localhost'), options.get('port', 6379)
    return f'{host}:{port}/{options.get("db") or 0}'


def _run(program: str, where: str, scope: dict[str, Any]) -> None:
    """Run a program, and show its errors as Python does."""
    names = {'__name__': '__main__', '__builtins__': __builtins__, **scope}
    try:
        exec(compile(program, where, 'exec'), names)
    except (BrokenPipeError, rom.ServerUnavailable):
        raise
    except Exception as error:
        # Leave out the first frame, which is this function.
        trace = error.__traceback__
        traceback.print_exception(error.with_traceback(trace and trace.tb_next))
        raise typer.Exit(Code.FAILED) from None


def _talk(scope: dict[str, Any], banner_text: str, plain: bool) -> None:
    # With rom's handler, the shell would print `Terminated` and go on; SIGTERM must end it.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if not plain:
        try:
            from IPython.terminal.embed import InteractiveShellEmbed
        except ImportError:
            pass
        else:
            start: Any = InteractiveShellEmbed
            start(banner1=f'{banner_text}\n', user_ns=scope)()
            return
    _complete(scope)
    code.interact(banner=banner_text, local={'__name__': '__console__', **scope}, exitmsg='')


def _complete(scope: dict[str, Any]) -> None:
    """Let the Tab key complete names, if Python has readline."""
    try:
        import readline
        import rlcompleter
    except ImportError:
        return
    readline.set_completer(rlcompleter.Completer(scope).complete)
    readline.parse_and_bind('tab: complete')
