"""Exports the FOCUS datasets of the last build: one Parquet file per version in published/.

    python -m scripts.export_focus [--database ai_finops.duckdb] [--manifest target/manifest.json]
                                   [--output published]

The files are those that `make publish` writes, under the same names, with the version of the
specification in their metadata. Each is written whole under another name and then renamed, so a
reader sees the old file or the new one.

Exit code 0: exported. 1: nothing was replaced and the message says why.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import duckdb

from scripts.publish_marts import (
    PROJECT,
    Mart,
    PublishError,
    require_built,
    text_literal,
    unfinished_folder,
    write_through,
)

DATASET = "focus_cost_and_usage"


@dataclass(frozen=True)
class Dataset:
    """A version of the dataset and the table that holds it."""

    version: str
    mart: Mart


def focus_datasets(manifest_path: Path) -> list[Dataset]:
    """The versions of the dataset that dbt's manifest names, the oldest first."""
    if not manifest_path.exists():
        raise PublishError(f"{manifest_path} does not exist: run 'dbt build' first")
    manifest = json.loads(manifest_path.read_text())
    adapter = manifest["metadata"]["adapter_type"]
    if adapter != "duckdb":
        raise PublishError(
            f"{manifest_path} describes a {adapter} target; this script exports DuckDB builds"
        )
    datasets = [
        Dataset(str(node["version"]).replace("_", "."), Mart(node["schema"], node["alias"]))
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and node["name"] == DATASET
    ]
    if not datasets:
        raise PublishError(f"{manifest_path} names no {DATASET}")
    return sorted(datasets, key=lambda dataset: dataset.version)


def write_dataset(connection: duckdb.DuckDBPyConnection, dataset: Dataset, folder: Path) -> int:
    """Writes one version of the attached database `built`; returns its number of rows."""
    relation = dataset.mart.built_relation
    (rows,) = connection.execute(f"select count(*) from {relation}").fetchall()[0]
    if rows == 0:
        # Validators and FinOps tools reject a dataset without rows.
        raise PublishError(f"{dataset.mart.name} has no rows: there is nothing to export")
    connection.execute(
        f"copy {relation} to {text_literal(str(folder / f'{dataset.mart.name}.parquet'))}"
        " (format parquet, compression zstd,"
        f" kv_metadata {{focus_version: {text_literal(dataset.version)}}})"
    )
    return rows


def export(database: Path, manifest_path: Path, output: Path) -> dict[str, int]:
    """Exports the dataset's versions to the folder `output`; returns rows by file name.

    Raises PublishError when something keeps it from being done; the files of the last export are
    then still there.
    """
    if not database.exists():
        raise PublishError(f"{database} does not exist: run 'dbt build' first")
    datasets = focus_datasets(manifest_path)
    try:
        with unfinished_folder(output) as folder:
            with duckdb.connect() as connection:
                connection.execute(f"attach {text_literal(str(database))} as built (read_only)")
                require_built(connection, [dataset.mart for dataset in datasets])
                rows = {
                    f"{dataset.mart.name}.parquet": write_dataset(connection, dataset, folder)
                    for dataset in datasets
                }
            for name in rows:
                write_through(folder / name)
            for name in rows:
                (folder / name).replace(output / name)
    except (OSError, duckdb.Error) as problem:
        raise PublishError(f"cannot export {database} to {output}: {problem}") from problem
    return rows


def main(arguments: list[str] | None = None) -> int:
    """Reads the arguments and exports; returns the exit code."""
    parser = argparse.ArgumentParser(description="Export the FOCUS datasets of the last build.")
    default_database = os.environ.get("AI_FINOPS_DUCKDB_PATH", "ai_finops.duckdb")
    parser.add_argument("--database", type=Path, default=PROJECT / default_database)
    parser.add_argument("--manifest", type=Path, default=PROJECT / "target" / "manifest.json")
    parser.add_argument("--output", type=Path, default=PROJECT / "published")
    options = parser.parse_args(arguments)
    try:
        rows = export(options.database, options.manifest, options.output)
    except PublishError as problem:
        print(f"Nothing was exported: {problem}.", file=sys.stderr)
        return 1
    for name, count in rows.items():
        print(f"Exported {count:,} charges to {options.output / name}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
