"""Publishes the marts of the last build for BI tools: published/marts.duckdb and Parquet files.

    python scripts/publish_marts.py [--database ai_finops.duckdb] [--manifest target/manifest.json]
                                    [--output published]

A mart is a table that the project declares `access: public`. Every file is first written whole
under another name and then renamed, so a reader sees the old file or the new one, never half of
one, and a reader that holds the old file neither blocks this script nor is cut off by it. The
DuckDB file is written in a storage version that DuckDB 1.4 and newer clients open.

Exit code 0: published. 1: nothing was replaced and the message says why.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

PROJECT = Path(__file__).resolve().parents[1]
# Newer versions are not readable for DuckDB 1.4, older ones save nothing.
STORAGE_VERSION = "v1.4.0"
MARTS_FILE = "marts.duckdb"
UNFINISHED_FOLDER = ".unfinished"


class PublishError(Exception):
    """What kept the marts from being published, said to the reader."""


@dataclass(frozen=True)
class Mart:
    """A public table of the built database."""

    schema: str
    name: str

    @property
    def built_relation(self) -> str:
        """The table in the attached database `built`."""
        return f"built.{quoted(self.schema)}.{quoted(self.name)}"


def quoted(identifier: str) -> str:
    """An SQL identifier in double quotes."""
    return '"' + identifier.replace('"', '""') + '"'


def text_literal(text: str) -> str:
    """An SQL text literal."""
    return "'" + text.replace("'", "''") + "'"


def public_marts(manifest_path: Path) -> list[Mart]:
    """The public tables that dbt's manifest names, in the order of their names."""
    if not manifest_path.exists():
        raise PublishError(f"{manifest_path} does not exist: run 'dbt build' first")
    manifest = json.loads(manifest_path.read_text())
    adapter = manifest["metadata"]["adapter_type"]
    if adapter != "duckdb":
        raise PublishError(
            f"{manifest_path} describes a {adapter} target; this script publishes DuckDB builds"
        )
    marts = [
        Mart(schema=node["schema"], name=node["alias"])
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model"
        and node["access"] == "public"
        and node["config"]["materialized"] in ("table", "incremental")
    ]
    if not marts:
        raise PublishError(f"{manifest_path} names no public table")
    return sorted(marts, key=lambda mart: mart.name)


def require_built(connection: duckdb.DuckDBPyConnection, marts: list[Mart]) -> None:
    """Raises PublishError when a mart of the manifest is not in the database."""
    built = connection.execute(
        "select schema_name, table_name from duckdb_tables() where database_name = 'built'"
    ).fetchall()
    missing = [mart.name for mart in marts if (mart.schema, mart.name) not in built]
    if missing:
        raise PublishError(f"not built yet: {', '.join(missing)}; run 'dbt build' first")


def copy_descriptions(connection: duckdb.DuckDBPyConnection, mart: Mart) -> None:
    """Carries the descriptions of a mart and its columns over as comments: tooltips of BI tools."""
    published_relation = f"published.main.{quoted(mart.name)}"
    key = [mart.schema, mart.name]
    (table_comment,) = connection.execute(
        "select comment from duckdb_tables()"
        " where database_name = 'built' and schema_name = ? and table_name = ?",
        key,
    ).fetchall()[0]
    if table_comment:
        connection.execute(
            f"comment on table {published_relation} is {text_literal(table_comment)}"
        )
    column_comments = connection.execute(
        "select column_name, comment from duckdb_columns()"
        " where database_name = 'built' and schema_name = ? and table_name = ?"
        " and comment is not null order by column_index",
        key,
    ).fetchall()
    for column, comment in column_comments:
        connection.execute(
            f"comment on column {published_relation}.{quoted(column)} is {text_literal(comment)}"
        )


def write_marts(database: Path, marts: list[Mart], folder: Path) -> None:
    """Writes every file to `folder`: marts.duckdb and one Parquet file per mart."""
    with duckdb.connect() as connection:
        try:
            connection.execute(f"attach {text_literal(str(database))} as built (read_only)")
        except duckdb.IOException as problem:
            raise PublishError(
                f"cannot open {database} (is dbt still running?): {problem}"
            ) from None
        require_built(connection, marts)
        connection.execute(
            f"attach {text_literal(str(folder / MARTS_FILE))} as published"
            f" (storage_version {text_literal(STORAGE_VERSION)})"
        )
        for mart in marts:
            connection.execute(
                f"create table published.main.{quoted(mart.name)} as from {mart.built_relation}"
            )
            copy_descriptions(connection, mart)
            connection.execute(
                f"copy {mart.built_relation} to"
                f" {text_literal(str(folder / f'{mart.name}.parquet'))}"
                " (format parquet, compression zstd)"
            )
        connection.execute("detach published")


@contextmanager
def unfinished_folder(output: Path) -> Iterator[Path]:
    """An empty folder inside `output` for files in the making, for one publish at a time.

    A killed run leaves its folder behind; the next one empties it. The lock goes with its process.
    """
    output.mkdir(parents=True, exist_ok=True)
    with (output / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PublishError(f"another publish to {output} is running") from None
        folder = output / UNFINISHED_FOLDER
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def write_through(path: Path) -> None:
    """Makes sure that a file's bytes are on disk before its name is taken over."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def publish(database: Path, manifest_path: Path, output: Path) -> list[str]:
    """Publishes the public marts of `database` to the folder `output`; returns their names.

    Raises PublishError when something keeps it from being done; the files of the last publish are
    then still there.
    """
    if not database.exists():
        raise PublishError(f"{database} does not exist: run 'dbt build' first")
    marts = public_marts(manifest_path)
    try:
        with unfinished_folder(output) as folder:
            write_marts(database, marts, folder)
            files = sorted(folder.iterdir())
            for file in files:
                write_through(file)
            for file in files:
                file.replace(output / file.name)
            for parquet_file in output.glob("*.parquet"):
                if parquet_file.stem not in {mart.name for mart in marts}:
                    parquet_file.unlink()
    except (OSError, duckdb.Error) as problem:
        raise PublishError(f"cannot write to {output}: {problem}") from problem
    return [mart.name for mart in marts]


def main() -> int:
    """Reads the arguments and publishes; returns the exit code."""
    parser = argparse.ArgumentParser(description="Publish the marts of the last build.")
    default_database = os.environ.get("AI_FINOPS_DUCKDB_PATH", "ai_finops.duckdb")
    parser.add_argument("--database", type=Path, default=PROJECT / default_database)
    parser.add_argument("--manifest", type=Path, default=PROJECT / "target" / "manifest.json")
    parser.add_argument("--output", type=Path, default=PROJECT / "published")
    arguments = parser.parse_args()
    try:
        names = publish(arguments.database, arguments.manifest, arguments.output)
    except PublishError as problem:
        print(f"Nothing was published: {problem}.", file=sys.stderr)
        print("The files of the last publish, if any, are unchanged.", file=sys.stderr)
        return 1
    print(f"Published {len(names)} marts to {arguments.output}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
