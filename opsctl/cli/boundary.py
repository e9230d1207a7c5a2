"""The one place where errors become messages and exit codes.

What services raise on purpose (`OpsctlError`) is told in one line with its cure. A command line that makes no
sense is 2, Ctrl-C and SIGTERM are 130, a closed pipe is 141. Anything else is a bug: exit 70, one line, and a
report in a file; a traceback is shown with `--debug` only.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import traceback
from io import TextIOWrapper
from typing import TYPE_CHECKING

import click
from click.exceptions import Abort, Exit

from opsctl.cli.app import make_app
from opsctl.cli.groups import HelpWanted
from opsctl.cli.runtime import OutputClosedError, Runtime

if TYPE_CHECKING:
    from opsctl.cli.output.renderer import Failure

__all__ = ["run"]

BUG = 70
INTERRUPTED = 130
PIPE_CLOSED = 141
USAGE = 2
COMPLETE_VARIABLE = "_OPSCTL_COMPLETE"


def run(args: list[str], runtime: Runtime | None = None) -> int:
    """Run one command line and return its exit code; never raises.

    Args:
        args: the words after the program's name.
        runtime: its surroundings; those of this process by default.
    """
    runtime = runtime or Runtime.of_process()
    runtime.args = args
    take_signals()
    _allow_odd_names(runtime)
    try:
        code = _invoke(args, runtime)
        runtime.finish()
    except BaseException as error:  # noqa: BLE001 - this is the boundary
        code = _fail_somehow(error, runtime)
    return code


def take_signals() -> None:
    """Make SIGTERM and SIGHUP end the program like Ctrl-C; a signal that `nohup` ignores stays ignored."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)


def _allow_odd_names(runtime: Runtime) -> None:
    # A file name that is no text in the encoding of the terminal must not end the program.
    for stream in (runtime.stdout, runtime.stderr):
        if isinstance(stream, TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def _invoke(args: list[str], runtime: Runtime) -> int:
    app = make_app()
    if instruction := runtime.env.get(COMPLETE_VARIABLE):
        from click.shell_completion import shell_complete

        return shell_complete(app, {}, "opsctl", COMPLETE_VARIABLE, instruction)
    try:
        with app.make_context("opsctl", args, obj=runtime) as ctx:
            code = app.invoke(ctx)
    except Exit as leave:
        return leave.exit_code
    return code if isinstance(code, int) else 0


def _fail_somehow(error: BaseException, runtime: Runtime) -> int:
    try:
        return _fail(error, runtime)
    except KeyboardInterrupt:
        return INTERRUPTED  # a second Ctrl-C, while the first one was being told
    except BaseException as again:  # noqa: BLE001 - nothing is left to hand it to
        with contextlib.suppress(OSError, ValueError):
            runtime.stderr.write(
                f"error: internal error: {type(again).__name__} while telling {type(error).__name__}\n"
            )
        return BUG


def _fail(error: BaseException, runtime: Runtime) -> int:
    if isinstance(error, (KeyboardInterrupt, Abort)):
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a second Ctrl-C ends the program at once
    try:
        runtime.finish()
    except OutputClosedError:
        _discard_output(runtime)
    if isinstance(error, OutputClosedError):
        _discard_output(runtime)
        if isinstance(error.__cause__, BrokenPipeError):
            return PIPE_CLOSED
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    if isinstance(error, HelpWanted):
        runtime.stderr.write(f"{error.message}\n")
        return USAGE
    failure = explain(error, runtime)
    runtime.renderer.fail(failure)
    return failure.exit_code


def explain(error: BaseException, runtime: Runtime) -> Failure:
    """Say what an exception means for the user; a bug leaves a report file."""
    from opsctl.cli.output.renderer import Failure
    from opsctl.errors import ConfigError, OpsctlError

    trace = "".join(traceback.format_exception(error)) if runtime.settings.debug else ""
    match error:
        case OpsctlError():
            problems = tuple(error.problems) if isinstance(error, ConfigError) else ()
            hint = _with_suggestion(error.hint, error.exit_code, runtime)
            return Failure(error.kind, error.message, hint, error.exit_code, problems, trace)
        case click.ClickException():
            hint = _with_suggestion(_usage_hint(error), USAGE, runtime)
            return Failure("usage", _sentence(error), hint, USAGE, (), trace)
        case KeyboardInterrupt() | Abort():
            return Failure("interrupted", "interrupted", "", INTERRUPTED, (), trace)
        case OutputClosedError():
            reason = getattr(error.__cause__, "strerror", None) or "closed"
            return Failure("local_io", f"cannot write to standard output: {reason}", "", 1, (), trace)
        case OSError() if error.errno in _DISK:
            name = f" {str(error.filename)!r}" if error.filename else ""
            return Failure("local_io", f"the disk refused{name}: {error.strerror}", "", 1, (), trace)
        case _:
            return _bug(error, runtime, trace)


_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EMFILE, errno.EIO})
"""What a disk or the system's limits do to a program that is right; other OSErrors that get here are bugs."""


def _bug(error: BaseException, runtime: Runtime, trace: str) -> Failure:
    from opsctl.cli.output.renderer import Failure
    from opsctl.cli.report import redact, write_report

    args = runtime.args
    path = write_report(error, args, runtime.env)
    hint = f"this is a bug of opsctl; a report is in {path}" if path else "this is a bug of opsctl"
    message = redact(f"internal error: {type(error).__name__}: {error}", args, runtime.env)
    return Failure("bug", message, hint, BUG, (), redact(trace, args, runtime.env))


def _usage_hint(error: click.ClickException) -> str:
    hint = str(getattr(error, "hint", ""))
    names = getattr(error, "possibilities", None)
    if not hint and names:
        hint = f"did you mean {names[0]}?"
    ctx = getattr(error, "ctx", None)
    see = f"see '{ctx.command_path} --help'" if ctx is not None else ""
    return hint or see


def _with_suggestion(hint: str, code: int, runtime: Runtime) -> str:
    # `opsctl deploy stauts`: the word was taken as a service, but it may have been meant as a command.
    if code not in {USAGE, 4} or not runtime.suggestion:
        return hint
    return f"{runtime.suggestion}; {hint}" if hint else runtime.suggestion


def _sentence(error: click.ClickException) -> str:
    # Click's messages are sentences, some of several lines, worded a little differently in each version; ours are not.
    if isinstance(error, click.NoSuchOption):
        return f"no such option {error.option_name!r}"
    text = " ".join(error.format_message().split()).removesuffix(".")
    return text[:1].lower() + text[1:]


def _discard_output(runtime: Runtime) -> None:
    # What is still buffered cannot be written; without this the interpreter would complain about it at exit.
    with contextlib.suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, runtime.stdout.fileno())
        os.close(null)
