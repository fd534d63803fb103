"""Runs dbt in this process, as the suite's tests need it: other raw files, vars and databases."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import dbt_shortcuts
import duckdb
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner
from dbt.context.providers import RuntimeConfigObject
from dbt_common.events.base_types import EventMsg
from filelock import FileLock

PROJECT = Path(__file__).resolve().parents[2]
SAMPLE_DATA = PROJECT / "sample_data"

# dbt writes nothing that no test reads; its faster way to order data tests gives the same order.
QUIETLY = ["--quiet", "--log-level-file", "none", "--use-fast-test-edges"]

dbt_shortcuts.install()


@dataclass
class DbtRun:
    """What one dbt invocation did.

    `statuses` maps a node's unique id to its status; `messages` maps it to dbt's message;
    `error` is the text of what stopped dbt before any node ran, else ''.
    """

    succeeded: bool
    database: Path
    target_path: Path
    statuses: dict[str, str] = field(default_factory=dict)
    messages: dict[str, str] = field(default_factory=dict)
    error: str = ""

    def failures(self) -> dict[str, str]:
        """Message of every node that failed or errored, by its name."""
        return {
            unique_id.split(".")[2]: self.messages[unique_id]
            for unique_id, status in self.statuses.items()
            if status in ("error", "fail", "runtime error")
        }

    def warnings(self) -> dict[str, str]:
        """Message of every test that warned, by its name."""
        return {
            unique_id.split(".")[2]: self.messages[unique_id]
            for unique_id, status in self.statuses.items()
            if status == "warn"
        }

    def everything_said(self) -> str:
        """All messages in one text, for looking up what a reader is told."""
        return "\n".join([self.error, *(text or "" for text in self.messages.values())])

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Rows of a query on the built database, opened read-only."""
        with duckdb.connect(str(self.database), read_only=True) as connection:
            return connection.execute(query).fetchall()

    def value(self, query: str) -> Any:
        """The first column of the first row of a query."""
        return self.rows(query)[0][0]

    def write(self, path: Path) -> None:
        """Keeps the run for another process."""
        path.write_text(json.dumps(asdict(self), default=str))

    @classmethod
    def read(cls, path: Path) -> DbtRun:
        """A run that `write` kept."""
        content = json.loads(path.read_text())
        paths = {name: Path(content[name]) for name in ("database", "target_path")}
        return cls(**content | paths)


@contextmanager
def environment(settings: dict[str, str | None]) -> Iterator[None]:
    """Sets environment variables for a while; None removes one."""
    before = {name: os.environ.get(name) for name in settings}
    try:
        for name, value in settings.items():
            os.environ.pop(name, None) if value is None else os.environ.__setitem__(name, value)
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.__setitem__(name, value)


@contextmanager
def without_descriptions() -> Iterator[None]:
    """Relations get no comments for a while: a statement per column, and no test of rows looks."""
    with (
        mock.patch.object(RuntimeConfigObject, "persist_relation_docs", lambda _: False),
        mock.patch.object(RuntimeConfigObject, "persist_column_docs", lambda _: False),
    ):
        yield


@dataclass
class SharedParses:
    """A folder with dbt's parse of the project, once it is set: runs start from it, whichever
    process comes first, and dbt parses again what another copy of the project has changed."""

    folder: Path | None = None

    def provide(self, target: str, arguments: list[str], options: list[str], to: Path) -> None:
        """Puts an earlier parse where the run will look for its own, unless it has one."""
        own = to / "partial_parse.msgpack"
        if self.folder is None or "--no-partial-parse" in arguments or own.exists():
            return
        to.mkdir(parents=True, exist_ok=True)
        kept = self.folder / target
        with FileLock(f"{kept}.lock"):
            if not kept.exists():
                with environment({dbt_shortcuts.RAW_PATH: str(self.folder / "no_raw_files")}):
                    dbtRunner().invoke([*QUIETLY, "--no-write-json", "parse", *options])
                if not own.exists():
                    return
                shutil.copy(own, kept)
        shutil.copy(kept, own)

    def keep(self, target: str, run: DbtRun) -> None:
        """Starts later runs from what this one, without vars, has parsed completely."""
        if self.folder is not None:
            kept = self.folder / target
            with FileLock(f"{kept}.lock"):
                if not kept.exists():
                    shutil.copy(run.target_path / "partial_parse.msgpack", kept)


SHARED_PARSES = SharedParses()


def run_dbt(
    arguments: list[str],
    workspace: Path,
    raw_path: Path | None = None,
    variables: dict[str, Any] | None = None,
    settings: dict[str, str | None] | None = None,
    project: Path = PROJECT,
    is_documented: bool = False,
    callbacks: Sequence[Callable[[EventMsg], None]] = (),
) -> DbtRun:
    """Runs `dbt <arguments>` on the project with its database, target and logs under `workspace`.

    `raw_path` is the folder of raw files (default: the sample company), `variables` become --vars,
    `settings` are environment variables for the run; `callbacks` see every event of dbt. A run that
    `is_documented` leaves manifest.json and the descriptions of relations behind, which takes half
    as long again. Never raises on a failing build: look at the returned DbtRun.
    """
    workspace.mkdir(parents=True, exist_ok=True)
    database = workspace / "ai_finops.duckdb"
    target_path = workspace / "target"
    full_settings: dict[str, str | None] = {
        "AI_FINOPS_RAW_PATH": str(raw_path or SAMPLE_DATA),
        "AI_FINOPS_DUCKDB_PATH": str(database),
        "AI_FINOPS_RAW_FORMAT": None,
        "AI_FINOPS_PSEUDONYM_KEY": None,
        "AI_FINOPS_TARGET": None,
        **(settings or {}),
    }
    options = [
        "--project-dir",
        str(project),
        "--profiles-dir",
        str(project),
        "--target-path",
        str(target_path),
        "--log-path",
        str(workspace / "logs"),
    ]
    if variables:
        options += ["--vars", json.dumps(variables)]
    write_json = "--write-json" if is_documented else "--no-write-json"
    with (
        environment(full_settings),
        nullcontext() if is_documented else without_descriptions(),
        dbt_shortcuts.nothing_collected(),
    ):
        SHARED_PARSES.provide("duckdb", arguments, options, target_path)
        command = [*QUIETLY, write_json, *arguments, *options]
        outcome = dbtRunner(callbacks=list(callbacks)).invoke(command)
        DuckDBConnectionManager.close_all_connections()
    run = DbtRun(bool(outcome.success), database, target_path)
    if outcome.exception is not None:
        run.error = str(outcome.exception)
    for node_result in getattr(outcome.result, "results", None) or []:
        run.statuses[node_result.node.unique_id] = str(node_result.status)
        run.messages[node_result.node.unique_id] = node_result.message or ""
    return run
