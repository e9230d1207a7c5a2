'''The conformance suite of deploy targets: subclass it, give the fixture `bench`, run pytest.

    class TestMyTarget(TargetConformance):
        """type: mine keeps the promises that recovery after a kill stands on."""

        @pytest.fixture
        def bench(self, tmp_path: Path) -> Bench:
            return MyBench(tmp_path)

A `Bench` opens the target at a place that is empty when a test begins, as often as it is asked and for several
services, and makes revisions that differ from each other.
'''

from __future__ import annotations

import time
from contextlib import closing
from typing import Protocol

import msgspec
import pytest

from opsctl.deploy.gate import Gate, Verdict
from opsctl.deploy.target import Materials, Probe, Revision, Target
from opsctl.errors import ConflictError

__all__ = ["Bench", "TargetConformance"]

FENCE = 7


class Bench(Protocol):
    """What the suite needs of a target."""

    def open(self, service: str = "web") -> Target:
        """Open the target of a service, as another process would."""

    def make(self, number: int, *, healthy: bool = True) -> tuple[Revision, Materials]:
        """Return a revision of that number, unlike the others; an unhealthy one starts, but never passes."""


class TargetConformance:
    """What every target does alike. Each test opens the target anew for each step, as separate commands would."""

    @pytest.fixture
    def bench(self) -> Bench:
        """Give the target that is checked."""
        raise pytest.UsageError("a conformance page gives the fixture `bench`")

    def test_an_empty_place_is_no_error(self, bench: Bench) -> None:
        """A first deploy finds nothing, and undoing it half-way removes nothing."""
        revision, _ = bench.make(1)
        with closing(bench.open()) as target:
            assert target.inspect().revisions == ()
            assert target.differences(revision, None)
            assert not target.probe(revision).alive
            assert target.evidence(1).log == ()
            target.discard(1)
            target.retire(serving=1, keep=frozenset())
            target.switch(None, fence=FENCE)
            assert target.inspect().revisions == ()

    def test_what_is_started_does_not_serve_yet(self, bench: Bench) -> None:
        """Clients see nothing of a release before its gate."""
        _start(bench, 1)
        with closing(bench.open()) as target:
            (held,) = target.inspect().revisions
            assert (held.number, held.alive, held.serving) == (1, True, False)
            assert held.deploy == bench.make(1)[0].deploy
            assert held.spec_hash == bench.make(1)[0].spec.hash

    def test_starting_twice_is_starting_once(self, bench: Bench) -> None:
        """A recovered deploy may start again what it had started."""
        first = _start(bench, 1)
        second = _start(bench, 1)
        assert first.process == second.process
        with closing(bench.open()) as target:
            assert len(target.inspect().revisions) == 1

    def test_a_healthy_revision_passes_its_gate(self, bench: Bench) -> None:
        """And stays the same process meanwhile."""
        assert _gate(bench, 1).state == "passed"

    def test_an_unhealthy_revision_fails_its_gate(self, bench: Bench) -> None:
        """And says why."""
        verdict = _gate(bench, 1, healthy=False)
        assert verdict.state == "failed"
        assert verdict.detail

    def test_one_revision_serves_after_a_switch(self, bench: Bench) -> None:
        """The old one lives on: it is the way back."""
        _serve(bench, 1)
        _serve(bench, 2)
        with closing(bench.open()) as target:
            state = target.inspect()
            assert [held.number for held in state.serving] == [2]
            before = state.get(1)
            assert before is not None
            assert before.alive

    def test_switching_twice_is_switching_once(self, bench: Bench) -> None:
        """A recovered deploy may switch again."""
        _serve(bench, 1)
        _serve(bench, 2)
        _serve(bench, 2)
        with closing(bench.open()) as target:
            assert [held.number for held in target.inspect().serving] == [2]

    def test_switching_back_is_a_switch(self, bench: Bench) -> None:
        """A failed release gives way to what served before."""
        _serve(bench, 1)
        _serve(bench, 2)
        with closing(bench.open()) as target:
            target.switch(bench.make(1)[0], fence=FENCE)
            assert [held.number for held in target.inspect().serving] == [1]

    def test_switching_to_nothing_takes_the_last_one_away(self, bench: Bench) -> None:
        """A first release that fails leaves nothing that serves."""
        _serve(bench, 1)
        with closing(bench.open()) as target:
            target.switch(None, fence=FENCE)
            assert target.inspect().serving == ()
            target.discard(1)
            assert target.inspect().revisions == ()

    def test_what_serves_confirms_its_record(self, bench: Bench) -> None:
        """Deploying what runs changes nothing, because the target says that it runs."""
        _serve(bench, 1)
        revision, materials = bench.make(1)
        with closing(bench.open()) as target:
            assert not target.differences(revision, materials)
            assert not target.differences(revision, None)

    def test_what_does_not_serve_differs_from_its_record(self, bench: Bench) -> None:
        """Drift is seen: it was started but never switched to, or something else serves."""
        _start(bench, 1)
        with closing(bench.open()) as target:
            assert target.differences(bench.make(1)[0], None)
        _serve(bench, 2)
        with closing(bench.open()) as target:
            assert target.differences(bench.make(1)[0], None)

    def test_another_deploy_of_the_same_number_differs(self, bench: Bench) -> None:
        """Two state stores may count alike; the id of the deploy tells them apart."""
        _serve(bench, 1)
        stranger = msgspec.structs.replace(bench.make(1)[0], deploy="0123456789abcdef")
        with closing(bench.open()) as target:
            assert target.differences(stranger, None)

    def test_retiring_keeps_what_is_to_be_kept(self, bench: Bench) -> None:
        """The serving one is not touched, the kept one is there, the others are gone."""
        for number in (1, 2, 3):
            _serve(bench, number)
        with closing(bench.open()) as target:
            before = target.probe(bench.make(3)[0]).process
            target.retire(serving=3, keep=frozenset({2, 3}))
            target.retire(serving=3, keep=frozenset({2, 3}))
            state = target.inspect()
            assert [held.number for held in state.revisions] == [2, 3]
            assert [held.number for held in state.serving] == [3]
            assert target.probe(bench.make(3)[0]).process == before

    def test_a_retired_revision_can_be_woken(self, bench: Bench) -> None:
        """A rollback needs no build, no upload and no files on the local disk."""
        _serve(bench, 1)
        _serve(bench, 2)
        revision, materials = bench.make(1)
        with closing(bench.open()) as target:
            target.retire(serving=2, keep=frozenset({1, 2}))
        with closing(bench.open()) as target:
            target.start(revision, Materials(secrets=materials.secrets))
            assert _pass(target, revision).state == "passed"
            target.switch(revision, fence=FENCE)
            assert [held.number for held in target.inspect().serving] == [1]

    def test_what_serves_is_not_discarded(self, bench: Bench) -> None:
        """Undoing can go wrong only in harmless ways."""
        _serve(bench, 1)
        with closing(bench.open()) as target:
            with pytest.raises(ConflictError):
                target.discard(1)
            assert [held.number for held in target.inspect().serving] == [1]

    def test_discarding_twice_is_discarding_once(self, bench: Bench) -> None:
        """A recovered undo may discard again; nothing of the revision is left, and it can be made anew."""
        _serve(bench, 1)
        _start(bench, 2)
        with closing(bench.open()) as target:
            target.discard(2)
            target.discard(2)
            assert [held.number for held in target.inspect().revisions] == [1]
        assert _gate(bench, 2).state == "passed"

    def test_services_do_not_see_each_other(self, bench: Bench) -> None:
        """Not when they look, and not when they clean up."""
        _serve(bench, 1)
        with closing(bench.open("other")) as target:
            assert target.inspect().revisions == ()
            target.retire(serving=2, keep=frozenset())
            target.switch(None, fence=FENCE)
        with closing(bench.open()) as target:
            assert [held.number for held in target.inspect().serving] == [1]


def _start(bench: Bench, number: int) -> Probe:
    revision, materials = bench.make(number)
    with closing(bench.open()) as target:
        target.start(revision, materials)
        return target.probe(revision)


def _gate(bench: Bench, number: int, *, healthy: bool = True) -> Verdict:
    revision, materials = bench.make(number, healthy=healthy)
    with closing(bench.open()) as target:
        target.start(revision, materials)
        return _pass(target, revision)


def _pass(target: Target, revision: Revision) -> Verdict:
    gate = Gate(revision.health, started=time.monotonic())
    while True:
        verdict = gate.see(target.probe(revision), now=time.monotonic())
        if verdict.state != "waiting":
            return verdict
        time.sleep(revision.health.interval)


def _serve(bench: Bench, number: int) -> None:
    revision, materials = bench.make(number)
    with closing(bench.open()) as target:
        target.start(revision, materials)
        target.switch(revision, fence=FENCE)
