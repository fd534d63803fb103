"""Every unit test of the project holds.

They take longer than any build: two classes, so that two workers can share them.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from dbt_runs import DbtRun, run_dbt
from dbt_shortcuts import columns_asked_for_once


def unit_test_names(build: DbtRun) -> list[str]:
    """Names of the project's unit tests."""
    manifest = json.loads((build.target_path / "manifest.json").read_text())
    return sorted(unit_test["name"] for unit_test in manifest["unit_tests"].values())


def assert_hold(names: list[str], build: DbtRun, workspace: Path) -> None:
    """Runs unit tests beside the relations of a build, whose columns they take over."""
    workspace.mkdir()
    shutil.copy(build.database, workspace / "ai_finops.duckdb")
    with columns_asked_for_once():
        run = run_dbt(["test", "--select", *names], workspace)
    assert run.error == ""
    assert run.failures() == {}
    assert {unique_id.split(".")[3] for unique_id in run.statuses} == set(names)
    assert set(run.statuses.values()) == {"pass"}


class TestOneHalf:
    def test_unit_tests_hold(self, sample_build: DbtRun, tmp_path: Path) -> None:
        assert_hold(unit_test_names(sample_build)[::2], sample_build, tmp_path / "work")


class TestOtherHalf:
    def test_unit_tests_hold(self, sample_build: DbtRun, tmp_path: Path) -> None:
        assert_hold(unit_test_names(sample_build)[1::2], sample_build, tmp_path / "work")
