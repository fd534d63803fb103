"""Loads the raw files of all sources into Snowflake, as the tables that the project reads there.

    python scripts/load_snowflake.py            # or: make load-snowflake

Reads the folder AI_FINOPS_RAW_PATH (default: sample_data) and writes the schema
AI_FINOPS_RAW_SCHEMA (default: RAW) of SNOWFLAKE_DATABASE. The account comes from the same
SNOWFLAKE_* variables as profiles.yml. Each file goes to a temporary stage of the session, one COPY
fills each table, and the finished table replaces the old one in a single step: readers see all of
the old rows or all of the new ones, and running it again changes nothing.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import snowflake.connector
import yaml

PROJECT = Path(__file__).resolve().parents[1]
STAGE = "ai_finops_load"

# DuckDB's name of a Parquet column's type, without its arguments, and the column to create for it.
# Times are written without a zone and mean UTC; one with a zone keeps its offset.
SNOWFLAKE_TYPES = {
    "VARCHAR": "varchar",
    "BOOLEAN": "boolean",
    "TINYINT": "bigint",
    "SMALLINT": "bigint",
    "INTEGER": "bigint",
    "BIGINT": "bigint",
    "FLOAT": "double",
    "DOUBLE": "double",
    "DATE": "date",
    "TIMESTAMP": "timestamp_ntz",
    "TIMESTAMP_NS": "timestamp_ntz",
    "TIMESTAMP WITH TIME ZONE": "timestamp_tz",
}


@dataclass(frozen=True)
class RawTable:
    """A table to load: its name on Snowflake, its files, and its columns as (name, type)."""

    name: str
    files: list[Path]
    columns: list[tuple[str, str]]


def declared_tables(models: Path = PROJECT / "models") -> list[tuple[str, str]]:
    """(source, table) of every source table that the project declares."""
    declared = []
    for path in sorted(models.rglob("_*__sources.yml")):
        for source in yaml.safe_load(path.read_text(encoding="utf-8"))["sources"]:
            declared += [(source["name"], table["name"]) for table in source["tables"]]
    return declared


def snowflake_type(duckdb_type: str) -> str:
    """Type of the Snowflake column for a Parquet column. Raises ValueError for nested types."""
    if duckdb_type.startswith("DECIMAL"):
        return duckdb_type.lower()
    if duckdb_type not in SNOWFLAKE_TYPES:
        raise ValueError(f"a column of type {duckdb_type} has no counterpart here")
    return SNOWFLAKE_TYPES[duckdb_type]


def raw_tables(folder: Path) -> list[RawTable]:
    """The declared tables whose files exist under `folder`/<source>/<table>*.parquet."""
    tables = []
    with duckdb.connect() as connection:
        for source, table in declared_tables():
            files = sorted((folder / source).glob(f"{table}*.parquet"))
            if not files:
                continue
            described = connection.execute(
                "describe select * from read_parquet(?, union_by_name=true)",
                [[str(file) for file in files]],
            ).fetchall()
            columns = [(row[0], snowflake_type(row[1])) for row in described]
            tables.append(RawTable(f"{source}__{table}", files, columns))
    return tables


def statements(table: RawTable) -> list[str]:
    """SQL that fills one table. Column names are stored in upper case, so that nobody has to quote
    them; COPY finds each column of a file by its name, whatever its case."""
    columns = ",\n    ".join(f'"{name.upper()}" {kind}' for name, kind in table.columns)
    loading = f"{table.name}__loading"
    uploads = [
        f"put 'file://{file.resolve()}' @{STAGE}/{table.name}/ auto_compress=false overwrite=true"
        for file in table.files
    ]
    return [
        f"create or replace transient table {loading} (\n    {columns}\n)",
        *uploads,
        f"copy into {loading}\nfrom @{STAGE}/{table.name}/\n"
        "file_format = (type = parquet use_logical_type = true)\n"
        "match_by_column_name = case_insensitive\non_error = abort_statement",
        f"create or replace transient table {table.name} as select * from {loading}",
        f"drop table {loading}",
    ]


def connect() -> Any:
    """A connection with the settings of profiles.yml. Raises KeyError without account and user."""
    settings = {
        "account": os.environ["SNOWFLAKE_ACCOUNT"],
        "user": os.environ["SNOWFLAKE_USER"],
        "role": os.environ.get("SNOWFLAKE_ROLE", "AI_FINOPS"),
        "warehouse": os.environ.get("SNOWFLAKE_WAREHOUSE", "AI_FINOPS"),
        "database": os.environ.get("SNOWFLAKE_DATABASE", "AI_FINOPS"),
        "session_parameters": {"QUERY_TAG": os.environ.get("SNOWFLAKE_QUERY_TAG", "ai_finops")},
    }
    if os.environ.get("SNOWFLAKE_PRIVATE_KEY_PATH"):
        settings["private_key_file"] = os.environ["SNOWFLAKE_PRIVATE_KEY_PATH"]
        settings["private_key_file_pwd"] = (
            os.environ.get("SNOWFLAKE_PRIVATE_KEY_PASSPHRASE") or None
        )
    else:
        settings["password"] = os.environ["SNOWFLAKE_PASSWORD"]
    return snowflake.connector.connect(**settings)


def load(connection: Any, tables: list[RawTable], schema: str) -> dict[str, int]:
    """Loads the tables into the schema and returns the rows of each."""
    loaded = {}
    with connection.cursor() as cursor:
        cursor.execute(f"create schema if not exists {schema}")
        cursor.execute(f"use schema {schema}")
        cursor.execute(f"create or replace temporary stage {STAGE}")
        for table in tables:
            for statement in statements(table):
                cursor.execute(statement)
            loaded[table.name] = cursor.execute(f"select count(*) from {table.name}").fetchone()[0]
    return loaded


def main(arguments: list[str] | None = None) -> int:
    """Loads what is there; with --dry-run only prints the SQL."""
    parser = argparse.ArgumentParser(description="Load the raw files into Snowflake.")
    parser.add_argument("--dry-run", action="store_true", help="print the SQL, connect to nothing")
    options = parser.parse_args(arguments)
    folder = Path(os.environ.get("AI_FINOPS_RAW_PATH", PROJECT / "sample_data"))
    tables = raw_tables(folder)
    if not tables:
        print(
            f"No raw files of a declared source under {folder} (AI_FINOPS_RAW_PATH).",
            file=sys.stderr,
        )
        return 1
    if options.dry_run:
        for table in tables:
            print(";\n".join(statements(table)) + ";\n")
        return 0
    try:
        connection = connect()
    except KeyError as missing:
        print(f"{missing.args[0]} is not set: see docs/snowflake.md.", file=sys.stderr)
        return 1
    with connection:
        for name, rows in load(
            connection, tables, os.environ.get("AI_FINOPS_RAW_SCHEMA", "RAW")
        ).items():
            print(f"{name}: {rows} rows")
    return 0


if __name__ == "__main__":
    sys.exit(main())
