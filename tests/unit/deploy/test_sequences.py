"""Whatever happens in whatever order, one whole release serves, and the records say which."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from deployment.world import Fuse, Killed, World
from opsctl.deploy.site import Site
from opsctl.errors import (
    ConflictError,
    DeployRolledBackError,
    NotFoundError,
    OpsctlError,
    RollbackFailedError,
    StateUnknownError,
    StepFailedError,
    TransientError,
)

OPERATIONS = ["start", "probe", "switch", "retire", "discard", "inspect"]
ERRORS = [StepFailedError("it is broken"), TransientError("it is away"), ConflictError("it is taken")]

faults = st.dictionaries(
    st.sampled_from(OPERATIONS), st.lists(st.sampled_from(ERRORS), min_size=1, max_size=3), max_size=3
)


class Deploys(RuleBasedStateMachine):
    """A model of what must serve, beside the real thing."""

    def __init__(self) -> None:
        super().__init__()
        self.base = Path(tempfile.mkdtemp())
        self.world = World(self.base)
        self.count = 0
        self.expected = {""}
        self.fallback: set[str] = set()
        """What may serve again, because an unfinished deploy may be undone."""
        self.clean = True

    @initialize(retain=st.integers(2, 4))
    def begin(self, retain: int) -> None:
        self.world = World(self.base, retain=retain)

    @rule()
    def deploy(self) -> None:
        """A deploy without trouble always succeeds, whatever was left by those before."""
        text = self._next()
        self.world.deploy(text)
        self._settle(text)

    @rule()
    def deploy_the_same(self) -> None:
        before = self.world.serving
        if self.clean and before:
            assert not self.world.deploy(before).changed

    @rule(broken=faults)
    def deploy_with_faults(self, broken: dict[str, list[OpsctlError]]) -> None:
        text = self._next()
        site = self.world.site(faults={name: list(errors) for name, errors in broken.items()})
        try:
            self.world.deploy(text, site=site)
            self.expected = {text}
        except (DeployRolledBackError, TransientError, ConflictError):
            self.expected |= self.fallback  # it was undone, or nothing was begun: what served, serves
        except (RollbackFailedError, StateUnknownError, StepFailedError):
            self.expected |= {text, "", *self.fallback}
        # What could not be cleaned up is cleaned up by the next deploy.
        self.clean = self.clean and not broken
        self.fallback |= self.expected
        self._adopt()

    @rule(at=st.integers(1, 60))
    def deploy_and_die(self, at: int) -> None:
        self._die(at, lambda site, text: self.world.deploy(text, site=site))

    @rule(at=st.integers(1, 60))
    def rollback_and_die(self, at: int) -> None:
        self._die(at, lambda site, _: self.world.rollback(site=site))

    @rule()
    def rollback(self) -> None:
        try:
            self._settle(self.world.rollback().release.version)
        except NotFoundError:
            self.expected |= self.fallback
            self._adopt()

    def _die(self, at: int, operate: Callable[[Site, str], object]) -> None:
        text = self._next()
        before = self.world.serving
        try:
            operate(self.world.site(fuse=Fuse(at=at)), text)
        except Killed:
            self.clean = False
        except NotFoundError:
            pass
        else:
            self.fallback = set() if self.clean else self.fallback
        self.world.after_a_kill()
        versions = {release.version for release in self.world.history} | {"", before, text}
        assert self.world.serving in versions
        self.expected = {self.world.serving}
        self.fallback |= {before, self.world.serving}

    def _settle(self, text: str) -> None:
        self.expected, self.fallback, self.clean = {text}, set(), True

    def _adopt(self) -> None:
        assert self.world.serving in self.expected
        self.expected = {self.world.serving}

    def _next(self) -> str:
        self.count += 1
        return f"version {self.count}"

    @invariant()
    def one_whole_release_serves(self) -> None:
        assert self.world.serving in self.expected
        if self.clean:
            self.world.check()

    def teardown(self) -> None:
        shutil.rmtree(self.base)


TestDeploys = Deploys.TestCase
TestDeploys.settings = settings(
    max_examples=60, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
)
