"""What step kinds ask about services and environments of the project."""

from __future__ import annotations

from collections.abc import Iterator

from opsctl.config.nodes import Fault
from opsctl.config.project import LoadedProject
from opsctl.config.scalars import Text
from opsctl.errors import NotFoundError

__all__ = ["known", "service_faults", "value_of"]


def known(text: Text | None) -> str | None:
    """Return the value of a text that depends on nothing, None for one that is not known yet or not given."""
    return str(text) if text is not None and text.is_constant else None


def value_of(text: Text | None) -> str:
    """Return the value of an evaluated text, "" for one that is not given."""
    return str(text) if text is not None else ""


def service_faults(project: LoadedProject, service: Text | None, env: Text | None) -> Iterator[Fault]:
    """Yield what is wrong with the names of a service and an environment, as far as they are known."""
    for key, text, look_up in (("service", service, project.service), ("env", env, project.environment)):
        name = known(text)
        if name is None:
            continue
        try:
            look_up(name)
        except NotFoundError as error:
            yield Fault((key,), error.message, error.hint)
