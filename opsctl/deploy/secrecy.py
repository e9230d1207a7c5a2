"""Keeps the secrets of a deploy out of all that leaves it: events, errors and records.

What targets say is not trusted to be free of them: a health check, a log line or an engine's error may quote whatever
a program prints.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Final

from opsctl.config.masking import Masker
from opsctl.errors import ConfigError, OpsctlError
from opsctl.events import Event, Sink

__all__ = ["Secrecy"]

_TEXTS: Final = ("title", "detail", "hint", "text", "file")
"""What is for people in an event. Names of spans and states stay: who draws events goes by them."""


class Secrecy:
    """The secrets of one deploy; knows none at first."""

    def __init__(self) -> None:
        self._masker = Masker()
        self._exposed: dict[str, None] = {}

    @property
    def exposed(self) -> tuple[str, ...]:
        """Names of secrets that cannot be hidden: nothing that a program prints may be shown then."""
        return tuple(self._exposed)

    def hide(self, secrets: Mapping[str, str]) -> None:
        """Hide values from now on; those that are too short for it become `exposed`."""
        for name, value in secrets.items():
            if not self._masker.add(value):
                self.expose(name)

    def expose(self, name: str) -> None:
        """Note that a secret cannot be hidden, because nobody knows its value any more."""
        self._exposed[name] = None

    def mask(self, text: str) -> str:
        """Return the text without secrets."""
        return self._masker.mask(text)

    def sink(self, sink: Sink) -> Sink:
        """Return a sink that tells events without secrets."""
        return lambda event: sink(self._masked(event))

    def mask_error(self, error: BaseException) -> None:
        """Take the secrets out of an error and of all that led to it: a traceback shows the whole chain."""
        for link in _chain(error):
            self._mask_one(link)

    def _mask_one(self, error: BaseException) -> None:
        error.args = tuple(self.mask(part) if isinstance(part, str) else part for part in error.args)
        if isinstance(error, OpsctlError):
            error.message, error.hint = self.mask(error.message), self.mask(error.hint)
        if isinstance(error, ConfigError):
            error.problems = [
                dataclasses.replace(problem, message=self.mask(problem.message), hint=self.mask(problem.hint))
                for problem in error.problems
            ]

    def _masked(self, event: Event) -> Event:
        texts = {name: text for name in _TEXTS if (text := getattr(event, name, ""))}
        hidden = {name: self.mask(text) for name, text in texts.items()}
        return event if hidden == texts else dataclasses.replace(event, **hidden)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and its causes, each once."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        link = waiting.pop()
        if id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        waiting += [after for after in (link.__cause__, link.__context__) if after is not None]
