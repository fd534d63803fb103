"""A build that is killed, meets another build or runs out of disk harms nothing.

Builds that die run in processes of their own, forked from one that has dbt loaded.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import forkserver
from pathlib import Path
from unittest import mock

import pytest
from dbt.adapters.duckdb.environments.local import DuckDBCursorWrapper
from dbt_runs import SHARED_PARSES, DbtRun, environment, run_dbt
from dbt_shortcuts import read_templates, write_templates
from raw_files import (
    BUILD,
    Row,
    copy_project,
    mart_differences,
    read_seed,
    spend_log,
    write_seed,
    write_spend_logs,
)

from scripts.publish_marts import publish

VARIABLES = {"sources": ["litellm"]}
# Of an empty database, and of one that has yesterday's rows.
MOMENTS_OF_FIRST_BUILD = 4
MOMENTS_OF_NEXT_BUILD = 6
PATIENCE_SECONDS = 120.0

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload([__name__])


def yesterdays_rows() -> list[Row]:
    """A small log: a retried interaction, one across midnight, one that will be corrected."""
    return [
        spend_log("plain", "2026-10-01 09:00:00", interaction_id="plain"),
        spend_log("again", "2026-10-01 09:01:00", interaction_id="plain"),
        spend_log("changed", "2026-10-01 10:00:00"),
        spend_log("cross-1", "2026-10-01 23:59:59", interaction_id="cross"),
        spend_log("alone", "2026-10-02 08:00:00"),
        spend_log("refused", "2026-10-02 09:00:00", prompt=-1),
    ]


def todays_rows() -> list[Row]:
    """A new date, late rows for both old ones, and a contradiction that takes a call away."""
    return [
        spend_log("late", "2026-10-01 11:00:00", _loaded_at="2026-11-05 00:00:00"),
        spend_log("changed", "2026-10-01 10:00:00", prompt=5, _loaded_at="2026-11-05 00:00:00"),
        spend_log("cross-2", "2026-10-02 00:00:01", interaction_id="cross"),
        spend_log("new", "2026-10-03 08:00:00"),
    ]


@dataclass(frozen=True)
class Site:
    """A project, its raw files, states of its database to start from, and what must come out."""

    project: Path
    raw_path: Path
    empty: Path
    yesterday: Path
    templates: Path
    expected: DbtRun
    first_statements: int
    next_statements: int

    def start(self, state: Path, workspace: Path) -> Path:
        """A workspace in one of the states."""
        shutil.copytree(state, workspace)
        return workspace

    def build(
        self, workspace: Path, at_statement: dict[int, Callable[[], None]] | None = None
    ) -> DbtRun:
        """A build in this process, which does something before its n-th SQL statement."""
        return build(self.project, self.raw_path, workspace, at_statement)

    def in_another_process(
        self, task: Callable[..., None], *arguments: object
    ) -> multiprocessing.process.BaseProcess:
        """Starts a task that gets this site first."""
        process = _processes.Process(target=with_templates, args=(self, task, *arguments))
        process.start()
        return process


def with_templates(site: Site, task: Callable[..., None], *arguments: object) -> None:
    """Does a task with the templates that the process of the tests has compiled."""
    read_templates(site.templates)
    task(site, *arguments)


def build(
    project: Path,
    raw_path: Path,
    workspace: Path,
    at_statement: dict[int, Callable[[], None]] | None = None,
    seen: list[str] | None = None,
) -> DbtRun:
    """A build that notes its SQL statements, and does something before some of them."""
    statements: list[str] = [] if seen is None else seen
    execute = DuckDBCursorWrapper.execute

    def watch(cursor: DuckDBCursorWrapper, sql: str, bindings: object = None) -> object:
        statements.append(sql)
        (at_statement or {}).get(len(statements), lambda: None)()
        return execute(cursor, sql, bindings)

    with mock.patch.object(DuckDBCursorWrapper, "execute", watch):
        return run_dbt(BUILD, workspace, raw_path, variables=VARIABLES, project=project)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    folder = tmp_path_factory.mktemp("crashes")
    # The process to fork from imports this file, with dbt, once.
    with environment({"PYTHONPATH": os.pathsep.join(sys.path)}):
        forkserver.ensure_running()
    project = copy_project(folder / "project", keep_price_list=False)
    for name in ("models", "model_aliases"):
        write_seed(project, name, read_seed(project, name)[:20])
    raw_path = write_spend_logs(folder / "raw", yesterdays_rows(), part="_1")
    # The first run also leaves dbt's parse, so that the builds below start at once.
    before = run_dbt(["parse"], folder / "empty", raw_path, variables=VARIABLES, project=project)
    assert before.succeeded, before.error
    shutil.copytree(folder / "empty", folder / "yesterday")
    of_first_build: list[str] = []
    old = build(project, raw_path, folder / "yesterday", seen=of_first_build)
    assert old.succeeded, old.error or old.failures()
    write_spend_logs(raw_path, todays_rows(), part="_2")
    of_next_build: list[str] = []
    shutil.copytree(folder / "yesterday", folder / "undisturbed")
    run = build(project, raw_path, folder / "undisturbed", seen=of_next_build)
    assert run.succeeded, run.error or run.failures()
    assert mart_differences(run.database, old.database) != {}
    write_templates(folder / "templates")
    return Site(
        project,
        raw_path,
        folder / "empty",
        folder / "yesterday",
        folder / "templates",
        run,
        first_statements=len(of_first_build),
        next_statements=len(of_next_build),
    )


# Killed -------------------------------------------------------------------------------------------


def kill_this_process(delay_seconds: float = 0.0) -> None:
    """As `kill -9` does: at once, or while the statement that comes next is running."""
    if delay_seconds:
        threading.Timer(delay_seconds, os.kill, (os.getpid(), signal.SIGKILL)).start()
    else:
        os.kill(os.getpid(), signal.SIGKILL)


def build_until_killed(site: Site, workspace: Path, statement: int, delay_seconds: float) -> None:
    site.build(workspace, {statement: lambda: kill_this_process(delay_seconds)})


def spread(count: int, statements: int) -> list[int]:
    """That many statements, evenly over a build."""
    return [1 + (2 * number + 1) * statements // (2 * count) for number in range(count)]


def kill_a_build(site: Site, state: Path, workspace: Path, number: int, at: int) -> int | None:
    """Kills a build before a statement, or within it; the exit code of its process."""
    site.start(state, workspace)
    delay_seconds = 0.004 * (number % 3)
    killed = site.in_another_process(build_until_killed, workspace, at, delay_seconds)
    killed.join(PATIENCE_SECONDS)
    return killed.exitcode


def wrong_after_another_build(site: Site, workspace: Path) -> object:
    """What keeps the next build from giving the marts of an undisturbed one."""
    run = site.build(workspace)
    if not run.succeeded:
        return run.everything_said()
    return mart_differences(run.database, site.expected.database)


def test_after_a_kill_at_any_moment_the_next_build_gives_the_same_marts(
    site: Site, tmp_path: Path
) -> None:
    moments = [
        *((site.empty, at) for at in spread(MOMENTS_OF_FIRST_BUILD, site.first_statements)),
        *((site.yesterday, at) for at in spread(MOMENTS_OF_NEXT_BUILD, site.next_statements)),
    ]
    wrong = {}
    # While one build is killed, the one before is built again here.
    with ThreadPoolExecutor(max_workers=1) as elsewhere:
        kills = [
            elsewhere.submit(kill_a_build, site, state, tmp_path / str(number), number, at)
            for number, (state, at) in enumerate(moments)
        ]
        for number, (kill, (_, at)) in enumerate(zip(kills, moments, strict=True)):
            if kill.result() != -signal.SIGKILL:
                wrong[number, at] = f"the build was not killed: exit code {kill.result()}"
            elif found := wrong_after_another_build(site, tmp_path / str(number)):
                wrong[number, at] = found
    assert len(moments) >= 10
    assert wrong == {}


# Two at once --------------------------------------------------------------------------------------


def build_and_wait(site: Site, workspace: Path, statement: int) -> None:
    """A build that stops in its middle until it is told to go on."""

    def wait() -> None:
        (workspace / "waiting").touch()
        wait_for(workspace / "go_on")

    site.build(workspace, {statement: wait}).write(workspace / "note.json")


def wait_for(path: Path) -> None:
    """Until the file is there."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not path.exists():
        assert time.monotonic() < end, f"{path.name} never came"
        time.sleep(0.02)


def test_of_two_builds_at_once_the_second_stops_and_says_why(site: Site, tmp_path: Path) -> None:
    workspace = site.start(site.yesterday, tmp_path / "work")
    first = site.in_another_process(build_and_wait, workspace, site.next_statements // 2)
    wait_for(workspace / "waiting")
    second = site.build(workspace)
    (workspace / "go_on").touch()
    first.join(PATIENCE_SECONDS)
    assert not second.succeeded
    assert "Could not set lock on file" in second.everything_said()
    assert str(workspace / "ai_finops.duckdb") in second.everything_said()
    run = DbtRun.read(workspace / "note.json")
    assert run.succeeded, run.error or run.failures()
    assert mart_differences(run.database, site.expected.database) == {}


# No room ------------------------------------------------------------------------------------------


def build_on_a_full_disk(site: Site, workspace: Path, note: Path, room: int) -> None:
    """A limit on the size of files stands in for a disk without space."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
    site.build(workspace).write(note)


def published_files(folder: Path) -> dict[str, bytes]:
    """Bytes of what a reader of the folder sees."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def publish_expected(site: Site, workspace: Path, folder: Path) -> dict[str, bytes]:
    """Publishes the marts of the undisturbed build; dbt's parse writes the manifest for it."""
    parsed = run_dbt(
        ["parse"],
        workspace,
        site.raw_path,
        variables=VARIABLES,
        project=site.project,
        is_documented=True,
    )
    assert parsed.succeeded, parsed.error
    publish(site.expected.database, parsed.target_path / "manifest.json", folder)
    return published_files(folder)


def test_a_full_disk_is_said_and_costs_nothing(site: Site, tmp_path: Path) -> None:
    published = publish_expected(site, site.start(site.empty, tmp_path / "parse"), tmp_path)
    assert published
    workspace = site.start(site.empty, tmp_path / "work")
    # A twentieth of what the build needs: DuckDB first fills its log, which is smaller.
    room = site.expected.database.stat().st_size // 20
    failed = site.in_another_process(build_on_a_full_disk, workspace, workspace / "note.json", room)
    failed.join(PATIENCE_SECONDS)
    run = DbtRun.read(workspace / "note.json")
    assert not run.succeeded
    assert "File too large" in run.everything_said()
    assert published_files(tmp_path) == published
    again = site.build(workspace)
    assert again.succeeded, again.error or again.failures()
    assert mart_differences(again.database, site.expected.database) == {}


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Nothing in the folder may be written, also not by an administrator."""
    is_administrator = os.geteuid() == 0
    paths = [folder, *folder.iterdir()]
    for path in paths:
        path.chmod(0o555 if path.is_dir() else 0o444)
    if is_administrator:
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_administrator:
            os.seteuid(0)
        for path in paths:
            path.chmod(0o755 if path.is_dir() else 0o644)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may write to."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o777)
        yield Path(name)


def test_a_read_only_folder_is_said_and_nothing_changes(
    site: Site, open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = shutil.copytree(site.project, open_folder / "project")
    raw_path = shutil.copytree(site.raw_path, open_folder / "raw")
    run_dbt(["parse"], open_folder / "work", raw_path, variables=VARIABLES, project=project)
    for path in [open_folder / "work", *(open_folder / "work").rglob("*")]:
        path.chmod(0o777)
    monkeypatch.setattr(SHARED_PARSES, "folder", None)
    folder = open_folder / "marts"
    folder.mkdir()
    database = Path(shutil.copy(site.yesterday / "ai_finops.duckdb", folder))
    before = database.read_bytes()
    with read_only(folder):
        run = run_dbt(
            BUILD,
            open_folder / "work",
            raw_path,
            variables=VARIABLES,
            # dbt looks for settings of the user at home.
            settings={
                "AI_FINOPS_DUCKDB_PATH": str(database),
                "HOME": str(open_folder),
            },
            project=project,
        )
    assert not run.succeeded
    assert "Permission denied" in run.everything_said()
    assert str(database) in run.everything_said()
    assert database.read_bytes() == before
