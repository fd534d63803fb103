"""Fixtures of the suite: the sample company and the slice of a real log, each built once."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from dbt_runs import PROJECT, SHARED_PARSES, DbtRun, run_dbt
from filelock import FileLock

STORIES = pytest.StashKey[dict[str, list[str]]]()
# The build that a user types. It leaves out unit tests: test_unit_tests.py runs them, once.
PLAIN_BUILD = ["build"]
LOG_SLICE = PROJECT / "tests" / "fixtures" / "litellm"


# Files with the longest builds. They start first, so that the workers end at the same time.
LONGEST_FIRST = (
    "test_snowflake.py",
    "test_crashes.py",
    "test_incremental_builds.py",
    "test_unit_tests.py",
    "test_as_of_builds.py",
    "test_bad_input.py",
    "test_dbt_shortcuts.py",
    "test_focus_export.py",
    "test_ledger.py",
    "test_otel_genai.py",
    "test_real_log.py",
    "test_rating_properties.py",
    "test_invoice_connectors.py",
    "test_capacity.py",
    "test_capacity_properties.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the longest files first; within a file the order stays."""
    rank = {name: number for number, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: rank.get(item.path.name, len(rank)))


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of one run of the suite have in common."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "shared"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session", autouse=True)
def shared_parses(shared_folder: Path) -> Iterator[None]:
    """dbt parses the project once, whichever worker comes first."""
    (shared_folder / "parses").mkdir(exist_ok=True)
    SHARED_PARSES.folder = shared_folder / "parses"
    yield
    SHARED_PARSES.folder = None


def built_once(shared_folder: Path, name: str, build: Callable[[Path], DbtRun]) -> DbtRun:
    """The run that `build` makes in a workspace; the worker that asks first makes it for all."""
    workspace = shared_folder / name
    result = shared_folder / f"{name}.json"
    with FileLock(shared_folder / f"{name}.lock"):
        if not result.exists():
            build(workspace).write(result)
    run = DbtRun.read(result)
    assert run.succeeded, run.error or run.failures()
    return run


@pytest.fixture(scope="session")
def sample_build(shared_folder: Path) -> DbtRun:
    """`dbt build` of the sample company; the test that asks for it first pays for it."""

    def build(workspace: Path) -> DbtRun:
        return run_dbt(PLAIN_BUILD, workspace, is_documented=True)

    return built_once(shared_folder, "sample", build)


@pytest.fixture(scope="session")
def slice_build(shared_folder: Path) -> DbtRun:
    """`dbt build` of the committed slice of a real LiteLLM proxy's log."""

    def build(workspace: Path) -> DbtRun:
        variables = {"sources": ["litellm"]}
        return run_dbt(PLAIN_BUILD, workspace, LOG_SLICE, variables=variables)

    return built_once(shared_folder, "slice", build)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of the complete real inputs, where the machine has it."""
    folder = os.environ.get("AI_FINOPS_REAL_DATA_PATH")
    if not folder:
        pytest.skip("AI_FINOPS_REAL_DATA_PATH is not set: the complete real inputs are not here")
    return Path(folder)


@pytest.fixture(scope="session")
def real_log_build(shared_folder: Path, real_data: Path) -> DbtRun:
    """`dbt build` of the complete real spend log and nothing else, as a newcomer would run it."""

    def build(workspace: Path) -> DbtRun:
        (workspace / "raw" / "litellm").mkdir(parents=True)
        shutil.copy(
            real_data / "litellm_proxy" / "LiteLLM_SpendLogs.parquet",
            workspace / "raw" / "litellm" / "spend_logs.parquet",
        )
        variables = {"sources": ["litellm"]}
        return run_dbt(PLAIN_BUILD, workspace, workspace / "raw", variables=variables)

    return built_once(shared_folder, "real", build)


@pytest.fixture(scope="session")
def planted_stories(request: pytest.FixtureRequest) -> dict[str, list[str]]:
    """Where the story test leaves what it found, for the closing line of the suite."""
    return request.config.stash.setdefault(STORIES, {})


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker hands its stories to the process that writes the closing line."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        session.config.workeroutput["stories"] = session.config.stash.get(STORIES, {})


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Takes over the stories of a worker that has finished."""
    stories = getattr(node, "workeroutput", {}).get("stories")
    if stories:
        node.config.stash[STORIES] = stories


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
