"""Tables on their way to Parquet, the same bytes every time."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb


@dataclass(frozen=True)
class Table:
    """One raw file: its place under the output folder, its columns with types, its rows."""

    path: str
    columns: dict[str, str]
    rows: list[dict[str, Any]]


def _plain(value: Any) -> Any:
    """A JSON value DuckDB reads back exactly: decimals and times travel as text."""
    if isinstance(value, (Decimal, datetime, date)):
        return str(value)
    return value


def write_table(table: Table, folder: Path) -> None:
    """Write one table as zstd Parquet. Raises ValueError for a row with other columns."""
    target = folder / table.path
    target.parent.mkdir(parents=True, exist_ok=True)
    names = list(table.columns)
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / "rows.ndjson"
        with source.open("w", encoding="utf-8") as lines:
            for row in table.rows:
                if list(row) != names:
                    raise ValueError(f"{table.path}: a row has columns {list(row)}, not {names}")
                lines.write(json.dumps({name: _plain(row[name]) for name in names}) + "\n")
        source_text, target_text = (str(path).replace("'", "''") for path in (source, target))
        types = ", ".join(f"'{name}': '{kind}'" for name, kind in table.columns.items())
        with duckdb.connect() as connection:
            # One thread and the given order: the bytes depend on the rows alone.
            connection.execute("set threads = 1")
            connection.execute("set preserve_insertion_order = true")
            connection.execute(
                f"copy (select * from read_json('{source_text}', format = 'newline_delimited', "
                f"columns = {{{types}}})) to '{target_text}' "
                "(format parquet, compression zstd, compression_level 9, row_group_size 20000)"
            )
