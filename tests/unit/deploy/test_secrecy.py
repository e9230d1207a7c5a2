"""No secret leaves a deploy: not in events, errors and records, in no encoding, whatever fails where."""

import base64
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from deployment.world import Fuse, Killed, World
from opsctl.deploy.operation import Want, Wanted, carry_out
from opsctl.deploy.secrecy import Secrecy
from opsctl.deploy.site import Site
from opsctl.deploy.target import Evidence, Materials, Probe
from opsctl.errors import (
    ConfigError,
    DeployRolledBackError,
    NotFoundError,
    OpsctlError,
    Problem,
    StepFailedError,
    TransientError,
)
from opsctl.events import Event, Message, SpanFinished
from opsctl.storage import open_store

VALUE = "value of TOKEN"
FORMS = [VALUE, base64.b64encode(VALUE.encode()).decode(), VALUE.encode().hex()]
SAID = f"the database at {' and '.join(FORMS)} does not answer"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def want(world: World, text: str) -> Want:
    """A release with a secret."""
    plain = world.want(text)(None)
    spec = msgspec.structs.replace(plain.desired.spec, secrets={"TOKEN": "env:TOKEN"})
    materials = Materials(secrets={"TOKEN": VALUE}, artifact=plain.materials.artifact)
    wanted = replace(plain, desired=msgspec.structs.replace(plain.desired, spec=spec), materials=materials)

    def late(_: object) -> Wanted:
        return wanted

    return late


def talkative(site: Site) -> Site:
    """The program prints its secret."""
    site.target.evidence = lambda _: Evidence(log=(SAID,), health=(SAID,))  # type: ignore[method-assign,misc]
    return site


def everything(world: World) -> str:
    """All that was told and all that was recorded."""
    store = open_store(world.state)
    kept = [store.get(item.key).read().decode() for item in store.scan("")]
    return "\n".join([*map(repr, world.events), *kept])


def assert_hidden(text: str) -> None:
    assert "the database at ***" in text
    for form in FORMS:
        assert form not in text


@pytest.mark.parametrize("stage", ["start", "probe", "switch"])
def test_an_error_of_the_target_shows_no_secret(world: World, stage: str) -> None:
    world.deploy("one")
    faults: dict[str, list[OpsctlError]] = {stage: [StepFailedError(SAID, hint=SAID)]}
    with pytest.raises(DeployRolledBackError) as caught:
        carry_out(talkative(world.site(faults=faults)), want(world, "two"), world.terms)
    assert_hidden(caught.value.message)
    assert_hidden(str(caught.value))
    assert_hidden(caught.value.hint)
    assert_hidden(str(caught.value.__cause__))
    assert_hidden(everything(world))


def test_what_the_gate_saw_shows_no_secret(world: World) -> None:
    site = world.site()
    site.target.probe = lambda _: Probe(passed=False, alive=False, detail=SAID)  # type: ignore[method-assign,misc]
    with pytest.raises(DeployRolledBackError) as caught:
        carry_out(site, want(world, "one"), world.terms)
    assert_hidden(caught.value.message)
    assert_hidden(everything(world))
    (finished,) = (event for event in world.events if isinstance(event, SpanFinished) and "/health" in event.span)
    assert_hidden(finished.detail)


def test_a_way_back_that_fails_shows_no_secret(world: World) -> None:
    carry_out(world.site(), want(world, "one"), world.terms)
    faults: dict[str, list[OpsctlError]] = {"switch": [StepFailedError(SAID), StepFailedError(SAID)]}
    with pytest.raises(OpsctlError) as caught:
        carry_out(world.site(faults=faults), want(world, "two"), world.terms)
    assert_hidden(caught.value.message)
    assert_hidden(everything(world))


def test_a_rollback_shows_no_secret_of_the_release_it_goes_to(world: World) -> None:
    carry_out(world.site(), want(world, "one"), world.terms)
    world.deploy("two")
    with pytest.raises(DeployRolledBackError) as caught:
        world.rollback(site=talkative(world.site(faults={"switch": [StepFailedError(SAID)]})))
    assert_hidden(caught.value.message)
    assert_hidden(everything(world))


def killed_at_the_switch(world: World) -> None:
    """A process dies right after clients were sent to its release; it prints its secret when it is looked at."""
    world.deploy("one")
    fuse = Fuse()
    site = world.site(fuse=fuse)
    switch = site.target.switch

    def die(*args: object, **options: object) -> None:
        switch(*args, **options)  # type: ignore[arg-type]
        fuse.at = 1
        fuse.burn("after the switch")

    site.target.switch = die  # type: ignore[method-assign,assignment]
    with pytest.raises(Killed):
        carry_out(site, want(world, "two"), world.terms)
    world.after_a_kill()
    assert world.records.journal().stage == "switch"


def test_a_recovered_deploy_shows_no_secret(world: World) -> None:
    killed_at_the_switch(world)
    world.deploy("three", site=talkative(world.site(faults={"probe": [StepFailedError(SAID)]})))
    recovered = world.history[1]
    assert recovered.failure is not None
    assert_hidden(" ".join(recovered.failure.log))
    assert_hidden(everything(world))


def test_a_recovered_deploy_whose_secret_is_gone_keeps_no_log(world: World) -> None:
    """What cannot be recognised cannot be masked: nothing that the program printed is shown or kept."""
    killed_at_the_switch(world)

    def gone(references: Mapping[str, str]) -> Mapping[str, str]:
        raise NotFoundError(f"secret {next(iter(references.values()))}: the variable is not set")

    site = replace(talkative(world.site()), resolve=gone)
    probes = [Probe(passed=False, alive=False, detail=SAID)]
    probe = site.target.probe
    site.target.probe = lambda revision: probes.pop() if probes else probe(revision)  # type: ignore[method-assign,misc]
    world.deploy("three", site=site)
    recovered = world.history[1]
    assert recovered.failure is not None
    assert (recovered.failure.log, recovered.failure.health) == ((), ())
    for form in FORMS:
        assert form not in everything(world)
    warnings = [event.text for event in world.events if isinstance(event, Message) and event.level == "warning"]
    assert any("what it printed is not shown: TOKEN cannot be masked" in text for text in warnings)


def test_a_secret_that_has_got_another_value_is_hidden_with_both(world: World) -> None:
    """The container of the killed deploy still prints the old one."""
    killed_at_the_switch(world)
    site = replace(
        talkative(world.site(faults={"probe": [StepFailedError(SAID)]})), resolve=lambda _: {"TOKEN": "a new value"}
    )
    site.target.secrets_of = lambda _: {"TOKEN": VALUE}  # type: ignore[attr-defined]
    world.deploy("three", site=site)
    assert_hidden(everything(world))


def test_every_part_of_an_error_is_masked() -> None:
    secrecy = Secrecy()
    secrecy.hide({"TOKEN": VALUE})
    cause = ValueError(SAID, 7)
    error = ConfigError([Problem("opsctl.yaml", 1, 2, SAID, SAID)])
    error.__cause__, error.__context__ = cause, TransientError(SAID)
    cause.__cause__ = error  # chains may be circles
    secrecy.mask_error(error)
    for part in (error, cause, error.__context__):
        assert_hidden(str(part))
    assert_hidden(json.dumps(msgspec.to_builtins(error.problems)))
    assert cause.args[1] == 7


def test_spans_and_states_of_events_stay_as_they_are() -> None:
    """Who draws events finds their spans by name, also when a secret is a word of them."""
    told: list[Event] = []
    secrecy = Secrecy()
    secrecy.hide({"A": "failed", "B": "deploy"})
    secrecy.sink(told.append)(SpanFinished("deploy:web@dev", "failed", 1.0, "it failed"))
    assert told == [SpanFinished("deploy:web@dev", "failed", 1.0, "it ***")]
