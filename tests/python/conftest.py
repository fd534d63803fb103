"""Fixtures of the suite: the sample company and the slice of a real log, each built once."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from dbt_runs import PROJECT, DbtRun, run_dbt

STORIES = pytest.StashKey[dict[str, list[str]]]()
# Unit tests bring their own rows: the build of the sample company has run them already.
BUILD_WITHOUT_UNIT_TESTS = ["build", "--exclude-resource-type", "unit_test"]
LOG_SLICE = PROJECT / "tests" / "fixtures" / "litellm"


@pytest.fixture(scope="session")
def sample_build(tmp_path_factory: pytest.TempPathFactory) -> DbtRun:
    """`dbt build` of the sample company; the test that asks for it first pays for it."""
    run = run_dbt(["build"], tmp_path_factory.mktemp("sample"))
    assert run.succeeded, run.error or run.failures()
    return run


@pytest.fixture(scope="session")
def slice_build(tmp_path_factory: pytest.TempPathFactory) -> DbtRun:
    """`dbt build` of the committed slice of a real LiteLLM proxy's log."""
    run = run_dbt(
        BUILD_WITHOUT_UNIT_TESTS,
        tmp_path_factory.mktemp("slice"),
        raw_path=LOG_SLICE,
        variables={"sources": ["litellm"]},
    )
    assert run.succeeded, run.error or run.failures()
    return run


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of the complete real inputs, where the machine has it."""
    folder = os.environ.get("AI_FINOPS_REAL_DATA_PATH")
    if not folder:
        pytest.skip("AI_FINOPS_REAL_DATA_PATH is not set: the complete real inputs are not here")
    return Path(folder)


@pytest.fixture(scope="session")
def real_log_build(tmp_path_factory: pytest.TempPathFactory, real_data: Path) -> DbtRun:
    """`dbt build` of the complete real spend log and nothing else, as a newcomer would run it."""
    workspace = tmp_path_factory.mktemp("real")
    (workspace / "raw" / "litellm").mkdir(parents=True)
    shutil.copy(
        real_data / "litellm_proxy" / "LiteLLM_SpendLogs.parquet",
        workspace / "raw" / "litellm" / "spend_logs.parquet",
    )
    run = run_dbt(
        BUILD_WITHOUT_UNIT_TESTS,
        workspace,
        raw_path=workspace / "raw",
        variables={"sources": ["litellm"]},
    )
    assert run.succeeded, run.error or run.failures()
    return run


@pytest.fixture(scope="session")
def planted_stories(request: pytest.FixtureRequest) -> dict[str, list[str]]:
    """Where the story test leaves what it found, for the closing line of the suite."""
    return request.config.stash.setdefault(STORIES, {})


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Says how many planted stories the marts discover, and which still wait for their marts."""
    stories = config.stash.get(STORIES, {})
    if stories:
        discovered, pending = stories["discovered"], stories["pending"]
        terminalreporter.write_line(
            f"planted stories discovered: {len(discovered)} of {len(discovered) + len(pending)}, "
            f"pending: {len(pending)} ({', '.join(pending) or 'none'})"
        )
