"""That `opsctl.yaml` is found, layered and checked, and that every value knows where it came from."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from opsctl.config import yaml
from opsctl.config.project import LoadedProject, find_project, load_project
from opsctl.config.scalars import SecretRef
from opsctl.errors import ConfigError, MissingToolError, NotFoundError, UsageError

GOOD = """\
opsctl: 1
project: shop
state: s3://ops/shop
stores:
  s3://my.lab: {endpoint: http://minio.lab:9000}
environments:
  local: {target: {type: bucket, url: file://releases}}
  prod:
    target: {type: engine, replicas: 2}
    services:
      web:
        env: {LOG_LEVEL: warning}
        secrets: {TOKEN: 'file:token'}
        retain: 4
services:
  web:
    build: {args: {VERSION: '${{ git.sha }}'}}
    image: {name: acme/web, tags: ['${{ env.BUILD }}']}
    port: 8000
    env: {LOG_LEVEL: info, REGION: eu}
    secrets: {DATABASE_URL: 'env:DATABASE_URL'}
    health: {http: /up, interval: 500ms}
  api:
    image: {name: acme/api}
"""


class Bucket(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    url: str


class Engine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    replicas: int = 1


def models(kind: str) -> type[msgspec.Struct]:
    if kind == "cloud":
        raise MissingToolError("deploy target 'cloud' needs a module", hint="install it")
    if kind not in {"bucket", "engine"}:
        raise NotFoundError(f"unknown deploy target {kind!r}", hint="known: bucket, engine")
    return Bucket if kind == "bucket" else Engine


Load = Callable[..., LoadedProject]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Load a text as the project file of the test's directory."""

    def loaded(text: str = GOOD, *overrides: str, **env: str) -> LoadedProject:
        (tmp_path / "opsctl.yaml").write_text(text)
        return load_project(cwd=tmp_path, overrides=overrides, env=env, target_models=models)

    return loaded


@pytest.fixture
def said(load: Load) -> Callable[..., list[str]]:
    """Return `place: message | hint` of everything wrong with a text."""

    def problems(text: str = GOOD, *overrides: str, **env: str) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            load(text, *overrides, **env)
        return [f"{problem}" + (f" | {problem.hint}" if problem.hint else "") for problem in caught.value.problems]

    return problems


def test_a_project_is_loaded(load: Load, tmp_path: Path) -> None:
    loaded = load()
    assert loaded.project.project == "shop"
    assert loaded.root == tmp_path
    assert loaded.name == "opsctl.yaml"
    assert loaded.target("local").kind == "bucket"
    assert loaded.target("prod").options == Engine(replicas=2)
    assert loaded.warnings == ()


class TestFinding:
    """Which file is the project's."""

    def test_upwards_from_the_working_directory(self, tmp_path: Path) -> None:
        (tmp_path / "opsctl.yaml").write_text(GOOD)
        below = tmp_path / "a" / "b"
        below.mkdir(parents=True)
        loaded = load_project(cwd=below, env={})
        assert (loaded.root, loaded.name) == (tmp_path, "../../opsctl.yaml")

    def test_not_above_the_top_of_a_repository(self, tmp_path: Path) -> None:
        (tmp_path / "opsctl.yaml").write_text(GOOD)
        inner = tmp_path / "repository" / "below"
        inner.mkdir(parents=True)
        (inner.parent / ".git").touch()  # a worktree has a file there
        with pytest.raises(ConfigError, match=r"opsctl\.yaml: there is no such file in .*below or above") as caught:
            find_project(inner, env={})
        assert caught.value.hint == "opsctl init writes one"
        (inner.parent / "opsctl.yaml").write_text(GOOD)
        assert find_project(inner, env={}) == inner.parent / "opsctl.yaml"

    @pytest.fixture
    def foreign(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """A directory with a project file of another user above it."""
        path = tmp_path / "opsctl.yaml"
        path.write_text(GOOD)
        if os.geteuid() == 0:
            os.chown(path, 65534, -1)
        else:
            monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
        (tmp_path / "below").mkdir()
        return tmp_path / "below"

    def test_a_file_of_another_user_is_not_taken_from_above(self, foreign: Path) -> None:
        path = foreign.parent / "opsctl.yaml"
        with pytest.raises(ConfigError, match="belongs to another user") as caught:
            find_project(foreign, env={})
        assert caught.value.hint == f"if you trust it: --config {path}"
        assert find_project(foreign.parent, env={}) == path
        assert find_project(foreign, env={"OPSCTL_CONFIG": str(path)}) == path

    def test_in_a_repository_it_is_part_of_what_was_checked_out(self, foreign: Path) -> None:
        (foreign.parent / ".git").mkdir()
        assert find_project(foreign, env={}) == foreign.parent / "opsctl.yaml"

    def test_opsctl_config_names_it(self, tmp_path: Path) -> None:
        (tmp_path / "other.yaml").write_text(GOOD)
        assert load_project(cwd=tmp_path, env={"OPSCTL_CONFIG": "other.yaml"}).name == "other.yaml"

    def test_an_explicit_path_is_relative_to_the_working_directory(self, tmp_path: Path) -> None:
        (tmp_path / "sub").mkdir()
        (tmp_path / "sub" / "ops.yaml").write_text(GOOD)
        loaded = load_project(Path("sub/ops.yaml"), cwd=tmp_path, env={"OPSCTL_CONFIG": "ignored"})
        assert (loaded.name, loaded.root) == ("sub/ops.yaml", tmp_path / "sub")

    def test_one_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"^gone\.yaml: there is no such file"):
            load_project(Path("gone.yaml"), cwd=tmp_path, env={})


class TestServices:
    """A service as it is in an environment."""

    def test_maps_are_merged_and_the_rest_is_replaced(self, load: Load) -> None:
        web = load().service("web", "prod")
        assert {name: text.evaluate({}) for name, text in web.env.items()} == {"LOG_LEVEL": "warning", "REGION": "eu"}
        assert web.secrets == {"DATABASE_URL": SecretRef("env", "DATABASE_URL"), "TOKEN": SecretRef("file", "token")}
        assert (web.retain, web.port) == (4, 8000)

    def test_elsewhere_it_is_as_it_is(self, load: Load) -> None:
        loaded = load()
        assert loaded.service("web", "local") == loaded.service("web") == loaded.project.services["web"]

    @pytest.mark.parametrize(
        ("ask", "message", "hint"),
        [
            (lambda loaded: loaded.service("wbe"), "there is no service 'wbe'", "did you mean 'web'?"),
            (lambda loaded: loaded.service("x"), "there is no service 'x'", "services in opsctl.yaml: api, web"),
            (lambda loaded: loaded.environment("prd"), "there is no environment 'prd'", "did you mean 'prod'?"),
            (lambda loaded: loaded.service("web", "stage"), "there is no environment 'stage'", "local, prod"),
            (lambda loaded: loaded.target("stage"), "there is no environment 'stage'", "local, prod"),
        ],
    )
    def test_a_name_that_is_not_there(
        self, ask: Callable[[LoadedProject], Any], message: str, hint: str, load: Load
    ) -> None:
        with pytest.raises(NotFoundError, match=message) as caught:
            ask(load())
        assert hint in caught.value.hint

    def test_a_file_without_any(self, load: Load) -> None:
        with pytest.raises(NotFoundError) as caught:
            load("opsctl: 1\nproject: x\n").service("web")
        assert caught.value.hint == "opsctl.yaml has no services"


class TestLayers:
    """default < file < environment < flag."""

    def test_each_layer_wins_over_the_one_below(self, load: Load) -> None:
        bare = "opsctl: 1\nproject: shop\n"
        assert load(bare).project.state == "file://.opsctl"
        assert load(f"{bare}state: file://a\n").project.state == "file://a"
        assert load(f"{bare}state: file://a\n", OPSCTL_STATE="file://b").project.state == "file://b"
        assert load(f"{bare}state: file://a\n", "state=file://c", OPSCTL_STATE="file://b").project.state == "file://c"
        assert load(bare, "state=file://c", "state=file://d").project.state == "file://d"

    def test_an_empty_variable_says_nothing(self, load: Load) -> None:
        assert load(OPSCTL_STATE="").project.state == "s3://ops/shop"

    def test_every_value_knows_where_it_came_from(self, load: Load) -> None:
        origins = load(GOOD, "services.web.retain=5", "services.web.command=[a, b]", OPSCTL_STATE="mem://x").origins
        told = {".".join(map(str, path)): (at.source, at.line, at.column) for path, at in origins.items()}
        assert told["project"] == ("opsctl.yaml", 2, 10)
        assert told["state"] == ("env OPSCTL_STATE", 0, 0)
        assert told["services.web.retain"] == ("flag --set services.web.retain", 0, 0)
        assert told["services.web.command.1"] == ("flag --set services.web.command", 0, 0)
        assert told["services.web.health.interval"] == ("opsctl.yaml", 22, 35)
        assert told["services.web.health.passes"] == ("default", 0, 0)
        assert told["services.api.retain"] == ("default", 0, 0)
        assert told["environments.local.target.url"] == ("opsctl.yaml", 7, 39)

    def test_the_values_are_a_file_that_says_the_same(self, load: Load) -> None:
        loaded = load(GOOD, "services.web.env.NEW=3.10")
        again = load(yaml.dump(loaded.values))
        assert again.project.services == loaded.project.services
        assert again.values == loaded.values

    @pytest.mark.parametrize(
        ("override", "read"),
        [
            ("services.web.port=81", lambda loaded: loaded.service("web").port == 81),
            (
                "services.web.env.VERSION=3.10",
                lambda loaded: loaded.service("web").env["VERSION"].evaluate({}) == "3.10",
            ),
            ("services.web.env.EMPTY=", lambda loaded: loaded.service("web").env["EMPTY"].evaluate({}) == ""),
            ("services.web.env.A=b=c", lambda loaded: loaded.service("web").env["A"].evaluate({}) == "b=c"),
            ("services.web.resources={memory: 1GB}", lambda loaded: loaded.service("web").resources.memory == 10**9),
            ("services.web.resources.cpus=0.5", lambda loaded: loaded.service("web").resources.cpus == 0.5),
            ("services.new={image: {name: x}}", lambda loaded: loaded.service("new").image is not None),
            ("environments.prod.target.replicas=7", lambda loaded: loaded.target("prod").options.replicas == 7),
            ("stores.s3://my.lab.region=eu", lambda loaded: loaded.project.stores["s3://my.lab"]["region"] == "eu"),
            ("stores.s3://my.lab.secure=true", lambda loaded: loaded.project.stores["s3://my.lab"]["secure"] is True),
            ("services.api.build={}", lambda loaded: loaded.service("api").build is not None),
        ],
    )
    def test_a_flag_sets_what_it_names_with_the_type_of_the_model(
        self, override: str, read: Callable[[LoadedProject], bool], load: Load
    ) -> None:
        assert read(load(GOOD, override))

    @pytest.mark.parametrize(
        ("override", "problem"),
        [
            ("services.wbe.port=81", "flag --set services.wbe.port: there is no 'wbe' | did you mean 'web'?"),
            ("services.web.prot=81", "flag --set services.web.prot: there is no 'prot' | did you mean 'port'?"),
            ("hooks.x=1", "flag --set hooks.x: 'hooks' is not yet known to this version of opsctl"),
            ("services.web.port.x=81", "flag --set services.web.port.x: there is no 'x': the value is a whole number"),
            ("services.web.command.0=a", "flag --set services.web.command.0: a list is replaced as a whole"),
            ("services.web.port=x", "flag --set services.web.port: expected a whole number, found text"),
            ("services.web.port=0", "flag --set services.web.port: must be from 1 to 65535, found 0"),
            ("services.web.command=a", "flag --set services.web.command: expected a list, found text"),
            ("services.web.command=[a", "flag --set services.web.command:1:1: the '[' is not closed"),
            ("services.web.secrets.A=hunter2", "flag --set services.web.secrets.A: a secret is given by reference"),
            (
                "environments.prod.target.replics=7",
                "flag --set environments.prod.target.replics: unknown key 'replics'",
            ),
        ],
    )
    def test_a_flag_that_makes_no_sense_is_named(
        self, override: str, problem: str, said: Callable[..., list[str]]
    ) -> None:
        (found,) = said(GOOD, override)
        assert found.startswith(problem)

    @pytest.mark.parametrize("override", ["services.web.port", "=3", ""])
    def test_a_flag_without_path_or_value_is_a_mistake_of_the_command_line(self, override: str, load: Load) -> None:
        with pytest.raises(UsageError, match="--set takes PATH=VALUE"):
            load(GOOD, override)

    def test_a_bad_variable_is_named(self, said: Callable[..., list[str]]) -> None:
        (found,) = said(OPSCTL_PROJECT="My Shop")
        assert found.startswith("env OPSCTL_PROJECT: 'My Shop' is not allowed here")

    def test_a_near_miss_of_a_variable_is_warned_of(self, load: Load) -> None:
        (warning,) = load(OPSCTL_STAT="x", OPSCTL_OTHER="y", OPSCTL_CONFIG="").warnings
        assert (str(warning), warning.hint) == (
            "env OPSCTL_STAT: means nothing to opsctl",
            "did you mean OPSCTL_STATE?",
        )


class TestTargets:
    """`target:` is checked with the model that its type has in the deploy layer."""

    @pytest.mark.parametrize(
        ("target", "problem"),
        [
            ("{type: bukcet}", "4:18: unknown deploy target 'bukcet' | known: bucket, engine"),
            ("{type: cloud}", "4:18: deploy target 'cloud' needs a module | install it"),
            ("{type: 3}", "4:18: a target needs its type"),
            ("{}", "4:11: a target needs its type"),
            ("bucket", "4:11: expected a map with the target's type and options"),
            ("{type: bucket}", "4:11: missing key 'url'"),
            ("{type: bucket, url: 3}", "4:31: expected text, found the number 3 | quote it: '3'"),
            ("{type: bucket, url: x, ulr: y}", "4:34: unknown key 'ulr' | did you mean 'url'?"),
        ],
    )
    def test_a_bad_target(self, target: str, problem: str, said: Callable[..., list[str]]) -> None:
        (found,) = said(f"opsctl: 1\nproject: x\nenvironments: {{e: {{\n  target: {target}}}}}\n")
        assert found.startswith(f"opsctl.yaml:{problem}")

    def test_without_models_it_is_not_looked_into(self, tmp_path: Path) -> None:
        (tmp_path / "opsctl.yaml").write_text("opsctl: 1\nproject: x\nenvironments: {e: {target: {type: whatever}}}\n")
        assert load_project(cwd=tmp_path, env={}).targets == {}


BAD = [
    ("services: {web: {build: {}, env: {'A B': x}}}", "3:35: 'A B' is not allowed here: a letter or '_'"),
    ("services: {web: {build: {}, secrets: {'1A': 'env:X'}}}", "3:39: '1A' is not allowed here: a letter or '_'"),
    ("services: {web: {build: {labels: {'x${{ y }}': z}}}}", "3:35: ${{ }} has no meaning in 'x${{ y }}'"),
    ("services: {web: {build: {}, port: 1, health: {http: up}}}", "3:53: 'up' is not allowed here: a path that begins"),
    (
        "services: {web: {build: {}, test: [{http: {path: '/a b'}}]}}",
        "3:50: '/a b' is not allowed here: a path and query",
    ),
    ("services: {web: {build: {}, test: [{file: {path: a}}]}}", "3:50: 'a' is not allowed here: a path that begins"),
    ("services: {web: {image: {name: a}, imagee: b}}", "3:36: unknown key 'imagee' | did you mean 'image'?"),
    (
        "services: {web: {image: {name: a}}, web: {image: {name: b}}}",
        "3:37: duplicate key 'web' | the first is in line 3",
    ),
    ("services: {web: {imgae: {name: a}}}", "3:18: unknown key 'imgae' | did you mean 'image'?"),
    ("services: {web: {build: {}, test: [{rum: x}]}}", "3:37: unknown key 'rum' | did you mean 'run'?"),
    ("services: [web]", "3:11: expected a map, found a list"),
    ("services: {deploy: {}}", "3:12: a service needs at least one of build, image, artifact"),
    *(
        (
            f"services: {{{verb}: {{build: {{}}}}}}",
            f"3:12: a service cannot be called '{verb}': `opsctl deploy {verb}` is a command",
        )
        for verb in ("plan", "status", "history", "rollback", "logs", "exec", "unlock", "remove")
    ),
    ("services: {web: {build: {}, hosts: [a]}}", "3:29: 'hosts' is not yet known to this version of opsctl"),
    ("services: {web: {build: {}, rollout: {}}}", "3:29: 'rollout' is not yet known to this version of opsctl"),
    ("hooks: {}", "3:1: 'hooks' is not yet known to this version of opsctl"),
    ("environments: {e: {target: {type: engine}, services: {web: {}}}}", "3:55: there is no service 'web'"),
    ("services: {web: {build: {}, env: {A: x}, secrets: {A: 'env:A'}}}", "3:52: A is in env and in secrets"),
    ("services: {web: {build: {}, health: {http: /up}}}", "3:38: health.http needs the service's port"),
    ("services: {web: {build: {}, test: [{run: 'a', http: {path: /}}]}}", "3:36: a check has exactly one of"),
    (
        "services: {web: {build: {}, test: [{run: 'echo ${{ git.sha }}'}]}}",
        "3:48: ${{ }} has no meaning in this field | pass",
    ),
    ("services: {web: {build: {args: {V: '${{ git.sah }}'}}}}", "3:41: git has no 'sah' | did you mean 'sha'?"),
    ("services: {web: {build: {args: {V: '${{ secrets.X }}'}}}}", "3:41: there is no 'secrets' here"),
    (
        "services: {web: {build: {args: {V: '${{ env.GITHUB_TOKEN }}'}}}}",
        "3:41: env.GITHUB_TOKEN cannot be read: it is called",
    ),
    (
        "services: {web: {build: {args: {V: '${{ env.DB }}'}}, secrets: {A: 'env:DB'}}}",
        "3:41: env.DB cannot be read: it is a secret of this file",
    ),
    ("environments: {Prod: {target: {type: engine}}}", "3:16: 'Prod' is not allowed here"),
    ("services: {web: {build: {}, retain: 1}}", "3:37: must be from 2 to 1000, found 1"),
    ("services: {web: {build: {}, port: 70000}}", "3:35: must be from 1 to 65535, found 70000"),
    ("services: &s {web: {build: *s}}", "3:28: '*s' contains itself"),
    ("state: [" + "[" * 999, "3:71: nested deeper than 64 levels"),
    ("--- {}", "3:1: a second document begins here"),
    ("services: {web: {build: {context: 3.10}}}", "3:35: expected text, found the number 3.10 | quote it: '3.10'"),
]


@pytest.mark.parametrize(("line", "problem"), BAD)
def test_a_bad_file_is_refused_with_one_problem_at_its_place(
    line: str, problem: str, said: Callable[..., list[str]]
) -> None:
    (found,) = said(f"opsctl: 1\nproject: x\n{line}\n")
    assert found.startswith(f"opsctl.yaml:{problem}")


def test_another_version_of_the_format_is_named_as_such(said: Callable[..., list[str]]) -> None:
    assert said("opsctl: 2\nproject: x\n") == [
        "opsctl.yaml:1:9: expected 1, found the number 2 | this version of opsctl reads format 1"
    ]


def test_what_is_wrong_only_in_one_environment_is_reported_there(said: Callable[..., list[str]]) -> None:
    text = GOOD.replace("secrets: {TOKEN: 'file:token'}", "secrets: {REGION: 'env:X'}")
    assert said(text) == ["opsctl.yaml:13:19: REGION is in env and in secrets | keep one of them"]


def test_problems_of_every_layer_come_together(said: Callable[..., list[str]]) -> None:
    text = GOOD.replace("replicas: 2", "replicas: two").replace("git.sha", "git.sah").replace("port: 8000", "port: 0")
    found = said(text, "services.web.retain=x", "nowhere=1", OPSCTL_PROJECT="No")
    assert [entry.split(": ")[0] for entry in found] == [
        "env OPSCTL_PROJECT",
        "flag --set nowhere",
        "flag --set services.web.retain",
        "opsctl.yaml:9:38",
        "opsctl.yaml:17:34",
        "opsctl.yaml:19:11",
    ]


def test_loading_resolves_no_secret_and_asks_no_repository(load: Load) -> None:
    loaded = load()
    assert loaded.service("web").secrets["DATABASE_URL"] == SecretRef("env", "DATABASE_URL")
    image = loaded.service("web").image
    assert image is not None
    with pytest.raises(ConfigError, match=r"^opsctl\.yaml:18:41: env\.BUILD: the environment variable is not set$"):
        image.tags[0].evaluate(loaded.context)
