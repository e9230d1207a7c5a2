"""Which project a pipeline belongs to, and where its steps run."""

from __future__ import annotations

from pathlib import Path

import pytest

from opsctl.pipeline.projects import Surroundings, surroundings_of


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / ".git").mkdir()
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "opsctl.yaml").touch()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "else.yaml").touch()
    return tmp_path


def test_the_project_is_the_next_one_above_the_pipeline(tree: Path) -> None:
    expected = Surroundings(tree, tree / "opsctl.yaml")
    for cwd, file in (
        (tree, "pipelines/p.yaml"),
        (tree / "other", "../pipelines/p.yaml"),
        (Path("/"), tree / "p.yaml"),
    ):
        assert surroundings_of(Path(file), cwd=cwd, env={}, project_file=None) == expected


def test_a_project_that_is_named_counts(tree: Path) -> None:
    expected = Surroundings(tree / "other", tree / "other" / "else.yaml", named=True)
    file = Path("pipelines/p.yaml")
    assert surroundings_of(file, cwd=tree, env={}, project_file=Path("other/else.yaml")) == expected
    assert surroundings_of(file, cwd=tree, env={"OPSCTL_CONFIG": "other/else.yaml"}, project_file=None) == expected


def test_without_a_project_steps_run_where_opsctl_was_called(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    found = surroundings_of(Path("p.yaml"), cwd=tmp_path, env={}, project_file=None)
    assert found == Surroundings(tmp_path, None)
