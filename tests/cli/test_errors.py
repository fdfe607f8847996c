"""How subcommands end: codes, messages, signals."""

import os
import signal
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import typer

import rom
from rom.cli import output
from rom.cli.errors import Code, DeferredSignals, Terminated, UsageError, report_errors


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """It is for programs that end then."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    monkeypatch.setattr(warnings, 'showwarning', warnings.showwarning)
    output._console.cache_clear()
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)
    output._console.cache_clear()


def ending(error: BaseException, debug: bool = False) -> Any:
    with pytest.raises(typer.Exit) as caught, report_errors(debug, lambda: 'How things stand.'):
        raise error
    return caught.value.exit_code


@pytest.mark.parametrize(
    ('error', 'code', 'said'),
    [
        (UsageError('no such thing'), 2, 'Error: no such thing\n'),
        (rom.ServerUnavailable('gone'), 3, 'Error: gone\n'),
        (rom.QueryError('what?'), 1, 'Error: what?\n'),
        (FileNotFoundError(2, 'No such file', 'x'), 1, "Error: [Errno 2] No such file: 'x'\n"),
        (ValueError('oops'), 1, 'Error: ValueError: oops (--debug shows where)\n'),
        (KeyboardInterrupt(), 130, 'How things stand.\n'),
        (Terminated(), 143, 'How things stand.\n'),
        (typer.Exit(1), 1, ''),
    ],
)
def test_codes(
    capsys: pytest.CaptureFixture[str], error: BaseException, code: int, said: str
) -> None:
    assert ending(error) == code
    assert capsys.readouterr().err == said


def test_debug_lets_errors_through() -> None:
    with pytest.raises(rom.QueryError), report_errors(True):
        raise rom.QueryError('x')


def test_a_warning_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with report_errors(False), warnings.catch_warnings():
        warnings.simplefilter('always')
        warnings.showwarning('mind the gap', UserWarning, 'f', 1)
    assert capsys.readouterr().err == 'Warning: mind the gap\n'


def test_the_codes_are_those_of_the_documents() -> None:
    assert [int(code) for code in Code] == [0, 1, 2, 3, 130, 143]
    assert Code.FOUND is Code.FAILED
    for code in Code:
        assert f'\n{int(code)} ' in str(sys.modules['rom.cli.errors'].__doc__)


# --- stopping ------------------------------------------------------------------------------------


def test_a_signal_waits_for_a_good_place(capsys: pytest.CaptureFixture[str]) -> None:
    passed = []
    with pytest.raises(KeyboardInterrupt), DeferredSignals() as deferred:
        deferred.raise_pending()
        os.kill(os.getpid(), signal.SIGINT)
        assert deferred.is_pending
        passed.append('the batch')
        deferred.raise_pending()
        passed.append('too far')
    assert passed == ['the batch']
    assert capsys.readouterr().err == 'Stopping after this batch; once more: at once.\n'


def test_sigterm_too() -> None:
    with pytest.raises(Terminated), DeferredSignals() as deferred:
        os.kill(os.getpid(), signal.SIGTERM)
        deferred.raise_pending()


def test_a_second_one_does_not_wait() -> None:
    with pytest.raises(KeyboardInterrupt), DeferredSignals():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        pytest.fail('it waited')


def test_one_that_comes_last_is_not_lost() -> None:
    with pytest.raises(KeyboardInterrupt), DeferredSignals():
        os.kill(os.getpid(), signal.SIGINT)


def test_waiting_ends_with_a_signal() -> None:
    with pytest.raises(Terminated), DeferredSignals() as deferred:
        signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        deferred.wait(60)


def test_a_batch_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    import select

    monkeypatch.setattr('rom.cli.errors.GRACE_SECONDS', 1)
    with pytest.raises(KeyboardInterrupt), DeferredSignals():
        os.kill(os.getpid(), signal.SIGINT)
        select.select([], [], [], 60)
        pytest.fail('it hung')


def test_handlers_are_put_back() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with DeferredSignals():
        assert signal.getsignal(signal.SIGINT) is not before[0]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_in_the_background_of_a_shell_ctrl_c_goes_on_being_ignored() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with DeferredSignals() as deferred:
        os.kill(os.getpid(), signal.SIGINT)
        assert not deferred.is_pending
