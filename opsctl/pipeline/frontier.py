"""Which steps can start: the moving edge between what is done and what waits.

Pure: it knows neither processes nor time. Each step leaves the frontier once, as done or as blocked, so a run costs
as much as the graph is large, whatever happens in it.
"""

from __future__ import annotations

from collections import deque

from opsctl.pipeline.graph import Graph

__all__ = ["Frontier"]


class Frontier:
    """The steps that can start now, in the order in which they became free.

    Args:
        graph: all steps.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._missing = {step: len(names) for step, names in graph.needs.items()}
        self._ready = deque(step for step, count in self._missing.items() if not count)

    def take(self) -> str | None:
        """Return the next step that can start, or None when none can for now."""
        if not self._ready:
            return None
        step = self._ready.popleft()
        del self._missing[step]
        return step

    def succeed(self, step: str) -> None:
        """Note that a step that was taken has succeeded: what waited for it alone can start."""
        for dependant in self._graph.dependants[step]:
            if dependant in self._missing:
                self._missing[dependant] -= 1
                if not self._missing[dependant]:
                    self._ready.append(dependant)

    def block(self, step: str) -> list[tuple[str, str]]:
        """Note that a step that was taken has not succeeded, so that nothing that needs it can ever start.

        Returns:
            Those steps, each once in its life, each with the step that it needs and will not get.
        """
        blocked: list[tuple[str, str]] = []
        waiting = deque([step])
        while waiting:
            cause = waiting.popleft()
            for dependant in self._graph.dependants[cause]:
                if self._missing.pop(dependant, None) is not None:
                    blocked.append((dependant, cause))
                    waiting.append(dependant)
        return blocked

    def rest(self) -> list[str]:
        """Take all that is left, in the order of the file: nothing more will start."""
        left = list(self._missing)
        self._missing.clear()
        self._ready.clear()
        return left
