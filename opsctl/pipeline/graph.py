"""What needs what: the graph of a pipeline's steps, checked for cycles, and its order.

Everything is linear in steps and needs, and nothing recurses, so that 100,000 generated steps are no problem. Must
not know what a step is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

__all__ = ["Graph", "find_cycles"]


@dataclass(frozen=True, slots=True)
class Graph:
    """A graph without cycles.

    Args:
        needs: step -> the steps that must succeed before it, in the order of the file.
        dependants: step -> the steps that need it.
    """

    needs: Mapping[str, Sequence[str]]
    dependants: Mapping[str, Sequence[str]]

    @classmethod
    def of(cls, needs: Mapping[str, Sequence[str]]) -> Graph:
        """Make the graph.

        Args:
            needs: step -> the steps it needs; every one of them a key, no cycle (see `find_cycles`).
        """
        unique = {step: tuple(dict.fromkeys(names)) for step, names in needs.items()}
        dependants: dict[str, list[str]] = {step: [] for step in unique}
        for step, names in unique.items():
            for name in names:
                dependants[name].append(step)
        return cls(unique, dependants)

    def order(self) -> list[str]:
        """Return every step behind all that it needs; what is free to choose keeps the order of the file."""
        missing = {step: len(names) for step, names in self.needs.items()}
        ready = deque(step for step, count in missing.items() if not count)
        order: list[str] = []
        while ready:
            step = ready.popleft()
            order.append(step)
            for dependant in self.dependants[step]:
                missing[dependant] -= 1
                if not missing[dependant]:
                    ready.append(dependant)
        return order

    def levels(self) -> list[list[str]]:
        """Return the steps by the longest way to a step that needs nothing."""
        depth: dict[str, int] = {}
        levels: list[list[str]] = []
        for step in self.order():
            depth[step] = max((depth[name] + 1 for name in self.needs[step]), default=0)
            if depth[step] == len(levels):
                levels.append([])
            levels[depth[step]].append(step)
        return levels

    def requires(self, step: str, other: str) -> bool:
        """Tell whether `step` needs `other`, directly or through others."""
        if other in self.needs[step]:
            return True
        seen = {step}
        waiting = list(self.needs[step])
        while waiting:
            name = waiting.pop()
            if name == other:
                return True
            if name not in seen:
                seen.add(name)
                waiting.extend(self.needs[name])
        return False


def find_cycles(needs: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Return cycles, no two of which share a step, such that without them an order would exist; [] when one does.

    Args:
        needs: step -> the steps it needs; names that are no key are passed over.

    Returns:
        Cycles as `[a, b, a]`: each step needs the next one. Each starts at its first step in the file.
    """
    known = {step: [name for name in names if name in needs] for step, names in needs.items()}
    knot = _Knot(Graph.of(known))
    place = {step: index for index, step in enumerate(needs)}
    cycles = [_from_first(cycle, place) for cycle in knot.cycles()]
    return sorted(cycles, key=lambda cycle: place[cycle[0]])


class _Knot:
    """The steps that can never start, because each still needs another one of them."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._missing = {step: len(names) for step, names in graph.needs.items()}
        self._remove([step for step, count in self._missing.items() if not count])

    def cycles(self) -> Iterator[list[str]]:
        """Follow needs until a step comes again; take that cycle out, and go on with what is left."""
        for start in list(self._missing):
            path = [start] if start in self._missing else []
            at = {start: 0}
            while path:
                step = self._next(path[-1])
                if step not in at:
                    at[step] = len(path)
                    path.append(step)
                    continue
                cycle = path[at[step] :]
                yield cycle
                self._remove(cycle)
                while path and path[-1] not in self._missing:
                    del at[path.pop()]

    def _next(self, step: str) -> str:
        return next(name for name in self._graph.needs[step] if name in self._missing)

    def _remove(self, steps: Iterable[str]) -> None:
        """Take steps out, and then all that need nothing any more."""
        waiting = list(steps)
        while waiting:
            step = waiting.pop()
            if self._missing.pop(step, None) is None:
                continue
            for dependant in self._graph.dependants[step]:
                if dependant in self._missing:
                    self._missing[dependant] -= 1
                    if not self._missing[dependant]:
                        waiting.append(dependant)


def _from_first(cycle: list[str], place: Mapping[str, int]) -> list[str]:
    first = cycle.index(min(cycle, key=place.__getitem__))
    return [*cycle[first:], *cycle[:first], cycle[first]]
