"""What `make publish` leaves for BI tools: the files, their types, and how they are replaced."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest
from dbt_runs import PROJECT, DbtRun, run_dbt

from scripts.print_summary import summary_lines
from scripts.publish_marts import PublishError, publish

PUBLISH_SCRIPT = PROJECT / "scripts" / "publish_marts.py"
# DuckDB 1.4 opens file versions up to this one.
NEWEST_STORAGE_VERSION = 67


@dataclass(frozen=True)
class Published:
    """A build, the folder it was published to and its manifest."""

    build: DbtRun
    folder: Path
    manifest: Path

    def contracts(self) -> dict[str, dict[str, str]]:
        """Declared column types of every public mart, by mart and column."""
        nodes = json.loads(self.manifest.read_text())["nodes"].values()
        return {
            node["alias"]: {
                name: normal_type(column["data_type"]) for name, column in node["columns"].items()
            }
            for node in nodes
            if node["resource_type"] == "model" and node["access"] == "public"
        }


def normal_type(declared: str) -> str:
    """A declared type as DuckDB spells it."""
    return re.sub(r"\s", "", declared).upper().replace("NUMERIC", "DECIMAL")


def described_columns(connection: duckdb.DuckDBPyConnection, relation: str) -> dict[str, str]:
    """Column names and types of a relation, in order."""
    return {
        name: kind.replace(" ", "")
        for name, kind, *_ in connection.execute(f"describe from {relation}").fetchall()
    }


def storage_version(database: Path) -> int:
    """The version that a DuckDB file declares: bytes 12 to 19, little-endian."""
    return int.from_bytes(database.read_bytes()[12:20], "little")


@pytest.fixture(scope="module")
def published(sample_build: DbtRun, tmp_path_factory: pytest.TempPathFactory) -> Published:
    """The sample company's marts, published once."""
    folder = tmp_path_factory.mktemp("publish") / "published"
    manifest = sample_build.target_path / "manifest.json"
    publish(sample_build.database, manifest, folder)
    return Published(sample_build, folder, manifest)


@pytest.fixture
def small_build(tmp_path: Path) -> tuple[Path, Path]:
    """A database with two public marts and a private table, and its manifest."""
    database = tmp_path / "built.duckdb"
    with duckdb.connect(str(database)) as connection:
        connection.execute("create table dim_colors as select 1 as color_id, 'red' as color_name")
        connection.execute(
            "create table fct_paints as select i as paint_id, hash(i)::varchar as lot"
            " from range(200000) as numbers (i)"
        )
        connection.execute("create table int_secrets as select 1 as secret")
        connection.execute("comment on column dim_colors.color_name is 'Color''s name.'")
    return database, write_manifest(tmp_path / "manifest.json", ["dim_colors", "fct_paints"])


def write_manifest(path: Path, marts: list[str], adapter: str = "duckdb") -> Path:
    """A manifest with these public tables, a public view and a private table."""

    def node(name: str, access: str, materialized: str) -> dict[str, Any]:
        return {
            "resource_type": "model",
            "schema": "main",
            "alias": name,
            "access": access,
            "config": {"materialized": materialized},
        }

    nodes = [node(mart, "public", "table") for mart in marts]
    nodes += [
        node("int_secrets", "protected", "table"),
        node("shared_view", "public", "view"),
        {"resource_type": "test"},
    ]
    content = {
        "metadata": {"adapter_type": adapter},
        "nodes": {str(number): one for number, one in enumerate(nodes)},
    }
    path.write_text(json.dumps(content))
    return path


def run_script(
    database: Path, manifest: Path, output: Path, file_size_limit: int | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs the script as a user does; a limit in bytes stands in for a disk without space."""

    def limit_file_size() -> None:
        if file_size_limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_size_limit, file_size_limit))

    return subprocess.run(
        [
            *(sys.executable, str(PUBLISH_SCRIPT), "--database", str(database)),
            *("--manifest", str(manifest), "--output", str(output)),
        ],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=limit_file_size,
    )


def contents(folder: Path) -> dict[str, bytes]:
    """Bytes of every file that a reader of the folder sees."""
    return {
        path.name: path.read_bytes() for path in folder.iterdir() if not path.name.startswith(".")
    }


# What is published --------------------------------------------------------------------------------


def test_every_public_mart_is_published_and_nothing_else(published: Published) -> None:
    marts = sorted(published.contracts())
    with duckdb.connect(str(published.folder / "marts.duckdb"), read_only=True) as connection:
        tables = connection.execute(
            "select schema_name, table_name from duckdb_tables() order by table_name"
        ).fetchall()
        views = connection.execute("select * from duckdb_views() where not internal").fetchall()
    assert tables == [("main", mart) for mart in marts]
    assert views == []
    assert sorted(path.stem for path in published.folder.glob("*.parquet")) == marts


def test_column_types_equal_the_contract(published: Published) -> None:
    with duckdb.connect(str(published.folder / "marts.duckdb"), read_only=True) as connection:
        for mart, declared in published.contracts().items():
            parquet_file = published.folder / f"{mart}.parquet"
            assert described_columns(connection, f"main.{mart}") == declared, mart
            assert described_columns(connection, f"'{parquet_file}'") == declared, mart


def test_files_hold_the_rows_of_the_build(published: Published) -> None:
    with duckdb.connect(str(published.folder / "marts.duckdb"), read_only=True) as connection:
        connection.execute(f"attach '{published.build.database}' as built (read_only)")
        for mart in published.contracts():
            for copy in (f"main.{mart}", f"'{published.folder / mart}.parquet'"):
                differences = connection.execute(
                    f"select count(*) from ((from built.main.{mart} except all from {copy})"
                    f" union all (from {copy} except all from built.main.{mart}))"
                ).fetchone()
                assert differences == (0,), copy


def test_descriptions_travel_with_the_tables(published: Published) -> None:
    with duckdb.connect(str(published.folder / "marts.duckdb"), read_only=True) as connection:
        undescribed = connection.execute(
            "select table_name, column_name from duckdb_columns()"
            " where comment is null and not internal"
        ).fetchall()
        tables = connection.execute("select comment from duckdb_tables()").fetchall()
    assert undescribed == []
    assert all(comment.startswith("One row per ") for (comment,) in tables)


def test_parquet_files_are_compressed_with_zstd(published: Published) -> None:
    compressions = duckdb.execute(
        f"select distinct compression from parquet_metadata('{published.folder}/*.parquet')"
    ).fetchall()
    assert compressions == [("ZSTD",)]


def test_every_double_is_finite(published: Published) -> None:
    with duckdb.connect(str(published.folder / "marts.duckdb"), read_only=True) as connection:
        for mart, declared in published.contracts().items():
            for column in [name for name, kind in declared.items() if kind == "DOUBLE"]:
                found = connection.execute(
                    f'select count(*) from {mart} where not isfinite("{column}")'
                ).fetchone()
                assert found == (0,), f"{mart}.{column}"


def test_duckdb_1_clients_can_open_the_files(published: Published) -> None:
    assert storage_version(published.folder / "marts.duckdb") <= NEWEST_STORAGE_VERSION
    assert storage_version(published.build.database) <= NEWEST_STORAGE_VERSION


def test_the_summary_fits_on_a_screen(published: Published) -> None:
    lines = summary_lines(published.folder / "marts.duckdb")
    cost = published.build.value(
        "select sum(effective_cost_usd) from fct_attempts where is_cost_bearing"
    )
    assert len(lines) < 25
    assert all(len(line) <= 120 for line in lines)
    assert f"{cost:,.2f} USD" in "\n".join(lines)


def test_the_summary_of_an_empty_build_says_so(tmp_path: Path) -> None:
    marts = tmp_path / "marts.duckdb"
    with duckdb.connect(str(marts)) as connection:
        connection.execute(
            "create table fct_attempts (attempt_date date, effective_cost_usd decimal(38, 12),"
            " unpriced_reason varchar, unpriced_exposure_usd decimal(38, 12),"
            " cost_center_id varchar, is_cost_bearing boolean)"
        )
        connection.execute("create table fct_interactions (interaction_id varchar)")
        connection.execute(
            "create table rpt_quarantined_records"
            " (rejected_rows bigint, estimated_cost_usd decimal(38, 12))"
        )
        connection.execute(
            "create table rpt_cost_per_interaction_daily (application_id varchar,"
            " total_cost_usd decimal(38, 12), production_cost_usd decimal(38, 12),"
            " successful_interactions bigint)"
        )
    (line,) = summary_lines(marts)
    assert "no attempts" in line


# How it is replaced -------------------------------------------------------------------------------


def test_a_reader_neither_blocks_a_build_nor_loses_its_file(
    sample_build: DbtRun, tmp_path: Path
) -> None:
    workspace = tmp_path / "work"
    workspace.mkdir()
    shutil.copy(sample_build.database, workspace / "ai_finops.duckdb")
    folder = tmp_path / "published"
    manifest = sample_build.target_path / "manifest.json"
    publish(workspace / "ai_finops.duckdb", manifest, folder)

    with duckdb.connect(str(folder / "marts.duckdb"), read_only=True) as reader:
        before = reader.execute("select count(*) from dim_cost_centers").fetchone()
        rebuilt = run_dbt(["build", "--select", "dim_cost_centers"], workspace)
        assert rebuilt.succeeded, rebuilt.failures()
        old_file = (folder / "marts.duckdb").stat().st_ino
        done = run_script(rebuilt.database, manifest, folder)
        assert done.returncode == 0, done.stderr
        assert (folder / "marts.duckdb").stat().st_ino != old_file
        assert reader.execute("select count(*) from dim_cost_centers").fetchone() == before


def test_files_of_marts_that_are_gone_are_removed(
    small_build: tuple[Path, Path], tmp_path: Path
) -> None:
    database, manifest = small_build
    folder = tmp_path / "published"
    assert publish(database, manifest, folder) == ["dim_colors", "fct_paints"]
    (folder / "notes.txt").write_text("A file of somebody else.")
    write_manifest(manifest, ["dim_colors"])
    publish(database, manifest, folder)
    assert sorted(contents(folder)) == ["dim_colors.parquet", "marts.duckdb", "notes.txt"]


def test_the_leavings_of_a_killed_run_are_cleared(
    small_build: tuple[Path, Path], tmp_path: Path
) -> None:
    database, manifest = small_build
    folder = tmp_path / "published"
    (folder / ".unfinished").mkdir(parents=True)
    (folder / ".unfinished" / "marts.duckdb").write_text("Half a file.")
    publish(database, manifest, folder)
    assert not (folder / ".unfinished").exists()
    assert sorted(contents(folder)) == ["dim_colors.parquet", "fct_paints.parquet", "marts.duckdb"]


def test_a_column_comment_with_a_quote_is_published(
    small_build: tuple[Path, Path], tmp_path: Path
) -> None:
    database, manifest = small_build
    publish(database, manifest, tmp_path / "published")
    with duckdb.connect(str(tmp_path / "published" / "marts.duckdb"), read_only=True) as connection:
        comments = connection.execute(
            "select comment from duckdb_columns() where comment is not null"
        ).fetchall()
    assert comments == [("Color's name.",)]


def test_a_full_disk_leaves_the_old_files(small_build: tuple[Path, Path], tmp_path: Path) -> None:
    database, manifest = small_build
    folder = tmp_path / "published"
    publish(database, manifest, folder)
    before = contents(folder)
    failed = run_script(database, manifest, folder, file_size_limit=500_000)
    assert failed.returncode == 1
    assert "Nothing was published: cannot write to" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert contents(folder) == before
    assert not (folder / ".unfinished").exists()


@contextmanager
def ordinary_user() -> Iterator[None]:
    """Gives up the right of an administrator to write everywhere."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may look into."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_a_read_only_folder_leaves_the_old_files(
    small_build: tuple[Path, Path], open_folder: Path
) -> None:
    database, manifest = (Path(shutil.copy(path, open_folder)) for path in small_build)
    folder = open_folder / "published"
    publish(database, manifest, folder)
    before = contents(folder)
    folder.chmod(0o555)
    try:
        with ordinary_user(), pytest.raises(PublishError, match="cannot write to"):
            publish(database, manifest, folder)
    finally:
        folder.chmod(0o755)
    assert contents(folder) == before


def test_two_runs_do_not_meet(small_build: tuple[Path, Path], tmp_path: Path) -> None:
    import fcntl

    database, manifest = small_build
    folder = tmp_path / "published"
    folder.mkdir()
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        failed = run_script(database, manifest, folder)
    assert failed.returncode == 1
    assert "another publish" in failed.stderr


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        ("no database", "does not exist: run 'dbt build' first"),
        ("no manifest", "does not exist: run 'dbt build' first"),
        ("a mart that is not built", "not built yet: dim_shapes"),
        ("a manifest of another target", "describes a snowflake target"),
        ("a manifest without marts", "names no public table"),
        ("a database that is no database", "cannot open"),
    ],
)
def test_what_is_missing_is_said(
    problem: str, said: str, small_build: tuple[Path, Path], tmp_path: Path
) -> None:
    database, manifest = small_build
    if problem == "no database":
        database = tmp_path / "nowhere.duckdb"
    elif problem == "no manifest":
        manifest = tmp_path / "nowhere.json"
    elif problem == "a mart that is not built":
        write_manifest(manifest, ["dim_colors", "dim_shapes"])
    elif problem == "a manifest of another target":
        write_manifest(manifest, ["dim_colors"], adapter="snowflake")
    elif problem == "a manifest without marts":
        write_manifest(manifest, [])
    else:
        database.write_bytes(b"This is no database." * 500)
    failed = run_script(database, manifest, tmp_path / "published")
    assert failed.returncode == 1
    assert said in failed.stderr
    assert "Traceback" not in failed.stderr


def test_a_database_that_dbt_is_writing_is_left_alone(
    small_build: tuple[Path, Path], tmp_path: Path
) -> None:
    database, manifest = small_build
    with duckdb.connect(str(database)) as writer:
        writer.execute("create table more as select 1 as one")
        failed = run_script(database, manifest, tmp_path / "published")
    assert failed.returncode == 1
    assert "is dbt still running?" in failed.stderr
