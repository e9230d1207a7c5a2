"""Small parts of images work: spans, names of checks, owners of containers, what prune keeps, services of a file."""

import os
from pathlib import Path
from typing import Any

import pytest

from harness.engine import Answer, Asked, FakeEngine
from opsctl.config.models import FileCheck, HttpCheck, MetadataCheck, TestCheck
from opsctl.config.project import LoadedProject, load_project
from opsctl.docker import probe, reaper, service
from opsctl.docker import test as image_test
from opsctl.docker.build import CONTENT_LABEL
from opsctl.docker.engine import Engine, connect
from opsctl.docker.model import ImageInfo
from opsctl.docker.prune import PruneRequest, prune
from opsctl.docker.push import PushRequest, push
from opsctl.docker.spans import span
from opsctl.docker.test import CheckResult, TestRequest, TestResult, names, suite
from opsctl.errors import (
    ConflictError,
    InterruptedRunError,
    NotFoundError,
    StepFailedError,
    UsageError,
)
from opsctl.events import Event, SpanFinished, SpanStarted

DIGEST, OTHER = "sha256:" + "d" * 64, "sha256:" + "e" * 64

# Spans.


@pytest.mark.parametrize(
    ("error", "status", "detail", "hint"),
    [
        (None, "ok", "", ""),
        (StepFailedError("why", hint="cure"), "failed", "why", "cure"),
        (InterruptedRunError("x"), "cancelled", "", ""),
        (KeyboardInterrupt(), "cancelled", "", ""),
        (ValueError("bug"), "failed", "", ""),
    ],
)
def test_a_span_is_finished_however_it_ends(error: BaseException | None, status: str, detail: str, hint: str) -> None:
    told: list[Event] = []

    def work() -> None:
        with span(told.append, "a", "title", parent="p"):
            if error:
                raise error

    if error:
        with pytest.raises(type(error)):
            work()
    else:
        work()
    start, end = told
    assert start == SpanStarted("a", "title", "p")
    assert isinstance(end, SpanFinished)
    assert (end.status, end.detail, end.hint) == (status, detail, hint)


# Checks.


def test_checks_are_named_by_what_they_do_and_never_twice() -> None:
    checks = [
        TestCheck(run="pytest -q"),
        TestCheck(run="pytest -q"),
        TestCheck(run="set -e\ntrue"),
        TestCheck(run=["true", "x y"]),
        TestCheck(file=FileCheck(path="/a")),
        TestCheck(file=FileCheck(path="/a", exists=False)),
        TestCheck(http=HttpCheck(path="/up")),
        TestCheck(metadata=MetadataCheck()),
        TestCheck(run="x", name="given"),
    ]
    assert names(checks) == [
        *("run pytest -q", "run pytest -q (2)", "run set -e ...", "run true x y", "file /a", "no file /a"),
        *("http /up 200", "metadata", "given"),
    ]


def test_a_failed_test_names_the_first_check_and_counts_the_others() -> None:
    checks = [CheckResult("a", "run", True, 1.0), *(CheckResult(x, "run", False, 2.0, "exit code 1") for x in "bc")]
    result = TestResult("web:1", "sha256:x", tuple(checks), 0.0)
    with pytest.raises(StepFailedError, match=r"^image web:1: b: exit code 1 \(and 1 more\)$"):
        result.require()
    assert [case.outcome for case in suite(result).cases] == ["passed", "failed", "failed"]
    TestResult("web:1", "sha256:x", tuple(checks[:1]), 0.0).require()


def test_metadata_compares_only_the_keys_given() -> None:
    image = ImageInfo("x", user="app", cmd=("a", "b"), exposed=("80/tcp",), env={"A": "1"}, labels={"l": "m"})
    good = MetadataCheck(user="app", cmd=["a", "b"], exposed=[80], env={"A": "1"}, labels={"l": "m"})
    assert probe.check_metadata(image, good).passed
    assert probe.check_metadata(image, MetadataCheck()).passed
    bad = MetadataCheck(user="", cmd=["a"], entrypoint=["x"], exposed=[81], env={"B": "1"}, labels={"l": "n"})
    found = probe.check_metadata(image, bad)
    assert not found.passed
    assert found.message == (
        "user is 'app', not ''; entrypoint is [], not ['x']; cmd is ['a', 'b'], not ['a']; "
        "port 81 is not exposed; env B is not set; label l is 'm', not 'n'"
    )


@pytest.mark.parametrize(
    ("url", "expected"),
    [("unix:///var/run/docker.sock", ("127.0.0.1", "127.0.0.1")), ("tcp://10.0.0.1:2375", ("0.0.0.0", "10.0.0.1"))],  # noqa: S104
)
def test_published_ports_are_reached_at_the_engine(url: str, expected: tuple[str, str]) -> None:
    assert probe.reachable(url) == expected


def test_an_engine_behind_ssh_has_no_ports_here() -> None:
    with pytest.raises(UsageError, match="ssh://host"):
        probe.reachable("ssh://host")


@pytest.mark.parametrize("check", [TestCheck(file=FileCheck(path="a")), TestCheck(http=HttpCheck(path="/"))])
def test_a_check_that_cannot_be_made_is_refused(engine: Engine, fake_engine: FakeEngine, check: TestCheck) -> None:
    fake_engine.on(
        "GET", "/images/web:1/json", Answer({"Id": "x", "Config": {"ExposedPorts": {"1/tcp": {}, "2/tcp": {}}}})
    )
    fake_engine.on("GET", "/containers/json", Answer([]))
    with pytest.raises(UsageError):
        image_test.run(TestRequest(image="web:1", checks=[check]), engine)


# Owners.


@pytest.fixture
def engine(fake_engine: FakeEngine) -> Any:
    with connect(fake_engine.url) as connected:
        yield connected


def left_behind(fake_engine: FakeEngine, owner: str, expires: str) -> list[str]:
    """Offer one container, and return what is removed."""
    removed: list[str] = []
    state = {"Id": "c", "Name": "/c", "State": {"Status": "exited", "Running": False}}
    labels = {reaper.OWNER_LABEL: owner, reaper.EXPIRES_LABEL: expires}
    fake_engine.on("GET", "/containers/json", Answer([{"Id": "c"}]))
    fake_engine.on("GET", "/containers/c/json", Answer({**state, "Config": {"Labels": labels}}))
    fake_engine.on("DELETE", "/containers/c", lambda asked: (removed.append(asked.path), Answer(status=204))[1])
    return removed


NOW = 1704164645.5  # what the fake engine's clock says


@pytest.mark.parametrize(
    ("owner", "expires", "gone"),
    [
        ("elsewhere/1.2", NOW + 60, False),
        ("elsewhere/1.2", NOW - 60, True),
        ("PLACE/PID.START", NOW + 60, False),  # this very process
        ("PLACE/PID.1", NOW + 60, True),  # its number, used again
        ("PLACE/99999999.5", NOW + 60, True),  # nobody has this number
        ("PLACE/PID.START", NOW - 60, True),
        ("odd", NOW + 60, False),
    ],
)
def test_only_what_nobody_can_need_is_removed(
    fake_engine: FakeEngine,
    engine: Engine,
    owner: str,
    expires: float,
    gone: bool,  # noqa: FBT001
) -> None:
    mine = reaper.labels(engine, seconds=1)[reaper.OWNER_LABEL]
    place, _, process = mine.rpartition("/")
    pid, _, start = process.partition(".")
    assert pid == str(os.getpid())
    text = owner.replace("PLACE", place).replace("PID", pid).replace("START", start)
    removed = left_behind(fake_engine, text, f"{expires:.0f}")
    assert bool(reaper.reap(engine)) is gone
    assert bool(removed) is gone


def test_a_label_that_is_no_time_is_over(fake_engine: FakeEngine, engine: Engine) -> None:
    left_behind(fake_engine, "elsewhere/1.2", "soon")
    assert reaper.reap(engine) == ["c"]


def test_the_labels_count_from_the_engines_clock(engine: Engine) -> None:
    expires = float(reaper.labels(engine, seconds=100)[reaper.EXPIRES_LABEL])
    assert expires == pytest.approx(NOW + 100 + reaper.MARGIN_SECONDS, abs=1)


# Prune.


def image(fake_engine: FakeEngine, name: str, created: int, *tags: str, step: str = "LABEL ") -> dict[str, str]:
    label = f"{CONTENT_LABEL}={name}"
    config = {"Labels": {CONTENT_LABEL: name}}
    when = f"2024-01-{created:02d}T00:00:00Z"
    fake_engine.on(
        "GET", f"/images/{name}/json", Answer({"Id": name, "RepoTags": list(tags), "Created": when, "Config": config})
    )
    fake_engine.on(
        "GET", f"/images/{name}/history", Answer([{"CreatedBy": f"{step}{label if 'LABEL' in step else ''}"}])
    )
    return {"Id": name}


@pytest.fixture
def stock(fake_engine: FakeEngine) -> list[str]:
    """Images and containers; what is removed is noted."""
    removed: list[str] = []
    images = [
        *(image(fake_engine, f"web{day}", day, f"web:{day}") for day in range(1, 5)),
        image(fake_engine, "used", 1, "web:used"),
        image(fake_engine, "kept", 1, "web:kept", "opsctl.keep/shop/web:prod-1"),
        image(fake_engine, "lost", 9),
        image(fake_engine, "child", 9, "child:1", step="RUN theirs"),
        image(fake_engine, "two", 1, "web:two", "api:two"),
    ]

    def containers(asked: Asked) -> Answer:
        return Answer([{"Id": "c"}] if '"used"' in asked.query.get("filters", "") else [])

    def remove(asked: Asked) -> Answer:
        removed.append(asked.path.removeprefix("/images/"))
        return Answer([])

    fake_engine.on("GET", "/images/json", Answer(images))
    fake_engine.on("GET", "/containers/json", containers)
    fake_engine.on("GET", "/containers/c/json", Answer({"Id": "c", "Name": "/c", "State": {"Status": "exited"}}))
    fake_engine.on("DELETE", "/images/.*", remove)
    return removed


def test_prune_keeps_the_newest_what_is_used_what_can_be_rolled_back_to_and_what_others_built(
    engine: Engine, stock: list[str]
) -> None:
    result = prune(PruneRequest(keep=2), engine)
    assert [one.id for one in result.removed] == ["lost", "web2", "web1"]
    assert stock == ["lost", "web:2", "web:1"]


def test_a_dry_run_says_the_same_and_touches_nothing(engine: Engine, stock: list[str]) -> None:
    result = prune(PruneRequest(keep=2, dry_run=True), engine)
    assert [one.id for one in result.removed] == ["lost", "web2", "web1"]
    assert result.dry_run
    assert stock == []


def test_what_comes_into_use_meanwhile_stays(fake_engine: FakeEngine, engine: Engine, stock: list[str]) -> None:
    fake_engine.on("DELETE", "/images/web:2", Answer({"message": "conflict: image is being used"}, status=409))
    assert [one.id for one in prune(PruneRequest(keep=2), engine).removed] == ["lost", "web1"]


def test_less_than_nothing_cannot_be_kept(engine: Engine) -> None:
    with pytest.raises(UsageError):
        prune(PruneRequest(keep=-1), engine)


# Push.


@pytest.fixture
def registry(fake_engine: FakeEngine) -> FakeEngine:
    from harness.engine import notes

    fake_engine.on("GET", "/images/.*/json", Answer({"Id": "sha256:i", "Config": {}}))
    fake_engine.on("POST", "/images/.*/push", lambda _: Answer(notes({"aux": {"Digest": DIGEST}})))
    fake_engine.on("GET", "/distribution/.*/json", Answer({"Descriptor": {"digest": DIGEST}}))
    return fake_engine


def test_what_is_pushed_is_pinned_by_the_digest_that_the_registry_has(registry: FakeEngine, engine: Engine) -> None:
    found = push(PushRequest(references=["r.example.com/web:1", "r.example.com/web"]), engine).pushed
    assert [one.reference for one in found] == ["r.example.com/web:1", "r.example.com/web:latest"]
    assert {one.pinned for one in found} == {f"r.example.com/web@{DIGEST}"}


def test_a_tag_that_another_push_has_moved_is_a_conflict(registry: FakeEngine, engine: Engine) -> None:
    registry.on("GET", "/distribution/.*/json", Answer({"Descriptor": {"digest": OTHER}}))
    with pytest.raises(ConflictError, match=f"now has {OTHER}"):
        push(PushRequest(references=["r.example.com/web:1"]), engine)


def test_nothing_is_sent_when_one_of_the_images_is_not_there(registry: FakeEngine, engine: Engine) -> None:
    registry.on("GET", "/images/r.example.com/no:1/json", Answer({"message": "No such image"}, status=404))
    with pytest.raises(NotFoundError, match="no:1"):
        push(PushRequest(references=["r.example.com/web:1", "r.example.com/no:1"]), engine)
    assert not [asked for asked in registry.asked if asked.method == "POST"]


@pytest.mark.parametrize("references", [[], [f"web@{DIGEST}"], ["Web"]])
def test_what_cannot_be_pushed_is_refused(engine: Engine, references: list[str]) -> None:
    with pytest.raises(UsageError):
        push(PushRequest(references=references), engine)


# Services.

PROJECT = """
opsctl: 1
project: shop
environments:
  prod: {target: {type: docker}, services: {web: {image: {name: other/web, tags: [p]}}}}
services:
  web:
    build: {context: src, dockerfile: ../web.Dockerfile, target: prod, args: {V: '${{ env.V }}'}, labels: {l: m}}
    test: [{run: 'true'}, {http: {path: /up}}]
    image: {name: 'r.example.com/${{ env.V }}/web', tags: ['${{ env.V }}', latest]}
    port: 8000
    env: {LEVEL: '${{ env.V }}'}
    secrets: {KEY: env:KEY}
  plain: {build: {}}
  ready: {image: {name: ready}}
"""


@pytest.fixture
def loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LoadedProject:
    (tmp_path / "opsctl.yaml").write_text(PROJECT)
    monkeypatch.chdir(tmp_path)
    return load_project(env={"V": "v1"})


def test_a_service_becomes_a_build(loaded: LoadedProject) -> None:
    request = service.to_build(loaded, "web")
    assert (request.context, request.dockerfile, request.target) == (Path("src"), Path("../web.Dockerfile"), "prod")
    assert (request.args, request.labels) == ({"V": "v1"}, {"l": "m"})
    assert request.tags == ("r.example.com/v1/web:v1", "r.example.com/v1/web:latest")


def test_a_service_without_a_name_for_its_image_is_called_after_the_project(loaded: LoadedProject) -> None:
    assert service.to_build(loaded, "plain").tags == ("shop/plain:latest",)
    assert service.references(loaded, "ready") == ("ready:latest",)
    assert service.references(loaded, "web", env="prod") == ("other/web:p",)


def test_a_service_becomes_a_test_without_its_secrets(loaded: LoadedProject) -> None:
    request = service.to_test(loaded, "web")
    assert (request.image, request.port, request.env) == ("r.example.com/v1/web:v1", 8000, {"LEVEL": "v1"})
    assert len(request.checks) == 2
    assert request.secrets == {}
    assert service.to_test(loaded, "web", image="sha256:1").image == "sha256:1"


def test_what_a_service_does_not_say_is_asked_for(loaded: LoadedProject) -> None:
    with pytest.raises(UsageError, match="no build:"):
        service.to_build(loaded, "ready")
    with pytest.raises(UsageError, match="no image:"):
        service.to_push(loaded, "plain")
    with pytest.raises(NotFoundError):
        service.to_build(loaded, "wbe")
