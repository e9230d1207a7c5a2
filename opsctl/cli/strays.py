"""What reaches standard error past the sink: Python warnings, log records of libraries, threads that die.

Printed as they come they would tear the live view, and a record may hold a URL with a signature. They become
debug messages (`-v` shows them) instead; a thread that dies is a bug with a report, like any other.
"""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, TextIO

from opsctl.events import Message

if TYPE_CHECKING:
    from opsctl.cli.runtime import Runtime

__all__ = ["catch_strays"]


def catch_strays(runtime: Runtime) -> None:
    """Send everything that libraries say to the sink, from now to the end of the process.

    Args:
        runtime: has the sink, and the command line for reports.
    """
    args = runtime.args

    def tell(text: str) -> None:
        from opsctl.cli.report import redact

        runtime.sink(Message("", redact(" ".join(text.split()), args, runtime.env), "debug"))

    def show_warning(  # noqa: PLR0917 - the signature is that of warnings.showwarning
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        del filename, lineno, file, line
        tell(f"{category.__name__}: {message}")

    def bury(died: threading.ExceptHookArgs) -> None:
        from opsctl.cli.report import redact, write_report

        if died.exc_value is not None and not issubclass(died.exc_type, SystemExit):
            path = write_report(died.exc_value, args, runtime.env)
            hint = f"this is a bug of opsctl; a report is in {path}" if path else "this is a bug of opsctl"
            text = redact(f"internal error in a thread: {died.exc_type.__name__}: {died.exc_value}", args, runtime.env)
            runtime.sink(Message("", text, "error", hint))

    warnings.showwarning = show_warning
    threading.excepthook = bury
    logging.getLogger().addHandler(_Forward(tell))


class _Forward(logging.Handler):
    def __init__(self, tell: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        self._tell(f"{record.name}: {record.getMessage()}")
